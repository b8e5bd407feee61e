"""Prompts of many rows: what fills one from texts that stand in columns, which were looked at a column at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from .plans import Plans
from .prepared import Branch, Key, Prepared, Tree

# From the texts of a row, one for each column, to the prompt; None for one that is too long to be filled.
RowFill = Callable[[Sequence[str]], "str | None"]


def row_fill(plans: Plans, template: str | None, columns: Mapping[str, bool | None]) -> RowFill | None:
    """Return what fills the prompt of rows that have a text in these columns: True; an empty one: False; nothing: None.

    None where no such prompt is prepared yet, and where the template asks more of a value than whether it is a text.
    """
    tree = plans.tree(template, [name for name, has_text in columns.items() if has_text is not None])
    found = None if tree is None else _found(tree, columns)
    if found is None:
        return None
    names = tuple(columns)
    places: tuple[Key, ...] = found.places
    make = maker(len(names), tuple([names.index(place) for place in places]))
    return make(found.most - sum(map(len, found.pieces)), *found.pieces)


def _found(tree: Tree, columns: Mapping[str, bool | None]) -> Prepared | None:
    node = tree.root
    while type(node) is Branch:
        question = node.question
        if question.kind != "text" or question.key not in columns:
            return None
        node = node.answers.get(columns[question.key])  # type: ignore[index]  # a name, as it is among them
    if not isinstance(node, Prepared) or any(place not in columns for place in node.places):
        return None
    return node


@lru_cache(maxsize=256)
def maker(count: int, places: tuple[int, ...]) -> Callable[..., RowFill]:
    """Return what makes the filling function of pieces: Python for so many columns, of which these are printed in turn."""
    row = [f"v{number}" if number in places else "_" for number in range(count)]
    body = "{p0}" + "".join(f"{{v{number}}}{{p{index}}}" for index, number in enumerate(places, 1))
    lines = [f"{', '.join(row)}, = row"] if places else []
    lengths = [f"{times} * len(v{number})" for number, times in Counter(places).items()]
    lines += [f"if {' + '.join(lengths).replace('1 * ', '')} > most:", " return None"] if places else []
    lines += [f"return f'{body}'"]
    arguments = ", ".join(["most", *(f"p{index}" for index in range(len(places) + 1))])
    source = [f"def make({arguments}):", " def fill(row):", *(f"  {line}" for line in lines), " return fill"]
    made: dict[str, Callable[..., RowFill]] = {}
    exec("\n".join(source), {"__name__": __name__}, made)  # numbers alone; texts are arguments
    return made["make"]
