"""The file names of prompt snapshots: readable, valid on every disk, never outside of their folder."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from ..names import split_reference

MAX_PART = 80  # bytes; three parts, their dots and the ending stay below the 255 that file systems allow
DIGEST = 8  # hex digits that a part which was cut ends in
ENDING = ".md"

_KEPT = frozenset("-_+=,() ")
_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|conin|conout|(com|lpt)[0-9¹²³])")  # what Windows opens as a device


def file_stem(ref: str, template: str, session: str) -> str:
    """Return `Maya@1.support.free`: parts that cannot be mistaken for one another, with no dot in any of them."""
    name, version = split_reference(ref)
    persona = _encoded(name) if version is None else [*_encoded(name), "@", *_encoded(version)]
    return ".".join((_cut(persona, ref), _cut(_encoded(template), template), _cut(_encoded(session), session)))


def shared_name(ref: str, template: str, session: str) -> str:
    """Return what two stems have in common where some disk takes them for one: Macs' and Windows' ignore case, Macs'
    normalise."""
    stem = file_stem(*(unicodedata.normalize("NFC", part) for part in (ref, template, session)))
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", stem).casefold())


def _encoded(text: str) -> list[str]:
    """Return the text in pieces: what may stand in a file name as it is, and percent escapes for the rest."""
    pieces = [ch if _plain(ch) else _escape(ch) for ch in text]
    if not pieces:
        return ["%"]
    if _DEVICE.fullmatch(text):
        pieces[0] = _escape(text[0])
    for end in (0, -1):
        if pieces[end] == " ":
            pieces[end] = "%20"
    return pieces


def _plain(ch: str) -> bool:
    return ch in _KEPT or (ch.isalnum() and unicodedata.is_normalized("NFC", ch))


def _escape(ch: str) -> str:
    return "".join(f"%{byte:02X}" for byte in ch.encode("utf-8", "surrogatepass"))


def _cut(pieces: list[str], text: str) -> str:
    if _size(pieces) <= MAX_PART:
        return "".join(pieces)
    kept: list[str] = []
    room = MAX_PART - DIGEST
    for piece in pieces:
        room -= _size([piece])
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept) + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST]


def _size(pieces: list[str]) -> int:
    return len("".join(pieces).encode())
