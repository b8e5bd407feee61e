"""What the words of templates do, in a sentence each, with an example that the reference runs."""

from __future__ import annotations

from collections.abc import Mapping

# A filter -> what it does, and an expression that has it.
FILTERS: Mapping[str, tuple[str, str]] = {
    "abs": ("the number without its sign", "-3|abs"),
    "count": ("how many items or characters there are", "session.orders|count"),
    "d": ("`default`, for short", "session.nick|d('you')"),
    "default": (
        "this, where there is nothing; with `boolean`, where it is empty or 0 too",
        "session.nick|default('you')",
    ),
    "dictsort": ("pairs of a mapping, in the order of its names", "{'b': 1, 'a': 2}|dictsort|first|join('=')"),
    "first": ("the first item", "persona.capabilities|first"),
    "float": ("a number with a point, or the default", "'2.5'|float"),
    "groupby": (
        "groups of the items that are alike in this, each with `grouper` and `list`",
        "session.orders|groupby('id')|map(attribute='grouper')|join(', ')",
    ),
    "int": ("a whole number, or the default", "'12'|int + 1"),
    "last": ("the last item", "persona.capabilities|last"),
    "length": ("how many items or characters there are", "persona.role|length"),
    "list": ("the items, or the characters, as a list", "'abc'|list|last"),
    "map": ("an attribute of each, or what a filter makes of each", "session.orders|map(attribute='state')|join(', ')"),
    "max": ("the largest", "[3, 12, 7]|max"),
    "min": ("the smallest", "[3, 12, 7]|min"),
    "reject": ("the items of which a test is not true", "[1, 2, 3]|reject('odd')|join(', ')"),
    "rejectattr": (
        "the items whose attribute does not pass a test",
        "session.orders|rejectattr('state', 'eq', 'sent')|map(attribute='id')|join(', ')",
    ),
    "select": ("the items of which a test is true", "[1, 2, 3]|select('odd')|join(', ')"),
    "selectattr": (
        "the items whose attribute passes a test",
        "session.orders|selectattr('state', 'eq', 'sent')|map(attribute='id')|join(', ')",
    ),
    "sort": ("the items in order; capitals count as small letters", "['b', 'A', 'c']|sort|join(', ')"),
    "sum": ("the sum of numbers, or of an attribute of each", "session.orders|sum(attribute='id')"),
    "unique": ("each once", "session.orders|map(attribute='id')|unique|join(', ')"),
    "capitalize": ("one capital at the beginning", "'jo SMITH'|capitalize"),
    "indent": ("the lines, all but the first, behind spaces or a text", "'one\\ntwo'|indent(2)"),
    "items": (
        "pairs of a mapping, in its own order; nothing where there is none",
        "persona.custom_sections|items|first|first",
    ),
    "join": ("one text of all items, with this between them", "persona.capabilities|join('; ')"),
    "lower": ("small letters", "persona.role|lower"),
    "replace": ("one text in another's place", "persona.role|replace('Guide', 'Helper')"),
    "reverse": ("the other way round", "'abc'|reverse"),
    "round": ("rounded to so many digits; `method` is common, ceil or floor", "2.375|round(1)"),
    "string": ("the value as it prints", "(session.seats|string) ~ ' seats'"),
    "title": ("a capital at the beginning of each word", "'order desk'|title"),
    "trim": ("without white space, or these characters, at its ends", "'[' ~ (session.note|trim) ~ ']'"),
    "truncate": ("at most so many characters, cut at a word", "'a text of some length'|truncate(14)"),
    "upper": ("capitals", "persona.role|upper"),
    "wordcount": ("how many words there are", "'a text of five words'|wordcount"),
    "e": ("`escape`, for short", "'<b>'|e"),
    "escape": ("`&`, `<` and `>` as XML writes them; what is escaped already stays", "'<b>'|escape"),
    "forceescape": ("escaped, once more where it is already", "'<b>'|forceescape"),
    "xml_attribute": ("as an attribute's value in double quotes takes it", "'say \"hi\"'|xml_attribute"),
}

# Tests -> what they are true of.
TESTS: Mapping[tuple[str, ...], str] = {
    ("defined", "undefined"): "what is there, or is not: `session.plan is defined`",
    ("none",): "nothing: `persona.company is none`",
    ("boolean", "true", "false"): "truth values, which can be tested and not printed",
    ("string", "number", "integer", "float"): "values of this kind",
    ("sequence", "mapping", "iterable"): "what has items, has names, or can be looped over",
    ("even", "odd", "divisibleby"): "whole numbers: `loop.index is divisibleby 3`",
    ("eq", "equalto", "ne"): "what is equal to another value, or is not; `==` and `!=` as well",
    (
        "lt",
        "lessthan",
        "le",
        "gt",
        "greaterthan",
        "ge",
    ): "numbers and texts beside another; `<`, `<=`, `>`, `>=` as well",
    ("in",): "what another text, list or mapping holds",
    ("lower", "upper"): "texts in small letters, or in capitals",
}

# What may be asked of a value, in the order in which the sandbox has the kinds.
METHODS = (
    "a text",
    "a mapping",
    "a date or time",
    "a group of `groupby`",
    "a list",
    "`loop`",
    "a block",
)
