"""Tools: which definitions of a product's catalogue a persona may use. The definitions stay the product's own.

Read as they are sent: Anthropic ("Define tools", client and server tools), OpenAI Chat Completions and Responses
("Function calling"). What a provider allows in a name is not checked here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast, overload

from .arguments import items_of
from .errors import InvalidValueError
from .kinds import is_mapping, is_text, plain
from .names import did_you_mean, kind_of, shorten, spelled

Definition = TypeVar("Definition", bound=Mapping[str, object])


def tool_name(definition: object) -> str:
    """Return the name by which a model calls the tool.

    `{"name": ...}` for Anthropic and OpenAI Responses, `{"type": "function", "function": {"name": ...}}` for Chat
    Completions. Raises InvalidValueError for a definition without one, as some tools run by a provider have none.
    """
    name = _named_part(definition).get("name")
    name = plain(name)
    if is_text(name) and name:
        return str.__str__(name)
    if name:
        raise InvalidValueError(f"a tool's name must be a text, not {kind_of(name)}")
    hint = "give the catalogue as a mapping of names to definitions"
    raise InvalidValueError("a tool definition has no name", hint=hint)


@overload
def tools_by_name(catalog: Mapping[str, Definition]) -> dict[str, Definition]: ...
@overload
def tools_by_name(catalog: Iterable[Definition]) -> dict[str, Definition]: ...
def tools_by_name(catalog: Mapping[str, Definition] | Iterable[Definition]) -> dict[str, Definition]:
    """Return the catalogue, a list of definitions or a mapping of their names, as a mapping of names, in its order.

    The definitions are the same objects. Raises InvalidValueError for two of one name, for one without a name in a
    list, and for a key that is not the name its definition has.
    """
    catalog = cast(Any, plain(catalog))
    if is_mapping(catalog):
        for key, definition in catalog.items():
            _check_key(key, definition)
        return dict(cast(Any, catalog))
    found: dict[str, Definition] = {}
    for definition in cast(Any, items_of(catalog, "the tool catalogue", "a list or a mapping")):
        name = tool_name(definition)
        if name in found:
            raise InvalidValueError(f"the tool catalogue defines {spelled(shorten(name))} twice")
        found[name] = definition
    return found


@overload
def select_tools(names: Iterable[str], catalog: Mapping[str, Definition]) -> list[Definition]: ...
@overload
def select_tools(names: Iterable[str], catalog: Iterable[Definition]) -> list[Definition]: ...
def select_tools(names: Iterable[str], catalog: Mapping[str, Definition] | Iterable[Definition]) -> list[Definition]:
    """Return the definitions of these names: the same objects, in the order of the names, each once.

    Raises InvalidValueError that names all that are not in the catalogue, and as `tools_by_name` does.
    """
    known = tools_by_name(catalog)
    wanted = list(dict.fromkeys(names))
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise _unknown(unknown, known)
    return [known[name] for name in wanted]


def tool_descriptions(
    names: Iterable[str], catalog: Mapping[str, Mapping[str, object]] | Iterable[Mapping[str, object]]
) -> tuple[tuple[str, str], ...]:
    """Return the name and the description of each, as texts for a template; a tool without a description has "".

    Raises InvalidValueError as `select_tools` does, and for a description that is no text.
    """
    known = tools_by_name(catalog)
    wanted = dict.fromkeys(names)
    return tuple(
        (name, _description(name, definition))
        for name, definition in zip(wanted, select_tools(wanted, known), strict=True)
    )


def _named_part(definition: object) -> Mapping[str, Any]:
    """Return the mapping that holds name and description: for Chat Completions, the one under the tool's type."""
    if not is_mapping(definition):
        raise InvalidValueError(f"a tool definition must be a mapping, not {kind_of(definition)}")
    kind = definition.get("type")
    inner = definition.get(kind) if is_text(kind) else None
    return cast("Mapping[str, Any]", inner if is_mapping(inner) and "name" not in definition else definition)


def _check_key(key: object, definition: object) -> None:
    if not is_text(key) or not key:
        shown = "''" if key == "" else kind_of(key)
        raise InvalidValueError(f"a key of the tool catalogue must be a name, not {shown}")
    if "name" in _named_part(definition) and (name := tool_name(definition)) != key:
        message = f"the tool catalogue calls {spelled(key)} what its definition calls {spelled(name)}"
        raise InvalidValueError(message, hint="use the definition's name as the key")


def _description(name: str, definition: Mapping[str, object]) -> str:
    description = _named_part(definition).get("description")
    if description is None:
        return ""
    if not isinstance(description, str):
        raise InvalidValueError(f"the description of tool {spelled(name)} must be a text, not {kind_of(description)}")
    return str(description)


def _unknown(names: list[str], known: Mapping[str, object]) -> InvalidValueError:
    if len(names) == 1:
        hint = did_you_mean(names[0], known) or "add it to the catalogue"
        return InvalidValueError(f"there is no tool {spelled(shorten(names[0]))}", field=("tools",), hint=hint)
    shown = ", ".join(f"{spelled(name)}{_meant(name, known)}" for name in names)
    return InvalidValueError(f"there are no tools {shown}", field=("tools",), hint="add them to the catalogue")


def _meant(name: str, known: Mapping[str, object]) -> str:
    hint = did_you_mean(name, known)
    return f" ({hint})" if hint else ""
