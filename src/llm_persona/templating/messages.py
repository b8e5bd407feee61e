"""What goes wrong in templates, in words that show no class of this package, of Jinja2 or of Python."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import DecimalException
from typing import NoReturn

from jinja2 import Undefined
from jinja2.exceptions import TemplateSyntaxError, UndefinedError
from jinja2.filters import FILTERS as JINJA_FILTERS

from ..errors import TemplateError
from ..names import did_you_mean, kind_of, shorten
from ..wording import PRINTS_NULL
from .jinja_internals import fail

_KINDS = {  # by the name of a class; what is made of it is of its kind
    "PersonaView": "persona",
    "SessionView": "session",
    "LoopContext": "loop",
    "TemplateReference": "self",
    "TemplateModule": "an imported template",
    "Macro": "a macro",
    "BlockReference": "a block",
    "str": "a text",
    "int": "a number",
    "float": "a number",
    "Decimal": "a number",
    "bool": "a truth value",
    "NoneType": "null",
    "Texts": "a list",
    "list": "a list",
    "tuple": "a list",
    "range": "a list",
    "generator": "a list that is worked out",
    "Table": "a mapping",
    "Record": "a mapping",
    "dict": "a mapping",
    "date": "a date",
    "datetime": "a time",
    "function": "a function",
    "method": "a function",
    "builtin_function_or_method": "a function",
}
_CHANGES = frozenset(
    [
        "add",
        "append",
        "clear",
        "discard",
        "extend",
        "insert",
        "pop",
        "popitem",
        "remove",
        "setdefault",
        "sort",
        "update",
    ]
)
# The names of classes as Python's messages write them: 'Texts', 'Texts' object, Texts object.
_CLASSES = rf"'?\b(?:[\w.]+\.)?({'|'.join(_KINDS)})\b'?(?: object)?"  # compiled when first needed


_REWORDED = [
    ("object of type ", ""),
    ("argument of type ", ""),
    ("has no len()", "has no length"),
    ("is not callable", "is not a function"),
    ("is not iterable", "cannot be looped over or searched"),
    (". Jinja was looking for the following tags: ", "; it waits for "),
    (". The innermost block that needs to be closed is ", "; the innermost block is "),
    ("unexpected char ", "unexpected "),
    (
        ". You probably made a nesting mistake. Jinja is expecting this tag, but currently looking for ",
        "; it waits for ",
    ),
    ("encountered unknown tag ", "there is no tag "),
    ("missing end of comment tag", "a comment does not end: '#}' is missing"),
    ("missing end of raw directive", "a raw block does not end: '{% endraw %}' is missing"),
    ("expected token ", "expected "),
    ("'begin of print statement'", "'{{'"),
    ("'begin of statement block'", "'{%'"),
    ("'end of print statement'", "'}}'"),
    ("'end of statement block'", "'%}'"),
    ("no aggregated item, sequence was empty", "there is none: the list is empty; test it first: {% if … %}"),
    ("no filter named ", "there is no filter "),
    ("no test named ", "there is no test "),
    ("cannot assign attribute on non-namespace object", "a template sets names, not attributes"),
]


_SIGN = re.compile(r"""unexpected ('\W'|"'")(?: at \d+)?""")  # the lexer counts from where the template begins
_ENDS = "a print ends with '}}', a tag with '%}'"
_ELIF = ("elseif", "elsif")
_TAGS = frozenset(
    [
        "if",
        "elif",
        "else",
        "endif",
        "for",
        "endfor",
        "block",
        "endblock",
        "extends",
        "include",
        "import",
        "from",
        "set",
        "endset",
        "macro",
        "endmacro",
        "call",
        "endcall",
        "filter",
        "endfilter",
        "with",
        "endwith",
        "raw",
        "endraw",
    ]
)
_NO_TAG = re.compile(r"there is no tag '(\w+)'")
_MEANT: tuple[tuple[re.Pattern[str], Callable[[str], str | None]], ...] = (
    (_NO_TAG, lambda tag: _tag_meant(tag)),
    (re.compile(r"'%\}', got '(if)'"), lambda _: "did you mean 'elif'?"),
    (re.compile(r"'%\}', got '(=)'"), lambda _: "did you mean '=='?"),
    (re.compile(r"""^unexpected (?:'(?=")|"(?='))(.)"""), lambda _: "a text that begins here does not end"),
    (re.compile(r"^unexpected '(\})'$"), lambda _: _ENDS),
    (re.compile(r"(?:, got|^unexpected) '([^']+)'"), lambda _: None),
)


def described(value: object) -> str:
    """Say what a value in a template is."""
    kinds = (_KINDS[kind.__name__] for kind in type(value).__mro__ if kind.__name__ in _KINDS)
    return next(kinds, None) or kind_of(value)


_FEW = 1_000  # items that are told by their number; a greater one may be a value of a session


class Unsaid(str):
    """A name that no template writes: a session may have given it, so no message says it."""

    __slots__ = ()


def absent(value: object, name: object, known: Iterable[str]) -> str:
    """Say that a value has no such attribute or item for templates."""
    kind = described(value)
    if type(name) is Unsaid:
        return f"{kind} has no item of the name that it is asked for"
    if isinstance(name, int):
        return f"{kind} has no item {name}" if abs(name) < _FEW else f"{kind} has no item of so high a number"
    if not isinstance(name, str):
        return f"{kind} cannot be asked for {described(name)}"
    shown = shorten(name)
    if name.startswith("_"):
        return f"templates may not reach {shown!r} of {kind}"
    if name in _CHANGES:
        return f"{kind} has no {shown!r}; templates cannot change it"
    hint = did_you_mean(name, known)
    there = " in templates" if hasattr(type(value), name) else ""
    return f"{kind} has no {shown!r}{there}" + (f"; {hint}" if hint else "")


_INSTEAD = {"xmlattr": "did you mean 'xml_attribute'?"}  # of Jinja's filters


def unavailable(kind: str, name: str, known: Iterable[str]) -> tuple[str, str | None]:
    """Say why a filter or test cannot be used, and what may have been meant."""
    if kind == "filter" and name in JINJA_FILTERS:
        return (
            f"filter {name!r} is not available: it varies, pads without bound, or reaches into objects",
            _INSTEAD.get(name),
        )
    return f"there is no {kind} {name!r}", did_you_mean(name, known)


def unprintable(value: object) -> NoReturn:
    """Raise TemplateError for a value that has no text of its own, UndefinedError for one that is not there."""
    if isinstance(value, Undefined):
        fail(value)
    if value is None:
        raise TemplateError(PRINTS_NULL, hint="test it first: {% if persona.company %}")
    kind = described(value)
    if kind in ("persona", "session"):
        raise TemplateError(f"this prints all of {kind}", hint=f"print one of its fields, such as {_EXAMPLES[kind]}")
    if kind == "a list":
        raise TemplateError("this prints a list", hint="loop over it: {% for item in ... %}, or join it: |join(', ')")
    if isinstance(value, float):
        raise TemplateError("this prints a number that is not finite")
    raise TemplateError(f"this prints {kind}, which has no text of its own", hint="print a text or a number")


_EXAMPLES = {"persona": "persona.name", "session": "session.user_name"}


_INNERMOST = re.compile(r"the innermost block is '(\w+)'")
_BLOCK = re.compile(r"\{#.*?#\}|\{%[-+]?\s*(end)?(if|for|block|macro|call|filter|with)\b", re.DOTALL)


def with_open_line(message: str, source: str, line: int) -> str:
    """Say of a block that is not closed which line opens it."""
    found = _INNERMOST.search(message)
    if found is None:
        return message
    stack: list[tuple[str, int]] = []
    for tag in _BLOCK.finditer("\n".join(source.split("\n")[:line])):
        if tag[2] is None:
            continue
        if tag[1] is None:
            stack.append((tag[2], source.count("\n", 0, tag.start()) + 1))
        elif stack and stack[-1][0] == tag[2]:
            stack.pop()
        else:
            break
    said = found[0] if not stack else f"the '{found[1]}' of line {stack[-1][1]} is open"
    return message[: found.start()] + said + message[found.end() :]


def explain(error: Exception) -> tuple[str, str | None]:
    """Say in our words what Jinja2 or Python raised, and which word of the line it is about."""
    if isinstance(error, RecursionError):
        return "is nested too deeply, or calls itself without end", None
    if isinstance(error, MemoryError):
        return "needs more memory than there is", None
    if isinstance(error, SyntaxError):
        return f"cannot be compiled: {error.msg}", None
    # A syntax error's `str` adds a place of its own.
    text = (error.message or "" if isinstance(error, TemplateSyntaxError) else str(error)).rstrip(".")
    if isinstance(error, ZeroDivisionError):
        return "division by zero", None
    if isinstance(error, DecimalException):
        return "a number here has too many digits", None
    if isinstance(error, OverflowError):
        return "a number here is too large", None
    if isinstance(error, ValueError) and "int_max_str_digits" in text:
        return "a number here has too many digits", None
    if isinstance(error, TypeError) and "decimal.Decimal" in text and "'float'" in text:
        return "a Decimal and a float do not mix; make one the other: |float", None
    if isinstance(error, UndefinedError):
        quoted = re.findall(r"'([^']+)'", text)
        text = text.replace("is undefined", "is not set here")
        if text in ("'persona' is not set here", "'session' is not set here"):
            text += "; import this template 'with context', or pass it on to the macro"
        return text, quoted[0] if quoted else None
    text = re.sub(_CLASSES, _kind, text[:1].lower() + text[1:])
    for found, said in _REWORDED:
        text = text.replace(found, said)
    if isinstance(error, TemplateSyntaxError):
        return _of_syntax(text)
    return text or f"fails with {type(error).__name__}", None


def _tag_meant(tag: str) -> str | None:
    return "did you mean 'elif'?" if tag in _ELIF else did_you_mean(tag, _TAGS)


def _of_syntax(text: str) -> tuple[str, str | None]:
    """Return what is said of a template that cannot be parsed, with what may have been meant, and the word it is about."""
    sign = _SIGN.match(text)
    if sign is not None:
        text = text[: sign.end(1)] + text[sign.end() :]
    misplaced = _NO_TAG.match(text)
    if misplaced is not None and misplaced[1] in _TAGS:
        waits = "" if "waits for" in text else "; nothing is open here that it belongs to"
        return f"'{misplaced[1]}' cannot stand here{text[misplaced.end() :]}{waits}", misplaced[1]
    for pattern, find in _MEANT:
        if (found := pattern.search(text)) is not None:
            hint = find(found[1])
            return text + (f"; {hint}" if hint else ""), found[1]
    return text, None


def _kind(match: re.Match[str]) -> str:
    # A word of plain English, such as `function` or `list`, is a class only where Python quotes it.
    quoted = match[0].startswith("'") or match[0].endswith("object") or not match[1].islower()
    return _KINDS[match[1]] if quoted else match[0]
