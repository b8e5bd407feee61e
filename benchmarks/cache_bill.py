"""What does a day of conversations cost in input tokens, by the documented rules of the providers' caches?

`python benchmarks/cache_bill.py` replays it and writes the table and the plot of docs/caching.md, which says what is
assumed. Prompts are rendered by the library, in the templates of examples/handler; nothing is sent. The same seed gives the
same figures on every machine.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from llm_persona import PersonaRegistry, Prompt, multiline
from llm_persona.files.output import write_file

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs/caching.md"
PLOT = HERE / "results/cache_bill.png"
TEMPLATES = [HERE / "templates", HERE.parent / "examples/handler/templates"]
DAY = 86_400  # seconds
CONVERSATIONS, FEWER = 10_000, 1_000
CHARACTERS = 4  # of a token
READ, WRITE, WRITE_HOUR = 0.1, 1.25, 2.0  # parts of what an uncached token costs
LIFETIME = {"5m": 300.0, "1h": 3600.0}
LOOK_BACK = 20  # blocks before a marker in which Anthropic looks for an entry
LEAST = 1024  # tokens that a prefix needs to be cached


class Block(NamedTuple):
    """A part of a request: what tells it from others, its tokens, and how long it is cached up to its end, if it is."""

    text: object
    tokens: int
    marker: str | None = None


class Request(NamedTuple):
    """One call of a model: the blocks of tools and system, those of the conversation so far, and whether its end is marked."""

    time: float  # seconds since midnight
    prefixes: Sequence[object]  # what each head block, with all before it, is known by
    sums: Sequence[int]  # tokens up to the end of each block
    markers: Mapping[int, str]  # by the number of the block
    answers_after: float  # seconds until the response begins, when its entries can be read
    ends: Sequence[int]  # blocks that end a message of the user or of a tool

    def known_by(self, conversation: int, number: int) -> object:
        head = len(self.prefixes)
        return self.prefixes[number] if number < head else (conversation, number - head)


class Entry(NamedTuple):
    readable: float
    expires: float
    lifetime: float


class Cache:
    """A provider's cache; `cost` is what a request costs, in uncached input tokens, and keeps what it writes."""

    def __init__(self) -> None:
        self.entries: dict[object, Entry] = {}

    def found(self, key: object, now: float) -> bool:
        entry = self.entries.get(key)
        return entry is not None and entry.readable <= now < entry.expires

    def used(self, key: object, now: float) -> None:
        """Use renews an entry."""
        if entry := self.entries.get(key):
            self.entries[key] = entry._replace(expires=max(entry.expires, now + entry.lifetime))

    def written(self, key: object, request: Request, lifetime: float) -> None:
        old = self.entries.get(key)
        readable = request.time + request.answers_after
        if old is not None and request.time < old.expires:
            readable = min(old.readable, readable)
        self.entries[key] = Entry(readable, request.time + lifetime, lifetime)

    def cost(self, request: Request, conversation: int) -> float:
        raise NotImplementedError


class Anthropic(Cache):
    """Entries are written at markers alone, for 5 minutes or an hour, and looked for up to 20 blocks before each."""

    def cost(self, request: Request, conversation: int) -> float:
        key = partial(request.known_by, conversation)
        marked = {number: ttl for number, ttl in sorted(request.markers.items()) if request.sums[number] >= LEAST}
        assert len(request.markers) <= 4
        looked_at = {back for number in marked for back in range(max(0, number - LOOK_BACK), number + 1)}
        hit = next((each for each in sorted(looked_at, reverse=True) if self.found(key(each), request.time)), -1)
        done = request.sums[hit] if hit >= 0 else 0
        cost = READ * done
        for number in {hit, *(each for each in marked if each < hit)} - {-1}:
            self.used(key(number), request.time)
        for number, ttl in marked.items():
            if number > hit:
                cost += (request.sums[number] - done) * (WRITE if ttl == "5m" else WRITE_HOUR)
                done = request.sums[number]
                self.written(key(number), request, LIFETIME[ttl])
        return cost + request.sums[-1] - done


