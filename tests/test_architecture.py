"""The plan of the house: what may import what, what a room gives to others, and how much of that is left to do.

`python tests/test_architecture.py` prints the figures.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import llm_persona

PACKAGE = Path(__file__).parents[1] / "src" / "llm_persona"

# The rooms from the ground up: a module imports from its own room and from those before it, wherever the import stands.
# What lies in no room are words and values; they import one another.
ROOMS = (
    "files",
    "templating",
    "prompts",
    "persona",
    "checks",
    "registry",
    "testing",
    "columns",
    "convert",
    "page",
    "live",
    "cli",
)
RING = {"testing", "columns", "convert", "page", "live"}  # none of them imports another

# Modules of others, and the rooms that may import them.
ALONE = {
    "jinja2": {"templating"},
    "yaml": {"files"},
    "jsonschema_rs": {"files"},
    "click": {"cli", "__main__"},
    "rich": {"cli", "__main__"},
    "pytest": {"testing"},
    "syrupy": {"testing"},
    "watchfiles": {"live"},
    "fsspec": {"live"},
}

# To be removed, one by one: (module, what it may not import).
EXCEPTIONS = {
    ("page.page", "jinja2"),
    ("prompts.recorded_views", "jinja2"),
    ("prompts.recordings", "jinja2"),
}

# What may be left, and no more; the other figures are only told.
MOST = {
    "longest chain of rooms": 7,
    "public names defined twice": 25,
    "private reaches across rooms": 0,
    "Protocols": 1,
}


class Import(NamedTuple):
    """What a module imports: a module of ours by its name in the package, or a package of others."""

    module: str
    is_ours: bool
    is_in_function: bool = False


@cache
def modules() -> dict[str, ast.Module]:
    """Return every module of the package by its name in it; a room by its own, the package itself as ``."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def room_of(module: str) -> str:
    """Return the room of a module; `` for words and values, and for what hands them on."""
    first = module.partition(".")[0]
    return first if first in ROOMS else ""


@cache
def imports(module: str) -> tuple[Import, ...]:
    return tuple(_imports(modules()[module], module, False))


def _imports(node: ast.AST, module: str, is_in_function: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name.partition(".")[0], False, is_in_function)
        elif isinstance(child, ast.ImportFrom) and not child.level:
            yield Import(str(child.module).partition(".")[0], False, is_in_function)
        elif isinstance(child, ast.ImportFrom):
            yield from _own_imports(child, module, is_in_function)
        yield from _imports(child, module, is_in_function or isinstance(child, ast.FunctionDef))


def _own_imports(node: ast.ImportFrom, module: str, is_in_function: bool) -> Iterator[Import]:
    folder = module.split(".") if _is_folder(module) else module.split(".")[:-1]
    base = [*folder[: len(folder) - node.level + 1], *(node.module or "").split(".")]
    within = ".".join(filter(None, base))
    parts = {f"{within}.{alias.name}".lstrip(".") for alias in node.names} & modules().keys()
    for part in sorted(parts) or [within]:
        yield Import(part, True, is_in_function)


def _is_folder(module: str) -> bool:
    return (PACKAGE / module.replace(".", "/")).is_dir()


def inner(module: str) -> set[str]:
    """Return what a module imports of the package."""
    return {each.module for each in imports(module) if each.is_ours} - {module, ""}


def rooms_below(room: str) -> set[str]:
    """Return the rooms from which one may import, its own and the words aside."""
    below = set(ROOMS[: ROOMS.index(room)]) if room else set()
    return below - RING if room in RING else below


@pytest.mark.parametrize("module", modules())
def test_a_room_imports_from_those_above_it_in_the_plan(module: str) -> None:
    """Words import words; the package's own face and the command line's start hand on what there is."""
    if module in ("", "__main__"):
        return
    allowed = rooms_below(room_of(module)) | {room_of(module), ""}
    late = sorted(each for each in inner(module) if room_of(each) not in allowed)
    assert late == [], f"{module} may not import these"


@pytest.mark.parametrize("room", ["", *ROOMS])
def test_nothing_in_a_room_goes_round(room: str) -> None:
    """No module imports itself by way of others, wherever the imports stand."""
    graph = {
        module: inner(module) for module in modules() if room_of(module) == room and module not in ("", "__main__")
    }
    tuple(TopologicalSorter({module: below & graph.keys() for module, below in graph.items()}).static_order())


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_it_is_for_and_what_it_gives(room: str) -> None:
    """Its `__init__` has a sentence, and in `__all__` the modules that others import: no fewer and no more."""
    tree = modules()[room]
    assert (ast.get_docstring(tree) or "").endswith((".", "prompt_snapshot"))
    if room in ("testing", "columns", "live"):
        return  # their faces are their users': `prompt_matrix`, `BatchRenderer`, `LiveRegistry`
    given = {f"{room}.{name}" for name in _listed(tree)}
    asked = {each for module in modules() if room_of(module) != room for each in inner(module) if room_of(each) == room}
    assert asked - {room} == given


