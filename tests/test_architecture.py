"""The order in which modules may import one another, who may import what else, and what importing the package costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "llm_persona"

# The core, in order: a module may import those before it, wherever in it the import stands. On a line with a
# module that the design names stand its parts, and what belongs beside it.
CORE = """
    errors codes
    kinds names arguments wording
    placeholders
    fingerprints
    files.invisible files.output frozen templating.session
    fields
    tools prompts.providers
    prompts.prompt
    templating.messages templating.markers templating.events templating.assembly templating.views templating.generation templating.filters templating.sandbox templating.recorder templating.syntax templating.folders templating.templates
    prompts.budget persona.binding persona.pickles prompts.texts prompts.prepared prompts.plans persona.persona
    persona.inheritance
    files.source files.json_reader files.json_syntax files.yaml_messages files.yaml_text files.yaml_scalars files.yaml_syntax files.reading
    files.shared_nodes files.wrong_types files.unknown_fields files.schema_messages files.validation
    persona.rollouts
    files.plain_data persona.acceptances persona.provenance persona.bindings persona.tool_catalogue persona.file_keys persona.resolution checks.findings checks.borrowed_names checks.definitions checks.characters persona.loading
    prompts.recordings prompts.recorded_views prompts.explorations prompts.shapes checks.rehearsals checks.near_placeholders checks.unprinted_texts checks.spoken_names checks.lines checks.session_names checks.stable_shares checks.coverage
    registry.explanation files.writing registry.comparison registry.file_data registry.pickles registry.registry
"""

# What imports the core and is imported by none of it.
OUTER = """
    testing.file_names testing.cases testing.causes testing.changes testing.summary testing.snapshots testing.plugin
    convert.foreign convert.agents convert.cards convert.imports
    page.diffs page.prompts page.cards page.tree page.page
    cli.starting cli.terminal cli.columns cli.explained cli.changes cli.outputs cli.problems cli.options cli.revision
    cli.commands cli.main __main__
"""

ORDER = CORE.split()
RING = OUTER.split()

# Modules of others, and who alone may import them.
ALONE = {
    "jinja2": {
        "templating.messages",
        "templating.filters",
        "templating.generation",
        "page.page",
        "prompts.recorded_views",
        "templating.recorder",
        "prompts.recordings",
        "templating.sandbox",
        "templating.syntax",
        "templating.templates",
    },
    "yaml": {"files.yaml_messages", "files.yaml_scalars", "files.yaml_syntax"},
    "jsonschema_rs": {"files.validation"},
    "click": {"__main__", "cli.main", "cli.commands", "cli.terminal", "cli.options", "cli.outputs", "cli.revision"},
    "rich": {"__main__", "cli.commands", "cli.terminal", "cli.problems", "cli.columns", "cli.explained"},
    "pytest": {"testing.plugin", "testing.changes", "testing.snapshots"},
    "syrupy": {"testing.plugin", "testing.changes", "testing.snapshots"},
}


def modules() -> Iterator[tuple[str, Path]]:
    """Yield every file of the package by its module, each command's by their folder; a room's `__init__` says words only."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name != "__init__.py":
            yield _module(path.relative_to(PACKAGE).with_suffix("").parts), path


def _module(parts: tuple[str, ...]) -> str:
    named = parts[: parts.index("commands") + 1] if "commands" in parts else parts
    return ".".join(named).removesuffix(".__init__")


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Yield what a file imports, wherever the import stands: ("own", module) or ("other", package)."""
    folder = path.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (("other", alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield "other", str(node.module).partition(".")[0]
        elif isinstance(node, ast.ImportFrom):
            base = folder[: len(folder) - node.level + 1]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from (("own", _module((*base, *name.split(".")))) for name in names if not name.startswith("__"))


def test_every_module_has_its_place() -> None:
    """Each module stands in the order once, and nothing stands there that is no module."""
    assert len({*ORDER, *RING}) == len([*ORDER, *RING])
    assert {name for name, _ in modules()} == {*ORDER, *RING}


@pytest.mark.parametrize("name", ORDER)
def test_the_core_imports_in_order(name: str) -> None:
    """A module of the core imports only those before it, and nothing of the outer ring."""
    allowed = set(ORDER[: ORDER.index(name)])
    for module, path in modules():
        if module == name:
            own = {imported for kind, imported in imports(path) if kind == "own"}
            assert own <= allowed, f"{path.name} may not import {sorted(own - allowed)}"


def test_the_outer_ring_has_no_circles() -> None:
    """The outer ring imports the core, and of its own only what comes before."""
    for module, path in modules():
        if module in RING:
            own = {imported for kind, imported in imports(path) if kind == "own" and imported != module}
            late = own & set(RING[RING.index(module) :])
            assert not late, f"{path.name} may not import {sorted(late)}"


def test_who_imports_what_is_not_ours() -> None:
    """Each package of others is used by those who may: one parser, one schema library, one template engine."""
    for module, path in modules():
        for kind, imported in imports(path):
            if kind == "other" and imported in ALONE:
                assert module in ALONE[imported], f"{path.name} may not import {imported}"


def test_what_others_the_core_needs() -> None:
    """Beside the standard library, the core imports Jinja2 with MarkupSafe, PyYAML and jsonschema-rs, and no more."""
    others = {
        imported for module, path in modules() if module in ORDER for kind, imported in imports(path) if kind == "other"
    }
    assert others - set(sys.stdlib_module_names) == {"jinja2", "markupsafe", "yaml", "jsonschema_rs"}


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_importing_the_package_is_cheap() -> None:
    """`import llm_persona`, all its names included, imports no extra and no schema library, and reads no persona file."""
    code = """
import builtins, io, sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
import llm_persona
for name in llm_persona.__all__:
    getattr(llm_persona, name)
print(sorted({"click", "rich", "pytest", "syrupy", "jsonschema_rs"} & sys.modules.keys()))
print([path for path in opened if path.endswith((".yaml", ".yml", ".json", ".j2"))])
"""
    assert run(code) == "[]\n[]\n"


def test_json_needs_no_yaml(tmp_path: Path) -> None:
    """A registry of a JSON file comes without PyYAML."""
    path = tmp_path / "p.json"
    path.write_text('{"Maya": {"role": "r"}}')
    code = (
        f"import sys, llm_persona; llm_persona.PersonaRegistry.from_file({str(path)!r}); print('yaml' in sys.modules)"
    )
    assert run(code) == "False\n"
