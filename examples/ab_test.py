"""An A/B test of two versions of a persona, counted from the conversations' own files.

Each conversation is a JSONL file. Its first line is the stamp of its prompt, so the file itself says which version
handled it: nothing else has to be asked or kept. Then the rollout is edited, and running conversations stay where they
began. Run `python examples/ab_test.py [FOLDER]`; without a folder a temporary one is used.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from llm_persona import PersonaRegistry, Prompt

ACME = Path(__file__).parent / "acme"
CONVERSATIONS = [f"conversation-{number:04}" for number in range(1000)]
SOLVED = {"Maya@1": 70, "Maya@2": 78}  # how many of 100 the model would solve: made up, there is no model here


def main(folder: Path) -> None:
    personas, log = folder / "acme" / "personas.yaml", folder / "conversations"
    shutil.copytree(ACME, personas.parent)
    log.mkdir()

    registry = PersonaRegistry.from_file(personas)
    for conversation in CONVERSATIONS:
        begin(registry, conversation, log)
    print("With Maya@2 at 10 percent, each conversation asks for Maya:")
    print_outcomes(log)

    registry = edit_rollout(personas, "{2: 10}", "{2: 50}")
    moved = sum(ref_of(log, each) != registry.get("Maya", unit=each).ref for each in CONVERSATIONS)
    print(f"\nMaya@2 goes to 50 percent. Asked by name alone, {moved} of the running conversations would change over.")
    kept = sum(resume(registry, conversation, log) for conversation in CONVERSATIONS)
    print(f"Asked by the ref in their stamps, {kept} of {len(CONVERSATIONS)} have the prompt that they began with:")
    print_outcomes(log)


def begin(registry: PersonaRegistry, conversation: str, log: Path) -> None:
    """Start a conversation: its stamp, then its messages and, at the end, how it went."""
    persona = registry.get("Maya", unit=conversation)
    prompt = persona.render(user_name="Jo")
    write(log, conversation, {"stamp": prompt.stamp()})
    write(log, conversation, {"role": "user", "content": "Where is my order?"})
    write(log, conversation, {"outcome": pretended_outcome(conversation, prompt)})


def resume(registry: PersonaRegistry, conversation: str, log: Path) -> bool:
    """Go on with a conversation, and say whether it has the prompt that it began with."""
    stamp = stamp_of(log, conversation)
    prompt = registry.get(stamp["ref"], unit=conversation).render(user_name="Jo")
    write(log, conversation, {"role": "user", "content": "Thank you!"})
    return prompt.stamp() == stamp and registry.verify(stamp) == ()


def edit_rollout(personas: Path, old: str, new: str) -> PersonaRegistry:
    """Edit the one line, as a person would, and load the file as a deployment does."""
    text = personas.read_text(encoding="utf-8")
    assert text.count(old) == 1
    personas.write_text(text.replace(old, new), encoding="utf-8")
    return PersonaRegistry.from_file(personas)


def outcomes(files: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """Yield the version that handled each conversation and how it went, from the files alone."""
    for file in files:
        first, *others = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
        yield first["stamp"]["ref"], next(line["outcome"] for line in others if "outcome" in line)


def print_outcomes(log: Path) -> None:
    counts = Counter(outcomes(sorted(log.glob("*.jsonl"))))
    for ref in sorted({ref for ref, _ in counts}):
        solved = counts[ref, "solved"]
        total = solved + counts[ref, "escalated"]
        print(f"  {ref}  {total:4} conversations  {solved:4} solved  {solved / total:.1%}")


def ref_of(log: Path, conversation: str) -> str:
    return str(stamp_of(log, conversation)["ref"])


def stamp_of(log: Path, conversation: str) -> dict[str, Any]:
    with open(log / f"{conversation}.jsonl", encoding="utf-8") as file:
        stamp: dict[str, Any] = json.loads(file.readline())["stamp"]
    return stamp


def write(log: Path, conversation: str, line: dict[str, Any]) -> None:
    with open(log / f"{conversation}.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def pretended_outcome(conversation: str, prompt: Prompt) -> str:
    """Return the same outcome in every run: a hash of the conversation's id, in place of a customer."""
    draw = int.from_bytes(hashlib.sha256(conversation.encode()).digest()[:4], "big") % 100
    return "solved" if draw < SOLVED[prompt.ref] else "escalated"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
