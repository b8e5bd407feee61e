"""Fingerprints: the same for the same content in any process, on any machine, in any language.

A fingerprint names its algorithm, `sha256:` and 64 lower-case hex digits, so that it can change one day. That of data
is the SHA-256 of the canonical JSON (RFC 8785) of `["llm-persona/fingerprint/1",kind,data]` in UTF-8: the format's
version and the kind stand before the data, so a persona and a template never share a fingerprint by accident.
That of a text is the SHA-256 of its UTF-8 bytes and nothing else: `sha256sum` of the file gives the same digits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from .errors import FieldPath, InvalidValueError
from .names import kind_of, spell

FORMAT = "llm-persona/fingerprint/1"
MAX_INTEGER = 2**53 - 1  # what every JSON reader keeps exactly (RFC 8785, appendix D)
MAX_DEPTH = 100  # lists and mappings inside one another; a value that holds itself ends here

_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")).encode


def fingerprint(kind: str, data: object) -> str:
    """Return the fingerprint of data of one kind: `sha256:` and the hex digits of the digest.

    The preimage is `canonical([FORMAT, kind, data])`. Raises InvalidValueError as `canonical` does.
    """
    return _digest(_encode([FORMAT, _unicode(kind, ()), _plain(data, (), 0)]).encode())


def text_fingerprint(text: str) -> str:
    """Return `sha256:` and the hex digits of the SHA-256 of the text's exact UTF-8 bytes.

    No normalisation of Unicode or line ends. Raises InvalidValueError for a lone surrogate, which has no UTF-8.
    """
    return _digest(_unicode(text, ()).encode())


def canonical(data: object) -> bytes:
    """Return the canonical JSON of RFC 8785 for texts, whole numbers, truth values, null, lists and mappings.

    Keys are sorted by their UTF-16 code units; Unicode is not normalised. Numbers with a fraction are refused, as their
    text differs between languages, and so are whole numbers beyond 2**53 - 1, lone surrogates, keys that are no texts
    and all other types: InvalidValueError, with the path in `field`.
    """
    return _encode(_plain(data, (), 0)).encode()


def _digest(preimage: bytes) -> str:
    return f"sha256:{hashlib.sha256(preimage).hexdigest()}"


def _plain(value: object, path: FieldPath, depth: int) -> object:
    """Copy the value into what `json` writes canonically: plain types, keys in order."""
    if isinstance(value, str):
        return _unicode(value, path)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _whole(value, path)
    if depth >= MAX_DEPTH:
        raise InvalidValueError(f"more than {MAX_DEPTH} lists and mappings inside one another", field=path[:4])
    if isinstance(value, list | tuple):
        return [_plain(item, (*path, index), depth + 1) for index, item in enumerate(value)]
    if isinstance(value, Mapping):
        pairs = sorted((_key(key, path), key) for key in value)
        return {key: _plain(value[key], (*path, key), depth + 1) for _, key in pairs}
    raise InvalidValueError(
        f"must be a text, a whole number, a truth value, null, a list or a mapping, not {_kind(value)}",
        field=path,
        hint="write it as a text",
    )


def _key(key: object, path: FieldPath) -> bytes:
    """Return the key's UTF-16 code units, by which RFC 8785 sorts: not the order of code points."""
    if not isinstance(key, str):
        raise InvalidValueError(f"a key must be a text, not {kind_of(key)}", field=path)
    return _unicode(key, path).encode("utf-16-be")


def _whole(value: int, path: FieldPath) -> int:
    if not -MAX_INTEGER <= value <= MAX_INTEGER:
        raise InvalidValueError("a whole number beyond 2**53 - 1", field=path, hint="write it as a text")
    return value


def _unicode(text: str, path: FieldPath) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            found = spell(text[error.start])
            raise InvalidValueError(f"a text holds a lone surrogate, {found}", field=path) from None
    return text


def _kind(value: object) -> str:
    return "a number with a fraction" if isinstance(value, float) else kind_of(value)