class OpenAI(Cache):
    """From GPT-5.6 on: exact breakpoints, those marked and one at the newest message of the user or a tool; 30 minutes."""

    def cost(self, request: Request, conversation: int) -> float:
        key = partial(request.known_by, conversation)
        explicit = [number for number in sorted(request.markers) if number < len(request.prefixes)]
        breakpoints = [number for number in {*explicit, *request.ends} if request.sums[number] >= LEAST]
        hit = next((each for each in sorted(breakpoints, reverse=True) if self.found(key(each), request.time)), -1)
        done = request.sums[hit] if hit >= 0 else 0
        cost = READ * done
        for number in {hit, *(each for each in explicit if each < hit)} - {-1}:
            self.used(key(number), request.time)
        for number in sorted({*explicit, request.ends[-1]}):
            if number > hit and request.sums[number] >= LEAST:
                cost += (request.sums[number] - done) * WRITE
                done = request.sums[number]
                self.written(key(number), request, 1800.0)
        return cost + request.sums[-1] - done


class OlderOpenAI(Cache):
    """Before GPT-5.6: whatever begins alike, in steps of 128 tokens, for 10 minutes after its last use; writes are free."""

    def cost(self, request: Request, conversation: int) -> float:
        keys = [request.known_by(conversation, number) for number in range(len(request.sums))]
        hit = max((number for number, key in enumerate(keys) if self.found(key, request.time)), default=-1)
        alike = request.sums[hit] if hit >= 0 else 0
        read = alike // 128 * 128 if alike >= LEAST else 0
        for key in keys:
            if self.found(key, request.time):
                self.used(key, request.time)
            else:
                self.written(key, request, 600.0)
        return READ * read + request.sums[-1] - read


PROVIDERS: dict[str, Callable[[], Cache]] = {"Anthropic": Anthropic, "GPT-5.6": OpenAI, "before GPT-5.6": OlderOpenAI}

# ---- products


@dataclass(frozen=True)
class Product:
    """Personas and how people talk with them: tokens and seconds are means or medians."""

    registry: PersonaRegistry
    tools: int  # tokens of a persona's tools
    asked: Mapping[str, float]  # how often each persona is
    session: Callable[[str, random.Random], dict[str, object]]  # of one conversation, by its name
    turns: float
    pause: tuple[float, float]  # between turns: the median, and sigma of its logarithm
    user: int
    reply: int
    calls: float  # of tools, for each turn
    result: int  # tokens of a tool's answer
    answers_after: float
    tenants: Sequence[Mapping[str, object]] = ()  # what each tenant's conversations share


WORDS = "order parcel courier invoice address return credit delay contract account ticket answer repair card manager"


def prose(seed: object, tokens: int) -> str:
    """Return sentences of about so many tokens: always the same for a seed."""
    turns = random.Random(str(seed))
    text = ""
    while len(text) < tokens * CHARACTERS:
        text += " ".join(turns.choices(WORDS.split(), k=12)).capitalize() + ". "
    return text[: tokens * CHARACTERS].rstrip()


