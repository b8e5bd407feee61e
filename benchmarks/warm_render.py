"""How long does one prompt take, once everything is loaded? As multiples of the physical floor.

One persona of about 2,400 characters, two session variables, output identical to the byte wherever a peer can make it.
The floor is an f-string over text prepared beforehand.
"""

from __future__ import annotations

from collections.abc import Callable

from harness import interleaved, report, versions

from llm_persona import Persona, PersonaRegistry

CAPABILITIES = [
    f"Look up the status of order type {number} in the warehouse and explain it to the customer" for number in range(12)
]
CONSTRAINTS = [
    f"Never promise a delivery date for goods of class {number} that the warehouse has not confirmed"
    for number in range(9)
]
GUIDE = (
    "Answer in short sentences. Ask one question at a time. When you are not sure, say so and offer to ask a colleague. "
    * 4
)
TEMPLATE = """You are {{ persona.name }}, a {{ persona.role }} at {{ persona.company }}.

Tone: {{ persona.tone }}

You can:
{% for capability in persona.capabilities %}- {{ capability }}
{% endfor %}
Do not:
{% for constraint in persona.constraints %}- {{ constraint }}
{% endfor %}
{% for name, text in persona.custom_sections.items() %}{{ text }}
{% endfor %}
The customer is {{ session.user_name }}, on the {{ session.plan }} plan."""
FIELDS = {
    "role": "Customer Support Specialist",
    "company": "Acme Corp",
    "tone": "helpful, concise, empathetic",
    "capabilities": CAPABILITIES,
    "constraints": CONSTRAINTS,
}
SESSION = {"user_name": "Ana", "plan": "pro"}
LAST = "The customer is {user_name}, on the {plan} plan."


def registry(*, precompile: bool = True) -> PersonaRegistry:
    made = PersonaRegistry(precompile=precompile)
    made.define(Persona("Maya", **FIELDS, custom_sections={"guide": GUIDE, "customer": LAST}))  # type: ignore[arg-type]
    return made


def expected() -> str:
    return registry().get("Maya").build_system_prompt(**SESSION)


def floor() -> Callable[[], object]:
    text = expected()
    head, _, rest = text.partition("Ana")
    middle, _, tail = rest.partition("pro")

    def render(user_name: str = "Ana", plan: str = "pro") -> str:
        return f"{head}{user_name}{middle}{plan}{tail}"

    assert render() == text
    return render


def hand_written() -> Callable[[], object]:
    """What a product writes by hand: it builds the whole prompt each time."""

    def render(user_name: str = "Ana", plan: str = "pro") -> str:
        parts = [f"You are Maya, a {FIELDS['role']} at {FIELDS['company']}.", f"Tone: {FIELDS['tone']}"]
        parts.append("You can:\n" + "\n".join(f"- {capability}" for capability in CAPABILITIES))
        parts.append("Do not:\n" + "\n".join(f"- {constraint}" for constraint in CONSTRAINTS))
        for section in (GUIDE, LAST):
            parts.append(
                section.replace("{user_name}", " ".join(user_name.split())).replace("{plan}", " ".join(plan.split()))
            )
        return "\n\n".join(parts)

    assert render() == expected()
    return render


def data() -> dict[str, object]:
    persona = {"name": "Maya", **FIELDS, "custom_sections": {"guide": GUIDE, "customer": LAST}}
    return {"persona": persona, "session": SESSION}


def jinja_source() -> str:
    """A template that prints the same bytes, for engines that know nothing of personas."""
    return (
        "You are {{ name }}, a {{ role }} at {{ company }}.\n\nTone: {{ tone }}\n\nYou can:\n"
        "{% for capability in capabilities %}- {{ capability }}\n{% endfor %}\nDo not:\n"
        "{% for constraint in constraints %}- {{ constraint }}\n{% endfor %}\n{{ guide }}\n\n"
        "The customer is {{ user_name }}, on the {{ plan }} plan."
    )


def values() -> dict[str, object]:
    return {"name": "Maya", **FIELDS, "guide": GUIDE, **SESSION}


def checked(render: Callable[[], object]) -> Callable[[], object]:
    assert str(render()) == expected(), f"{render} prints something else"
    return render


