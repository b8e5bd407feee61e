"""Fingerprints: the same for the same content in any process, on any machine, in any language.

A fingerprint names its algorithm, `sha256:` and 64 lower-case hex digits, so that it can change one day. That of data
is the SHA-256 of the canonical JSON (RFC 8785) of `["llm-persona/fingerprint/2",kind,data]` in UTF-8: the format's
version and the kind stand before the data, so a persona and a template never share a fingerprint by accident.
That of a text is the SHA-256 of its UTF-8 bytes and nothing else: `sha256sum` of the file gives the same digits.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence

from .errors import InvalidValueError
from .names import kind_of, spell

FORMAT = "llm-persona/fingerprint/2"
MAX_INTEGER = 2**53 - 1  # what every JSON reader keeps exactly (RFC 8785, appendix D)
MAX_DEPTH = 100  # lists and mappings inside one another; a value that holds itself ends here

_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


def fingerprint(kind: str, data: object) -> str:
    """Return the fingerprint of data of one kind: `sha256:` and the hex digits of the digest.

    The preimage is `canonical([FORMAT, kind, data])`. Raises InvalidValueError as `canonical` does.
    """
    return _digest(_encode([FORMAT, _unicode(kind), _plain(data)]).encode())


def text_fingerprint(text: str) -> str:
    """Return `sha256:` and the hex digits of the SHA-256 of the text's exact UTF-8 bytes.

    No normalisation of Unicode or line ends. Raises InvalidValueError for a lone surrogate, which has no UTF-8.
    """
    return _digest(_unicode(text).encode())


def keyed_fingerprint(text: str, key: str | bytes) -> str:
    """Return `hmac-sha256:` and the hex digits of the HMAC of the text's exact UTF-8 bytes under the key.

    Who has the key can compare two texts, and who has not cannot try out what may stand in one. Raises
    InvalidValueError for a key that is neither text nor bytes, or is empty.
    """
    if not isinstance(key, str | bytes | bytearray):
        raise InvalidValueError(f"the key of a fingerprint must be a text or bytes, not {kind_of(key)}")
    if not key:
        raise InvalidValueError("the key of a fingerprint is empty", hint="leave it out, or pass a secret of your own")
    secret = _unicode(key).encode() if isinstance(key, str) else bytes(key)
    return f"hmac-sha256:{hmac.new(secret, _unicode(text).encode(), hashlib.sha256).hexdigest()}"


def canonical(data: object) -> bytes:
    """Return the canonical JSON of RFC 8785 for texts, whole numbers, truth values, null, lists and mappings.

    Keys are sorted by their UTF-16 code units; Unicode is not normalised. Numbers with a fraction are refused, as their
    text differs between languages, and so are whole numbers beyond 2**53 - 1, lone surrogates, keys that are no texts
    and all other types: InvalidValueError, with the path in `field`.
    """
    return _encode(_plain(data)).encode()


def _digest(preimage: bytes) -> str:
    return f"sha256:{hashlib.sha256(preimage).hexdigest()}"


def _plain(value: object, depth: int = 0) -> object:
    """Copy the value into what `json` writes canonically: plain types, keys in order."""
    if isinstance(value, str):
        return value if value.isascii() else _unicode(value)
    if value is None:
        return value
    if isinstance(value, int):  # a truth value too
        return _whole(value)
    if depth == MAX_DEPTH:
        raise InvalidValueError(f"more than {MAX_DEPTH} lists and mappings inside one another")
    if isinstance(value, list | tuple):
        return _list(value, depth + 1)
    if isinstance(value, Mapping):
        return _mapping(value, depth + 1)
    kind = "a number with a fraction" if isinstance(value, float) else kind_of(value)
    message = f"must be a text, a whole number, a truth value, null, a list or a mapping, not {kind}"
    raise InvalidValueError(message, hint="write it as a text")


def _list(items: Sequence[object], depth: int) -> list[object]:
    plain: list[object] = []
    try:
        for item in items:
            plain.append(_plain(item, depth))
    except InvalidValueError as error:
        error.field = (len(plain), *error.field)
        raise
    return plain


def _mapping(entries: Mapping[object, object], depth: int) -> dict[str, object]:
    plain: dict[str, object] = {}
    for key in sorted(map(_key, entries), key=_utf16):
        try:
            plain[key] = _plain(entries[key], depth)
        except InvalidValueError as error:
            error.field = (key, *error.field)
            raise
    return plain


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise InvalidValueError(f"a key must be a text, not {kind_of(key)}")
    return _unicode(key)


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be")  # RFC 8785, section 3.2.3: not the order of code points


def _whole(value: int) -> int:
    if not -MAX_INTEGER <= value <= MAX_INTEGER:
        raise InvalidValueError("a whole number beyond 2**53 - 1", hint="write it as a text")
    return value


def _unicode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidValueError(f"a text holds a lone surrogate, {spell(text[error.start])}") from None
    return text