def support(*, cut: bool = False) -> Product:
    """Four personas at a desk, one with a version that is tried out; `cut`: the session gives a limit in the capabilities."""
    variables = {"user_name": None, "plan": "free", **({"refund_limit": "$50"} if cut else {})}
    limit = "Refund orders of less than " + ("{refund_limit}" if cut else "$50")
    acme = {
        "abstract": True,
        "company": "Acme Corp",
        "template": "desk",
        "variables": variables,
        "constraints": [prose(f"rule {number}", 22) for number in range(12)],
        "capabilities": ["Look up orders and explain their status", limit],
        "custom_sections": {"House style": prose("style", 300), "Escalation": prose("escalation", 250)},
    }
    roles = {
        "Maya": "Support Specialist",
        "Dora": "Documentation Guide",
        "Sam": "Sales Advisor",
        "Kit": "Returns Clerk",
    }
    data: dict[str, Any] = {"Acme": acme, "$rollouts": {"Maya": {"2": 10}}}
    for name, role in roles.items():
        capabilities = [prose(f"{name} {number}", 18) for number in range(8)]
        data[name] = {
            "parent": "Acme",
            "version": 1,
            "role": role,
            "tone": f"as a {role} is",
            "capabilities": capabilities,
        }
    data["Maya@2"] = {"parent": "Maya", "tone": "warm, brief, on first-name terms"}

    def session(name: str, turns: random.Random) -> dict[str, object]:
        values = {"user_name": f"User {name}", "plan": turns.choice(["free", "pro", "team"])}
        orders = {"extra_sections": {"Order history": prose(name, 90)}}
        return {**values, **orders, **({"refund_limit": turns.choice(["$50", "$50", "$50", "$500"])} if cut else {})}

    asked = {"Maya": 0.6, "Dora": 0.2, "Sam": 0.15, "Kit": 0.05}
    registry = PersonaRegistry.from_dict(data, templates=TEMPLATES)
    return Product(registry, 3000, asked, session, 6, (60, 1.0), 60, 180, 0.5, 300, 1.5)


def voice() -> Product:
    """One persona on the telephone: short turns, few tools."""
    maya = {
        "role": "Support Specialist",
        "company": "Acme Corp",
        "template": "voice",
        "constraints": [prose(f"voice rule {number}", 20) for number in range(10)],
        "capabilities": [prose(f"voice {number}", 15) for number in range(8)],
        "custom_sections": {"Pronunciation": prose("pronunciation", 250)},
        "variables": {"user_name": None},
    }
    registry = PersonaRegistry.from_dict({"Maya": maya}, templates=TEMPLATES)

    def caller(name: str, turns: int) -> dict[str, Any]:
        return {"user_name": f"Caller {name}"}

    return Product(registry, 900, {"Maya": 1.0}, caller, 14, (9, 0.6), 25, 40, 0.15, 120, 0.6)


def document(tenants: int = 40) -> Product:
    """A long manual for all, and the rules of each of forty tenants, of which a few are asked for most."""
    dora = {
        "role": "Document Assistant",
        "company": "Acme Corp",
        "template": "tenant",
        "tone": "precise",
        "constraints": [prose(f"document rule {number}", 25) for number in range(10)],
        "capabilities": ["Answer from the manual"],
        "custom_sections": {"Manual": prose("manual", 9000), "Style": prose("document style", 300)},
        "variables": {"user_name": None, "plan": "free", "rules": None},
    }
    registry = PersonaRegistry.from_dict({"Dora": dora}, templates=TEMPLATES)
    shared = [{"rules": multiline(prose(f"tenant {number}", 2500))} for number in range(tenants)]

    def user(name: str, turns: int) -> dict[str, Any]:
        return {"user_name": f"User {name}", "plan": "team"}

    return Product(registry, 1500, {"Dora": 1.0}, user, 4, (150, 1.1), 80, 350, 0.3, 800, 2.5, shared)


PRODUCTS: dict[str, Callable[[], Product]] = {
    "support": support,
    "support, its limit from the session": lambda: support(cut=True),
    "voice": voice,
    "document": document,
}

# ---- a day


@dataclass
class Conversation:
    prompt: Prompt
    tenant: int
    own: int  # characters that come from no value of the session
    blocks: list[int] = field(default_factory=list)  # tokens of each of its messages
    ends: list[int] = field(default_factory=list)


class Sent(NamedTuple):
    """A request of a conversation, and how many blocks of its messages it holds."""

    time: float
    conversation: int
    blocks: int


