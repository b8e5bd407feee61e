"""What a notebook shows of a value: HTML and Markdown in which every text is text. Nothing runs, and nothing is fetched."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import escape

from ..files.invisible import runs

_PRE = '<pre style="white-space:pre-wrap;overflow-wrap:anywhere;margin:0;padding:.4em .8em;border-left:3px solid {}">'
STABLE, VARYING = "#7f9be0", "transparent"  # beside what is the same for every session, and what is not


def text_html(text: str) -> str:
    """Return a text as HTML that reads back as it; beside characters that nobody sees stand their code points."""
    made, end = [], 0
    for run in runs(text):
        points = " ".join(f"U+{ord(character):04X}" for character in run.characters)
        made += [
            _escaped(text[end : run.start]),
            f'<bdi title="{points}">{_escaped(run.characters)}</bdi><small>{points}</small>',
        ]
        end = run.start + len(run.characters)
    return f"<bdi>{''.join(made)}{_escaped(text[end:])}</bdi>"


def _escaped(text: str) -> str:
    return escape(text).replace("\r", "&#13;")


def prompt_html(title: str, note: str, stable: str, rest: str) -> str:
    """Return a prompt: what it is, then its stable part, which has a bar beside it, and the rest."""
    parts = (
        f"{_PRE.format(colour)}\n{text_html(text)}</pre>"
        for colour, text in ((STABLE, stable), (VARYING, rest))
        if text
    )
    return f"<div><p><b>{text_html(title)}</b> <small>{text_html(note)}</small></p>{''.join(parts)}</div>"


def table_html(title: str, rows: Mapping[str, object]) -> str:
    """Return plain data by name: lists as lists, mappings as tables."""
    return f"<div><p><b>{text_html(title)}</b></p>{_value_html(rows)}</div>"


def _value_html(value: object) -> str:
    if isinstance(value, Mapping):
        return f"<table><tbody>{''.join(map(_row_html, value.items()))}</tbody></table>"
    if isinstance(value, list):
        return f"<ul>{''.join(f'<li>{_value_html(item)}</li>' for item in value)}</ul>"
    if isinstance(value, str):
        return f'<span style="white-space:pre-wrap">{text_html(value)}</span>'
    return f"<i>{escape(json.dumps(value))}</i>"


def _row_html(row: tuple[str, object]) -> str:
    name, value = row
    return f'<tr><th scope="row" style="text-align:left">{text_html(name)}</th><td style="text-align:left">{_value_html(value)}</td></tr>'


def code(text: str) -> str:
    """Return a text of one line as Markdown's code, which nothing in it can end."""
    marks = _fence(text, least=1)
    return f"{marks} {' '.join(text.splitlines())} {marks}"


def block(text: str, language: str = "text") -> str:
    """Return a text as a block of Markdown's code, which nothing in it can end."""
    marks = _fence(text, least=3)
    return f"{marks}{language}\n{text}\n{marks}"


def _fence(text: str, least: int) -> str:
    longest = max(map(len, re.findall("`+", text)), default=0)
    return "`" * max(least, longest + 1)
