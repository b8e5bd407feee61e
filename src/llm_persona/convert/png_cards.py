"""Character cards in PNG images, read: base64 of the card's JSON in a text chunk, `ccv3` for V3 and `chara` for the others.

After https://www.w3.org/TR/png-3/#11textinfo. Of the image itself nothing is looked at, and no chunk is unpacked beyond the
limit of a file.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections.abc import Iterator
from typing import Final

from ..errors import Location, PersonaFileError
from ..files.reading import read_bytes
from ..limits import Limits
from ..persona.persona import Persona
from .cards import card_of
from .foreign import Reading
from .json_text import parse_leniently

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">I4s")
_CHECKSUM: Final = 4  # bytes behind the content of a chunk
_WORDS: Final = (b"ccv3", b"chara")  # the newer first


def why_left(path: str, folder: str, limits: Limits) -> str | None:
    """Return why an image of a folder is no card."""
    try:
        return None if _packed(read_bytes(path, limits), limits) else "an image without a card"
    except PersonaFileError:
        return None


def read_png_card(path: str, reading: Reading) -> tuple[Persona]:
    """Return the persona of the card in an image. Raises PersonaFileError."""
    content = read_bytes(path, reading.limits)
    if not content.startswith(_SIGNATURE):
        raise _refused(path, "this is no PNG image", "check the file")
    packed = _packed(content, reading.limits)
    if packed is None:
        raise _refused(path, "the image holds no card: it has no text chunk ccv3 or chara", "check the file")
    try:
        card = base64.b64decode(packed, validate=False)
    except binascii.Error:
        raise _refused(path, "the card in this image is no base64", "save it anew") from None
    return (card_of(parse_leniently(card, path, reading), reading),)


def _refused(path: str, message: str, hint: str) -> PersonaFileError:
    return PersonaFileError([Location(path).problem(message, hint)])


def _packed(content: bytes, limits: Limits) -> bytes | None:
    """Return the text of the newest card in an image; None where there is none."""
    found = dict(_texts(content, limits.file_bytes)) if content.startswith(_SIGNATURE) else {}
    return next((found[word] for word in _WORDS if word in found), None)


def _texts(content: bytes, most: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keyword and the text of each chunk that holds text; an image that is cut off ends there."""
    at = len(_SIGNATURE)
    while at + _HEADER.size <= len(content):
        size, kind = _HEADER.unpack_from(content, at)
        chunk = content[at + _HEADER.size : at + _HEADER.size + size]
        word, nul, text = chunk.partition(b"\0")
        unpacked = _unpacked(kind, text, most) if nul else None
        if unpacked is not None:
            yield word.lower(), unpacked
        at += _HEADER.size + size + _CHECKSUM


def _unpacked(kind: bytes, text: bytes, most: int) -> bytes | None:
    """Return the text of a chunk behind its keyword, inflated where it is packed; None for what is no text."""
    if kind == b"tEXt":
        return text
    if kind == b"zTXt":
        return _inflated(text[1:], most)
    if kind == b"iTXt":
        _, _, rest = text[2:].partition(b"\0")  # the language, then the keyword once more
        packed = rest.partition(b"\0")[2]
        return _inflated(packed, most) if text[:1] == b"\1" else packed
    return None


def _inflated(packed: bytes, most: int) -> bytes | None:
    try:
        return zlib.decompressobj().decompress(packed, most)
    except zlib.error:
        return None