def raw_jinja() -> Callable[[], object]:
    import jinja2

    template = jinja2.Environment(keep_trailing_newline=True).from_string(jinja_source())
    given = values()
    return checked(lambda: template.render(**given))


def mini_jinja() -> Callable[[], object]:
    import minijinja

    environment = minijinja.Environment(templates={"prompt": jinja_source()})
    given = values()
    return checked(lambda: environment.render_template("prompt", **given))


def banks_prompt() -> Callable[[], object]:
    from banks import Prompt

    prompt = Prompt(jinja_source().replace("%}\n", "%}\n\n"))  # banks drops the line break after a tag
    given = values()
    return checked(lambda: prompt.text(given))


def haystack() -> Callable[[], object]:
    from haystack.components.builders import PromptBuilder

    builder = PromptBuilder(jinja_source(), required_variables=[])
    given = values()
    return checked(lambda: builder.run(template_variables=given)["prompt"])


def langchain(template_format: str) -> Callable[[], object]:
    from langchain_core.prompts import PromptTemplate

    if template_format == "jinja2":
        prompt = PromptTemplate.from_template(jinja_source(), template_format="jinja2")
        given = values()
        return checked(lambda: prompt.format(**given))
    text = (
        expected()
        .replace("{", "{{")
        .replace("}", "}}")
        .replace("Ana", "{user_name}")
        .replace("pro plan", "{plan} plan")
    )
    prompt = PromptTemplate.from_template(text)
    return checked(lambda: prompt.format(**SESSION))


def prompty() -> Callable[[], object]:
    import tempfile
    from pathlib import Path

    import prompty as module

    folder = Path(tempfile.mkdtemp())
    front = "name: p\nmodel:\n  id: none\ntemplate:\n  format:\n    kind: jinja2\n  parser:\n    kind: prompty\n"
    (folder / "p.prompty").write_text(f"---\n{front}---\n{jinja_source()}")
    prompt = module.load(str(folder / "p.prompty"))
    given = values()
    return checked(lambda: module.render(prompt, given))


def optional(make: Callable[[], Callable[[], object]]) -> Callable[[], object] | None:
    try:
        return make()
    except Exception as error:  # a peer that is not installed, or that changed, is left out and named
        print(f"left out: {make.__name__}: {type(error).__name__}: {str(error)[:100]}")
        return None


def main() -> None:
    from steered import pairs

    made, plain = registry(), registry(precompile=False)
    held = made.get("Maya")
    functions: dict[str, Callable[[], object] | None] = {
        "floor: f-string over prepared text": floor(),
        "llm-persona, persona held": lambda: held.build_system_prompt(user_name="Ana", plan="pro"),
        "llm-persona, registry.get each time": lambda: made.get("Maya").build_system_prompt(
            user_name="Ana", plan="pro"
        ),
        "llm-persona, render() with its Prompt": lambda: held.render(user_name="Ana", plan="pro"),
        "llm-persona, template run each time": lambda: plain.get("Maya").build_system_prompt(
            user_name="Ana", plan="pro"
        ),
        "hand-written building": hand_written(),
        "Jinja2": raw_jinja(),
        "minijinja": optional(mini_jinja),
        "banks": optional(banks_prompt),
        "LangChain, f-string": optional(lambda: langchain("f-string")),
        "LangChain, Jinja2": optional(lambda: langchain("jinja2")),
        "Haystack PromptBuilder": optional(haystack),
        "Prompty": optional(prompty),
    }
    steered = pairs()
    every = {name: function for name, function in functions.items() if function is not None}
    for name, (ours, jinja) in steered.items():
        every |= {f"{name}, ours": ours, f"{name}, Jinja2": jinja}
    times = interleaved(every)
    shares = {
        f"ordinary path / plain Jinja2 of the same template, {name}": times.pop(f"{name}, ours")
        / times.pop(f"{name}, Jinja2")
        for name in steered
    }
    base = times["floor: f-string over prepared text"]
    figures = {name: spent / base for name, spent in sorted(times.items(), key=lambda item: item[1])} | shares
    packages = ("llm-persona", "jinja2", "minijinja", "banks", "langchain-core", "haystack-ai", "prompty")
    report("warm_render", figures, versions(*packages))


if __name__ == "__main__":
    main()