def day(product: Product, count: int) -> tuple[list[Conversation], list[Sent]]:
    """Return the conversations that begin in a day, most of them between six and twenty-two, and their requests in order."""
    turns = random.Random(1)
    own = cache(lambda ref, names: _own(prompts[ref]))
    conversations: list[Conversation] = []
    sent: list[Sent] = []
    prompts: dict[str, Prompt] = {}
    time = 0.0
    while (time := time + turns.expovariate(count / DAY * 1.9)) < DAY:
        hour = time / 3600
        busy = 0.08 + (0.92 * max(0.0, math.sin(math.pi * (hour - 6) / 16)) if 6 <= hour <= 22 else 0)
        if turns.random() > busy * 0.95:
            continue
        name = f"c{len(conversations)}"
        persona = product.registry.get(turns.choices(list(product.asked), list(product.asked.values()))[0], unit=name)
        tenant = min(int(turns.paretovariate(0.9)) - 1, max(len(product.tenants) - 1, 0))
        if product.tenants:
            persona = persona.with_session(**product.tenants[tenant])
        prompt = persona.render(**product.session(name, random.Random(f"session {name}")))
        prompts.setdefault(prompt.ref, prompt)
        conversations.append(Conversation(prompt, tenant, own(prompt.ref, prompt.session_names)))
        sent += _turns(product, conversations[-1], len(conversations) - 1, time, turns)
    return conversations, sorted(sent)


def _own(prompt: Prompt) -> int:
    """Return how many characters of a prompt come from no value of its session."""
    lines = prompt.explain()
    return len(prompt) - sum(len(span.text) for line in lines for span in line.spans if span.session)


def _turns(product: Product, talk: Conversation, number: int, time: float, turns: random.Random) -> Iterator[Sent]:
    while True:
        talk.blocks += [product.reply, product.user] if talk.blocks else [product.user]
        talk.ends.append(len(talk.blocks) - 1)
        yield Sent(time, number, len(talk.blocks))
        if turns.random() < product.calls:
            talk.blocks += [60, product.result]  # the call, and what it gave
            talk.ends.append(len(talk.blocks) - 1)
            time += product.answers_after + 1
            yield Sent(time, number, len(talk.blocks))
        if turns.random() < 1 / product.turns:
            return
        time += product.answers_after + 1 + turns.lognormvariate(math.log(product.pause[0]), product.pause[1])


# ---- the ways to send it

Head = Callable[[Product, Conversation], list[Block]]


def tokens(characters: int) -> int:
    return max(1, round(characters / CHARACTERS)) if characters else 0


def tools(product: Product, talk: Conversation) -> Block:
    return Block(("tools", talk.prompt.persona), product.tools)


def one_text(product: Product, talk: Conversation) -> list[Block]:
    return [tools(product, talk), Block(talk.prompt.text, tokens(len(talk.prompt)))]


def one_marked_text(product: Product, talk: Conversation) -> list[Block]:
    head, text = one_text(product, talk)
    return [head, text._replace(marker="5m")]


def readme(product: Product, talk: Conversation) -> list[Block]:
    """Return the blocks that README's call sends: whatever `anthropic_system` marks is marked."""
    blocks = talk.prompt.anthropic_system()
    system = [
        Block(each["text"], tokens(len(each["text"])), "5m" if "cache_control" in each else None) for each in blocks
    ]
    return [tools(product, talk), *system]


def best(first: str, tenant: str) -> Head:
    """Return the same characters in the best order: what all share, what a tenant's conversations share, the values."""

    def head(product: Product, talk: Conversation) -> list[Block]:
        shared = len(str(product.tenants[talk.tenant]["rules"])) if product.tenants else 0
        values = len(talk.prompt) - talk.own - shared
        blocks = [tools(product, talk), Block(("own", talk.prompt.ref), tokens(talk.own), first)]
        if shared:
            blocks.append(Block(("tenant", talk.tenant), tokens(shared), tenant))
        return [*blocks, Block(talk.prompt.text, tokens(values))]

    return head


class Way(NamedTuple):
    head: Head
    last_message: bool  # whether the end of the conversation is marked


UNMARKED, LETTER, BEST = "one text, no marks", "README, to the letter", "the best order"
WAYS = {
    UNMARKED: Way(one_text, False),
    "one text, marked": Way(one_marked_text, False),
    "one text, and the last message": Way(one_text, True),
    "stable part marked alone": Way(readme, False),
    LETTER: Way(readme, True),
}
ORDERS = (Way(best("5m", "5m"), True), Way(best("1h", "5m"), True), Way(best("1h", "1h"), True))


