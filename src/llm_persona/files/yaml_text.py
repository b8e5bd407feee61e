"""What is looked for in the text of a YAML file before libyaml sees it."""

from __future__ import annotations

import re

from .source import Source, SyntaxStop

# Compiled when a text may hold one of them: few do.
_FORBIDDEN = "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"
# What may have cut a plain text; a comment that is meant has a blank after its `#`.
_CUT = r"#(?<=[ \t]#)\S"
_CUT_OFF = r"[ \t]+(#\S[^\r\n]*)"
_CUT_BELOW = r"[ \t]*+(?:(?:\r\n|\r|\n)([ \t]*+))++(#\S[^\r\n]*)"
_ORDINARY = bytes((*b"\t\n\r", *range(0x20, 0x7F)))


def check_text(source: Source) -> None:
    """Refuse what libyaml takes for line breaks, refuses without a line, or is slow with."""
    text = source.text
    if _may_hold_forbidden(text):
        _report_forbidden(source)
    # Most files have no "<", and one character is looked for much faster than eight.
    if "<" in text and ("\n<<<<<<<" in text or text.startswith("<<<<<<<")):
        from .yaml_messages import conflict_mark

        mark = conflict_mark(source.lines())
        if mark:
            raise source.stop(
                mark, "a merge conflict was left in the file", "keep one side, and remove the marks", way=()
            )
    if "%" in text:
        _check_directives(source)


def may_be_cut(text: str) -> bool:
    """Tell, quickly, whether something stands here that YAML takes for a comment and its author may not."""
    return "#" in text and re.search(_CUT, text) is not None


def cut_off(text: str, end: int) -> tuple[str, int] | None:
    """Return what YAML took for a comment right after a plain text that ends here, and where it begins."""
    found = re.compile(_CUT_OFF).match(text, end)
    return None if found is None else (found[1].rstrip(), found.start(1))


def cut_below(text: str, end: int, indent: int) -> tuple[str, int] | None:
    """Return as `cut_off` does the line below that would go on with the text, being indented more, were it no comment."""
    found = re.compile(_CUT_BELOW).match(text, end)
    return None if found is None or len(found[1]) <= indent else (found[2].rstrip(), found.start(2))


def _may_hold_forbidden(text: str) -> bool:
    return not text.isascii() or bool(text.encode().translate(None, _ORDINARY))


def _report_forbidden(source: Source) -> None:
    forbidden = re.compile(_FORBIDDEN)
    if not forbidden.search(source.text):
        return
    for number, line in enumerate(source.lines(), 1):
        for match in forbidden.finditer(line):
            message = f"the file holds the character U+{ord(match[0]):04X}, which cannot stand in YAML"
            source.report((number, match.start() + 1), message, _hint(match[0]), way=())
    raise SyntaxStop


def _hint(character: str) -> str:
    if character == "\ufeff":
        return "remove it (a byte order mark may only begin a file)"
    if character == "\0" or "\ud800" <= character <= "\udfff":
        return "remove it"
    return f'remove it, or write "\\u{ord(character):04X}" in double quotes'


def _check_directives(source: Source) -> None:
    start = 0
    text = source.text
    number = 1
    while start < len(text):
        end = text.find("\n", start)
        line = text[start : end if end >= 0 else len(text)].strip()
        if line.startswith("%") and not line.startswith("%YAML"):
            raise source.stop((number, 1), f"{line.split()[0]} lines are not allowed", "remove it", way=())
        if (line and line[0] not in "#%") or end < 0:
            return
        start, number = end + 1, number + 1
