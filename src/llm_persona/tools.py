"""Tools: which definitions of a product's catalogue a persona may use. The definitions stay the product's own.

Read as they are sent: Anthropic ("Define tools", client and server tools), OpenAI Chat Completions and Responses
("Function calling", namespaces in "Tool search"), Bedrock ("Converse": `toolSpec`). What a provider allows in a name is
not checked here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar, cast, overload

from .arguments import is_one_of, items_of
from .errors import InvalidValueError
from .frozen import ALL
from .kinds import is_mapping, is_text, plain
from .names import did_you_mean, kind_of, shorten, shown, spelled

Definition = TypeVar("Definition", bound=Mapping[str, object])
Unnamed: TypeAlias = Literal["keep", "drop"]

WRAPPERS = ("toolSpec", "systemTool")  # of Bedrock: the mapping below has the name
NAMED_KINDS = ("function", "custom", "namespace")  # types of OpenAI's and Anthropic's whose entries need a name


class Tool(NamedTuple):
    """What one name of a catalogue means: a definition, or one of those that its namespace groups."""

    definition: Mapping[str, object]
    member: Mapping[str, object] | None = None

    @property
    def described(self) -> Mapping[str, object]:
        return _named_part(self.definition if self.member is None else self.member)


def tool_name(definition: object) -> str:
    """Return the name by which a model calls the tool.

    `{"name": ...}` for Anthropic and OpenAI Responses, `{"type": "function", "function": {"name": ...}}` for Chat
    Completions, `{"toolSpec": {"name": ...}}` for Bedrock. Raises InvalidValueError for a definition without one, as
    some tools run by a provider have none.
    """
    name = plain(_named_part(definition).get("name"))
    if is_text(name) and name:
        return str.__str__(name)
    if name:
        raise InvalidValueError(f"a tool's name must be a text, not {kind_of(name)}")
    hint = "give the catalogue as a mapping of names to definitions"
    raise InvalidValueError("a tool definition has no name", hint=hint)


@overload
def select_tools(
    names: Iterable[str], catalog: Mapping[str, Definition], *, unnamed: Unnamed | None = None
) -> list[Definition]: ...
@overload
def select_tools(
    names: Iterable[str], catalog: Iterable[Definition], *, unnamed: Unnamed | None = None
) -> list[Definition]: ...
def select_tools(
    names: Iterable[str], catalog: Mapping[str, Definition] | Iterable[Definition], *, unnamed: Unnamed | None = None
) -> list[Definition]:
    """Return the definitions of these names: the same objects, in the order of the names, each once.

    The catalogue is a list of definitions or a mapping of their names. A tool in one of OpenAI's namespaces goes by its
    own name (by `namespace.name` where the catalogue has another of that name): its namespace comes with those alone
    that are named, or whole by the namespace's name. `unnamed` says what becomes of entries that have no name, as tools
    that a provider runs (`{"type": "web_search"}`): "keep" puts them last, "drop" leaves them out. For `all` it is the
    whole catalogue, in its order.

    Raises InvalidValueError for a text in the place of a list, and one that names all that are not in the catalogue; for
    two of one name, for a key that is not the name its definition has, and for an entry without a name unless `unnamed` is
    given.
    """
    if unnamed is not None and not is_one_of(unnamed, "keep", "drop"):
        raise InvalidValueError(f"unnamed must be 'keep' or 'drop', not {shown(unnamed)}")
    entries = [*_entries(catalog)]  # a catalogue may be one that is read once
    known, others = _read(entries, unnamed)
    if names is ALL:
        return [each for _, each in entries if unnamed == "keep" or not any(each is other for other in others)]
    wanted = list(dict.fromkeys(cast("Iterable[str]", items_of(names, "names", "a list of the names of tools"))))
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise _unknown(unknown, known)
    chosen: dict[int, list[Tool]] = {}
    for name in wanted:
        chosen.setdefault(id(known[name].definition), []).append(known[name])
    return [cast(Definition, _narrowed(tools)) for tools in chosen.values()] + (others if unnamed == "keep" else [])


def tool_descriptions(catalog: Mapping[str, Mapping[str, object]] | Iterable[Mapping[str, object]]) -> dict[str, str]:
    """Return the description of each tool of a catalogue, "" where it has none, by the names of `select_tools`.

    What has no name is passed by: no persona can ask for it. Raises InvalidValueError for two of one name, a key that
    is not the name its definition has, and a description that is no text.
    """
    known, _ = _read(_entries(catalog), "drop")
    return {name: _description(name, tool.described) for name, tool in known.items()}


def _read(entries: Iterable[tuple[str | None, Any]], unnamed: Unnamed | None) -> tuple[dict[str, Tool], list[Any]]:
    """Return what each name of a catalogue means, and the entries that have none."""
    known: dict[str, Tool] = {}
    others: list[Any] = []
    for name, definition in entries:
        if name is None and _needs_no_name(definition):
            if unnamed is None:
                hint = (
                    'pass unnamed="keep" or unnamed="drop", or give the catalogue as a mapping of names to definitions'
                )
                raise InvalidValueError("a tool definition has no name", hint=hint)
            others.append(definition)
        else:
            _add(known, tool_name(definition) if name is None else name, Tool(definition))
    members = [(space, tool) for tool in list(known.values()) for space, tool in _members(tool.definition)]
    own = Counter([*known, *(tool_name(tool.member) for _, tool in members)])
    for space, tool in members:
        name = tool_name(tool.member)
        _add(known, name if own[name] == 1 else f"{space}.{name}", tool)
    return known, others


def _entries(catalog: object) -> Iterator[tuple[str | None, Any]]:
    """Yield each definition, with the name that a mapping gives it."""
    catalog = plain(catalog)
    if not is_mapping(catalog):
        yield from ((None, one) for one in items_of(catalog, "the tool catalogue", "a list or a mapping"))
        return
    for key, definition in cast("Mapping[str, object]", catalog).items():
        _check_key(key, definition)
        yield key, definition


def _add(known: dict[str, Tool], name: str, tool: Tool) -> None:
    if name in known:
        raise InvalidValueError(f"the tool catalogue defines {spelled(shorten(name))} twice")
    known[name] = tool


def _members(definition: Mapping[str, object]) -> Iterator[tuple[str, Tool]]:
    """Yield the tools that a namespace groups, with its name; nothing for any other definition."""
    if definition.get("type") != "namespace":
        return
    space, members = tool_name(definition), definition.get("tools", ())
    if not isinstance(members, list | tuple):
        kind = kind_of(members)
        raise InvalidValueError(f"the tools of the namespace {spelled(shorten(space))} must be a list, not {kind}")
    yield from ((space, Tool(definition, member)) for member in members)


def _narrowed(tools: Sequence[Tool]) -> Mapping[str, object]:
    """Return the one definition of these tools: a namespace with those members alone, in its order."""
    definition = tools[0].definition
    if any(tool.member is None for tool in tools):
        return definition
    chosen = {id(tool.member) for tool in tools}
    members = cast("Sequence[object]", definition["tools"])
    if len(chosen) == len(members):
        return definition
    return {**definition, "tools": [member for member in members if id(member) in chosen]}


def _named_part(definition: object) -> Mapping[str, Any]:
    """Return the mapping that holds name and description: the one under the tool's type for Chat Completions, under
    `toolSpec` for Bedrock.
    """
    if not is_mapping(definition):
        raise InvalidValueError(f"a tool definition must be a mapping, not {kind_of(definition)}")
    kind = definition.get("type")
    inner = (
        definition.get(kind) if is_text(kind) else next((definition[key] for key in WRAPPERS if key in definition), 0)
    )
    return cast("Mapping[str, Any]", inner if is_mapping(inner) and "name" not in definition else definition)


def _needs_no_name(definition: object) -> bool:
    """Whether an entry is of a kind that providers take without a name: `{"type": "web_search"}`, `{"cachePoint": {}}`."""
    if not is_mapping(definition) or "name" in definition:
        return False
    if "type" in definition:
        kind = definition["type"]
        return is_text(kind) and kind not in NAMED_KINDS
    return len(definition) == 1 and not any(key in definition for key in WRAPPERS) and is_mapping(*definition.values())


def _check_key(key: object, definition: object) -> None:
    if not is_text(key) or not key:
        shown = "''" if key == "" else kind_of(key)
        raise InvalidValueError(f"a key of the tool catalogue must be a name, not {shown}")
    if "name" in _named_part(definition) and (name := tool_name(definition)) != key:
        message = f"the tool catalogue calls {spelled(key)} what its definition calls {spelled(name)}"
        raise InvalidValueError(message, hint="use the definition's name as the key")


def _description(name: str, definition: Mapping[str, object]) -> str:
    description = definition.get("description")
    if description is None:
        return ""
    if not isinstance(description, str):
        raise InvalidValueError(f"the description of tool {spelled(name)} must be a text, not {kind_of(description)}")
    return str(description)


def _unknown(names: list[str], known: Mapping[str, Tool]) -> InvalidValueError:
    if len(names) == 1:
        hint = _guess(names[0], known) or "add it to the catalogue"
        return InvalidValueError(f"there is no tool {spelled(shorten(names[0]))}", field=("tools",), hint=hint)
    shown = ", ".join(f"{spelled(name)}{_meant(name, known)}" for name in names)
    return InvalidValueError(f"there are no tools {shown}", field=("tools",), hint="add them to the catalogue")


def _meant(name: str, known: Mapping[str, Tool]) -> str:
    hint = _guess(name, known)
    return f" ({hint})" if hint else ""


def _guess(name: str, known: Mapping[str, Tool]) -> str | None:
    """Say which name was meant: that of one of several namespaces' tools, or one that is spelled like it."""
    spaced = next((other for other in known if other.endswith(f".{name}")), None)
    return did_you_mean(name, known) if spaced is None else f"did you mean {spaced!r}?"