def bill(
    product: Product, conversations: Sequence[Conversation], sent: Sequence[Sent], way: Way, provider: str
) -> float:
    """Return what a day costs, in uncached input tokens."""
    provider_cache = PROVIDERS[provider]()
    made: dict[int, tuple[list[int], list[int], dict[int, str]]] = {}
    total = 0.0
    for time, number, count in sent:
        talk = conversations[number]
        if number not in made:
            head = way.head(product, talk)
            prefixes = [hash(tuple([block.text for block in head[: end + 1]])) for end in range(len(head))]
            sums = list(accumulate([*(block.tokens for block in head), *talk.blocks]))
            made[number] = prefixes, sums, {place: block.marker for place, block in enumerate(head) if block.marker}
        prefixes, sums, markers = made[number]
        length = len(prefixes) + count
        if way.last_message:
            markers = {**markers, length - 1: "5m"}
        ends = [len(prefixes) + end for end in talk.ends if end < count]
        total += provider_cache.cost(
            Request(time, prefixes, sums[:length], markers, product.answers_after, ends), number
        )
    return total


def bills(name: str, count: int = CONVERSATIONS, provider: str = "Anthropic") -> dict[str, float]:
    """Return what each way costs of a product's day; the best order is the cheapest of three lifetimes."""
    product = PRODUCTS[name]()
    conversations, sent = day(product, count)
    costs = {way: bill(product, conversations, sent, of, provider) for way, of in WAYS.items()}
    orders = ORDERS if provider == "Anthropic" else ORDERS[:1]
    return {**costs, BEST: min(bill(product, conversations, sent, each, provider) for each in orders)}


def table(found: Mapping[str, Mapping[str, float]]) -> str:
    """Return a row for each way and a column for each product, in multiples of the best order."""
    rows = [f"| | {' | '.join(found)} |", f"|---|{'---|' * len(found)}"]
    for way in (*WAYS, BEST):
        rows.append(f"| {way} | {' | '.join(f'{costs[way] / costs[BEST]:.2f}' for costs in found.values())} |")
    return "\n".join(rows) + "\n"


def draw(found: Mapping[str, Mapping[str, float]]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 4.2), layout="constrained")
    ways = [way for way in (*WAYS, BEST) if way != UNMARKED]
    for place, way in enumerate(ways):
        heights = [costs[way] / costs[BEST] for costs in found.values()]
        at = [index + (place - len(ways) / 2) * 0.16 for index in range(len(found))]
        axes.bar(at, heights, 0.15, label=way, color="#1f6feb" if way == LETTER else str(0.85 - 0.13 * place))
    axes.set_xticks(range(len(found)), [name.replace(", ", ",\n") for name in found])
    axes.axhline(1, color="#57606a", linewidth=0.8)
    axes.set_title("Input tokens of a day, as a multiple of the best order", loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
    figure.savefig(PLOT, dpi=120, metadata={"Software": None})


def filled(text: str, provider: str, rows: str) -> str:
    """Return a page with the table of a provider in it, between the comments that name it."""
    begin, end = f"<!-- {provider} -->\n", "<!-- end -->"
    before, _, after = text.partition(begin)
    return before + begin + rows + end + after.partition(end)[2]


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--conversations", type=int, default=CONVERSATIONS)
    asked.add_argument("--write", action="store_true", help="write the tables of docs/caching.md, and the plot")
    given = asked.parse_args()
    for provider in PROVIDERS:
        count = (
            min(given.conversations, FEWER) if provider == "before GPT-5.6" else given.conversations
        )  # it takes long
        found = {name: bills(name, count, provider) for name in PRODUCTS}
        print(f"{provider}\n{table(found)}", flush=True)
        if given.write:
            write_file(PAGE, filled(PAGE.read_text(encoding="utf-8"), provider, table(found)))
        if given.write and provider == "Anthropic":
            draw(found)


if __name__ == "__main__":
    main()
