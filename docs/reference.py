"""The parts of these pages that are made from the code: `python docs/reference.py` writes them.

Such a part stands between `<!-- made: NAME -->` and `<!-- end -->`; a test holds that each is what the code says now.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
import re
import tempfile
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import click
from template_words import FILTERS, METHODS, TESTS

import llm_persona
from llm_persona import Limits, PersonaError, PersonaRegistry
from llm_persona.cli.main import COMMANDS, cli
from llm_persona.convert.formats import FORMATS
from llm_persona.fields import FIELDS, TABLE, TEMPLATE_FIELDS
from llm_persona.files.output import write_file
from llm_persona.templating import filters, sandbox

DOCS = Path(__file__).parent
PART = re.compile(r"(<!-- made: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
EXAMPLE: Mapping[str, object] = {
    "role": "Guide",
    "company": "Acme",
    "capabilities": ["Sell tickets", "Answer questions"],
    "custom_sections": {"Style": "Say it briefly."},
    "variables": {"plan": "free", "seats": None, "orders": None, "note": None},
    "constants": {"limit": "$50"},
}
SESSION = {
    "seats": 3,
    "orders": [{"id": 7, "state": "open"}, {"id": 5, "state": "sent"}, {"id": 7, "state": "sent"}],
    "note": " late again ",
}


def filled(page: str) -> str:
    """Return a page with its parts as the code has them now. Raises KeyError for a part that nothing makes."""
    return PART.sub(lambda found: f"{found[1]}{MADE[found[2]]().strip()}\n{found[3]}", page)


def pages() -> list[Path]:
    return [path for path in sorted(DOCS.glob("*.md")) if PART.search(path.read_text(encoding="utf-8"))]


def table(*rows: tuple[object, ...]) -> str:
    """Return a table of Markdown, whose first row is its head."""
    head, *rest = [" | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in row) for row in rows]
    return "\n".join([f"| {head} |", "|---" * len(rows[0]) + "|", *(f"| {row} |" for row in rest)])


def code(text: object) -> str:
    """Return a text as code, whatever it holds."""
    return f"`` {text} ``" if "`" in str(text) else f"`{text}`"


# Formats


def formats() -> str:
    """Other programs' files: how each is recognised, read and written."""
    rows = [("format", "files", "in a folder, taken for its", "read", "written")]
    for each in FORMATS:
        files = f"{each.programs}: {', '.join(map(code, each.endings))}"
        rows.append((code(each.name), files, each.marks, each.reading, each.writing))
    return table(*rows)


# Templates


def blocks() -> str:
    """The bundled templates: what each extends, and the blocks that it writes itself."""
    rows = [("template", "extends", "blocks that it writes")]
    for path in sorted((DOCS.parent / "templates").glob("*.j2")):
        source = path.read_text(encoding="utf-8")
        extended = re.search(r'{% extends "(?:llm_persona/)?(\w+)', source)
        written = re.findall(r"{% block (\w+)", source)
        rows.append((code(path.stem), code(extended[1]) if extended else "", ", ".join(map(code, written))))
    return table(*rows)


def fields() -> str:
    """What a template can ask of `persona`."""
    meanings = {
        "name": "what it calls itself: its `display_name`, else its key; never empty",
        "key": "its name in the registry",
        "tool_descriptions": "a mapping of its tools to what the catalogue says of them; an error where there is none",
    }
    rows = [("field", "what it is")]
    for name in TEMPLATE_FIELDS:
        kind = TABLE[name].kind.name.lower() if name in TABLE else ""
        said = {"text": "a text, or none", "texts": "a list of texts", "entries": "a mapping of names to texts"}
        rows.append((code(f"persona.{name}"), meanings.get(name) or said[kind]))
    return table(*rows)


def filter_table() -> str:
    """Every filter, with an example that was run."""
    names = {name: signature(function) for name, function in filters.FILTERS.items()}
    rows = [("filter", "what it does", "example", "prints")]
    for name, (meaning, expression) in FILTERS.items():
        rows.append((code(name + names.pop(name)), meaning, code(f"{{{{ {expression} }}}}"), code(printed(expression))))
    assert not names, f"these filters are not described: {', '.join(names)}"
    return table(*rows)