def _listed(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            listed: list[str] = ast.literal_eval(node.value)
            return listed
    return []


def test_tests_stand_in_the_rooms_of_what_they_test() -> None:
    """`tests/` has the rooms of the package, and beside them the tests of what lies in none."""
    tests = Path(__file__).parent
    folders = {path.parent.relative_to(tests).as_posix() for path in tests.rglob("test_*.py")}
    assert folders == {".", *ROOMS}


def test_who_imports_what_is_not_ours() -> None:
    """One parser, one schema library, one template engine: each has its room."""
    wrong = {
        (module, each.module)
        for module in modules()
        for each in imports(module)
        if not each.is_ours and each.module in ALONE and (room_of(module) or module) not in ALONE[each.module]
    }
    assert wrong == EXCEPTIONS


def test_what_others_the_core_needs() -> None:
    """Beside the standard library, all but the outer ring imports Jinja2 with MarkupSafe, PyYAML and jsonschema-rs."""
    core = [module for module in modules() if room_of(module) not in RING | {"cli"} and module != "__main__"]
    others = {each.module for module in core for each in imports(module) if not each.is_ours}
    assert others - set(sys.stdlib_module_names) == {"jinja2", "markupsafe", "yaml", "jsonschema_rs"}


def longest_chain(graph: dict[str, set[str]]) -> int:
    """Return how many links the longest chain of imports has."""
    lengths: dict[str, int] = {}
    for each in TopologicalSorter(graph).static_order():
        lengths[each] = 1 + max((lengths[below] for below in graph.get(each, ())), default=-1)
    return max(lengths.values())


def defined_twice() -> dict[str, set[str]]:
    """Return the functions and classes of modules that stand in more than one, with the modules."""
    homes = defaultdict(set)
    for module, tree in modules().items():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("__"):
                homes[node.name].add(module)
    return {name: found for name, found in homes.items() if len(found) > 1}


def private_reaches() -> Iterator[tuple[str, str]]:
    """Yield each use of a private name that another room defines and the module's own does not: (module, name)."""
    homes = defaultdict(set)
    for module, tree in modules().items():
        for name in _defined(tree):
            homes[name].add(room_of(module))
    for module, tree in modules().items():
        for name in _used_private(tree):
            if homes[name] and room_of(module) not in homes[name]:
                yield module, name


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                yield node.name
            case ast.Attribute(ctx=ast.Store()):
                yield node.attr
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Name(id=name, ctx=ast.Store()):
                yield name


def _used_private(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        names: list[Any] = []
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            names = [node.attr]
        elif isinstance(node, ast.ImportFrom) and node.level:
            names = [alias.name for alias in node.names]
        # A named tuple's `_replace` is public.
        yield from (name for name in names if name.startswith("_") and name[1:2] != "_" and name != "_replace")


def protocols() -> list[str]:
    return [
        f"{module}.{node.name}"
        for module, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and "Protocol" in map(ast.unparse, node.bases)
    ]


def figures() -> dict[str, int]:
    """Return what is counted of the plan."""
    parts = [module for module in modules() if module not in ("", "__main__")]
    rooms = {
        room: {room_of(below) for each in parts if room_of(each) == room for below in inner(each)} for room in ROOMS
    }
    twice = defined_twice()
    return {
        "modules": len(parts),
        "folders": len([module for module in parts if _is_folder(module)]),
        "longest chain of rooms": longest_chain({room: below - {room} for room, below in rooms.items()}),
        "longest chain of modules": longest_chain({module: inner(module) for module in parts}),
        "public names defined twice": sum(not name.startswith("_") for name in twice),
        "private names defined twice": sum(name.startswith("_") for name in twice),
        "private reaches across rooms": len(list(private_reaches())),
        "Protocols": len(protocols()),
        "imports in functions": sum(each.is_in_function for module in modules() for each in imports(module)),
    }


def test_what_is_counted_grows_no_more() -> None:
    """Each figure is at most what it may be."""
    counted = figures()
    print("\n".join(f"{number:4} {name}" for name, number in counted.items()))
    assert {name: counted[name] for name, most in MOST.items() if counted[name] > most} == {}


def test_a_problem_is_made_in_one_place() -> None:
    """Of where it is, a message and a hint: whoever has found something says `location.problem(...)`."""
    makers = [
        module
        for module, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Problem"
    ]
    assert makers == ["errors"]


def test_what_is_wrong_goes_by_one_name() -> None:
    """A file has problems, `check` has findings, and words are messages and hints."""
    others = re.compile("mistake|remed|complain|suspicio|oversight|omission|pitfall", re.IGNORECASE)
    assert [name for tree in modules().values() for name in _defined(tree) if others.search(name)] == []


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


if __name__ == "__main__":
    for name, number in figures().items():
        print(f"{number:4} {name}")
    print(*(f"     {name}: {', '.join(sorted(homes))}" for name, homes in sorted(defined_twice().items())), sep="\n")
    print(*(f"     {module}: {name}" for module, name in private_reaches()), sep="\n")
    print(*(f"     {name}" for name in protocols()), sep="\n")


def test_the_map_names_every_room_and_modules_that_are_there() -> None:
    """The package's docstring is the map: no room is missing on it, and no module that it names."""
    named = llm_persona.__doc__ or ""
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms <= set(re.findall(r"^    (\w+)/ ", named, re.MULTILINE))
    modules_named = re.findall(r"\b(\w+)\.(\w+)\b", named)
    assert len(modules_named) > 9
    for room, module in modules_named:
        assert (PACKAGE / room / f"{module}.py").is_file(), f"{room}.{module}"
    assert len(named.splitlines()) <= 40


def test_no_two_test_modules_have_one_name() -> None:
    """The rooms of tests are no packages: pytest knows a module by its name alone."""
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