def signature(function: Callable[..., object]) -> str:
    """Return what a filter is called with behind its value, without types."""
    passed = list(inspect.signature(function).parameters.values())
    own = passed[2 if passed[0].name in ("environment", "context") else 1 :]
    shown = [each.replace(annotation=inspect.Parameter.empty) for each in own if each.kind is not each.POSITIONAL_ONLY]
    return str(inspect.Signature(shown)) if shown else ""


def test_table() -> str:
    environment = sandbox.Sandbox(cast(Any, None))
    known = {name for name in environment.tests if name.isalpha()}
    rows = [("test", "true of")]
    rows += [(", ".join(map(code, names)), meaning) for names, meaning in TESTS.items()]
    told = {name for names in TESTS for name in names}
    assert known == told, f"described and there differ by {known ^ told}"
    return table(*rows)


def methods() -> str:
    rows = [("of", "what may be asked")]
    there = [(kinds, sorted(names)) for kinds, names in sandbox.ATTRIBUTES]
    assert len(there) == len(METHODS), "each kind of value has a line"
    rows += [(kind, ", ".join(map(code, names))) for kind, (_, names) in zip(METHODS, there, strict=True)]
    return table(*rows)


def printed(expression: str) -> str:
    """Return what an expression prints."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "t.j2").write_text(f"{{{{ {expression} }}}}", encoding="utf-8")
        registry = PersonaRegistry.from_dict({"Maya": EXAMPLE}, templates=folder)
        return registry.get("Maya").render("t", **SESSION).text.replace("\n", "⏎")


def limits() -> str:
    rows: list[tuple[object, ...]] = [("limit", "usual")]
    rows += [
        (code(each.name), f"{each.default:,}" if each.default else "by the file") for each in dataclasses.fields(Limits)
    ]
    return f"{doc(Limits)}\n\n{table(*rows)}"


# Errors, fields of files


def errors() -> str:
    """Every error, with what it is beside a PersonaError."""
    rows: list[tuple[object, ...]] = [("error", "also a", "means")]
    for name in sorted(llm_persona.__all__, key=lambda name: name != "PersonaError"):
        kind = getattr(llm_persona, name)
        if inspect.isclass(kind) and issubclass(kind, PersonaError):
            also = [base.__name__ for base in (ValueError, KeyError) if issubclass(kind, base)]
            rows.append((code(name), ", ".join(map(code, also)), first_sentence(kind)))
    return table(*rows)


def persona_fields() -> str:
    rows: list[tuple[object, ...]] = [("field", "kind", "inherited", "can reach a prompt")]
    for name in FIELDS[1:]:
        field = TABLE[name]
        rows.append(
            (code(name), field.kind.name.lower(), "yes" if field.inherited else "no", "yes" if field.printed else "no")
        )
    return table(*rows)


# The command line


def commands() -> str:
    return "\n\n".join(command(name) for name in COMMANDS)


def command(name: str) -> str:
    """A command as its `--help` says it."""
    found = cast(click.Group, cli).get_command(click.Context(cli), name)
    assert found is not None
    context = click.Context(found, info_name=name, parent=click.Context(cli, info_name="llm-persona"))
    usage = found.get_usage(context).removeprefix("Usage: ")
    text, _, example = inspect.cleandoc(found.help or "").partition("\b\nExample:\n")
    paragraphs = [
        f"```text\n{textwrap.dedent(each[2:])}\n```" if each.startswith("\b") else " ".join(each.split())
        for each in text.strip().split("\n\n")
    ]
    rows = [("option", "what it does"), *options(found, context)]
    shown = [f"## {name}", f"```text\n{usage}\n```", *paragraphs, f"```sh\n{textwrap.dedent(example)}\n```"]
    return "\n\n".join([*shown, table(*rows)] if len(rows) > 1 else shown)


def options(found: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    for each in found.get_params(context):
        record = each.get_help_record(context)
        if record is not None and "--help" not in each.opts and not isinstance(each, click.Argument):
            yield code(" ".join(record[0].split())), " ".join(record[1].split())


# The Python API


def api() -> str:
    """Every public name, by what it is for."""
    names = [name for name in llm_persona.__all__ if not is_error(getattr(llm_persona, name))]
    parts = [
        entry(name, getattr(llm_persona, name)) for name in sorted(names, key=lambda name: (name not in FIRST, name))
    ]
    for room in ("testing", "columns"):
        module = importlib.import_module(f"llm_persona.{room}")
        parts += [entry(f"{room}.{name}", getattr(module, name)) for name in module.__all__]
    return "\n\n".join(parts)


FIRST = ("Persona", "PersonaRegistry", "Prompt")


def is_error(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, PersonaError)


def entry(name: str, value: object) -> str:
    """A function with its signature, or a class with all that is public of it."""
    value = getattr(value, "__wrapped__", value)
    lines = [f"## {name}", f"```python\n{name.rpartition('.')[2]}{spelled(value)}\n```", doc(value)]
    if inspect.isclass(value) and not issubclass(value, enum.Enum):
        lines += [member(name, key, each) for key, each in members(value)]
    return "\n\n".join(filter(None, lines))


def members(kind: type) -> Iterator[tuple[str, object]]:
    """Yield what is public of a class, and documented: what `str` or another base has is not told again."""
    for key, each in vars(kind).items():
        plain = each.__func__ if isinstance(each, classmethod | staticmethod) else each
        theirs = any(hasattr(base, key) for base in kind.__mro__[1:] if not base.__module__.startswith("llm_persona"))
        if (
            not key.startswith("_")
            and not theirs
            and (callable(plain) or isinstance(plain, property) or hasattr(plain, "func"))
        ):
            told = getattr(plain, "func", plain)
            if inspect.getdoc(told) and not inspect.isclass(told):
                yield key, each


def member(owner: str, key: str, each: object) -> str:
    plain = each.__func__ if isinstance(each, classmethod | staticmethod) else each
    plain = getattr(plain, "func", plain)
    if isinstance(plain, property) or not inspect.isfunction(plain) or not isinstance(each, Callable | classmethod):  # type: ignore[arg-type]
        return f"`{key}`\n: {indented(doc(plain))}"
    return f"`{key}{spelled(plain, method=True)}`\n: {indented(doc(plain))}"


def indented(text: str) -> str:
    return textwrap.indent(text, "  ").lstrip()


def spelled(value: object, *, method: bool = False) -> str:
    """Return a signature as it is called."""
    if not callable(value):
        return ""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return ""
    passed = [each for each in found.parameters.values() if not (method and each.name in ("self", "cls"))]
    shown = [each.replace(annotation=unquoted(each.annotation)) for each in passed if not each.name.startswith("_")]
    text = str(found.replace(parameters=shown, return_annotation=unquoted(found.return_annotation)))
    text = text.replace("<not given>", "...")
    return re.sub(r"(?:llm_persona|collections\.abc|typing)\.(?:\w+\.)*", "", text).replace(" -> None", "")


class Unquoted:
    """A type as it was written."""

    def __init__(self, written: str) -> None:
        self._written = written

    def __repr__(self) -> str:
        return self._written


def unquoted(annotation: Any) -> Any:
    return Unquoted(annotation.strip("'\"")) if isinstance(annotation, str) else annotation


def doc(value: object) -> str:
    """Return a docstring, each paragraph on one line, its lists as they are."""
    paragraphs = (inspect.getdoc(value) or "").split("\n\n")
    return "\n\n".join(each if each.startswith((" ", "-")) else " ".join(each.split()) for each in paragraphs)


def first_sentence(value: object) -> str:
    return doc(value).split("\n\n", maxsplit=1)[0]


MADE: Mapping[str, Callable[[], str]] = {
    "api": api,
    "blocks": blocks,
    "formats": formats,
    "commands": commands,
    "errors": errors,
    "fields": fields,
    "filters": filter_table,
    "limits": limits,
    "methods": methods,
    "persona-fields": persona_fields,
    "tests": test_table,
}


def main() -> None:
    for path in pages():
        write_file(path, filled(path.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
