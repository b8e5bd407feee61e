"""Characters that people do not see and models read, and the places where they are part of honest writing.

Zero-width characters, bidirectional controls, variation selectors and tags can carry an instruction past every
reviewer. The same characters join emoji, shape Persian and Indic words and make three flags: there they are
left in peace. `str.isprintable` misses variation selectors and the Hangul filler, so the ranges stand here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

# Default_Ignorable_Code_Point of Unicode 16, the bidirectional and line controls, and control characters that no
# text needs (tab and line ends aside).
_LOW = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
)
_HIGH = "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
_HIDDEN = re.compile(f"[{_LOW}{_HIGH}]+")
# Four times as fast on text in most languages: one table look-up a character, and no run.
_PERHAPS = re.compile(f"[{_LOW}\U00010000-\U0010ffff]")
# Scripts whose letters are shaped by U+200C and U+200D: Arabic, Syriac, N'Ko, the Indic ones, Mongolian.
_JOINING = "[\u0600-\u07ff\u0840-\u0dff\u0f00-\u109f\u1780-\u18af\ufb50-\ufdff\ufe70-\ufefc]"
_FLAGS = re.compile(
    "\U0001f3f4(\U000e0067\U000e0062(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074|\U000e0077\U000e006c\U000e0073)\U000e007f)"
)
_IDEOGRAPH = "[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
_MARKS_OF_DIRECTION = ("\u061c", "\u200e", "\u200f")
_RIGHT_TO_LEFT = "[\u0590-\u05ff\u0620-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
_BIDIRECTIONAL = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_TAGS = range(0xE0020, 0xE007F)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile what few texts need, when one does: sets of thousands of characters take a millisecond each."""
    return re.compile(pattern)


@dataclass(frozen=True, slots=True)
class Run:
    """Hidden characters that stand side by side; `start` counts characters of the text."""

    start: int
    characters: str

    @property
    def bidirectional(self) -> bool:
        return _BIDIRECTIONAL.search(self.characters) is not None

    @property
    def message(self) -> str | None:
        """What tag characters spell in plain letters, where any stand here."""
        spelled = "".join(chr(ord(ch) - 0xE0000) for ch in self.characters if ord(ch) in _TAGS)
        return spelled or None


def may_hide(text: str) -> bool:
    """Whether a hidden character may be here: `runs` is empty where not. Nearly every text is decided by this."""
    return not (text.isascii() and text.isprintable()) and _PERHAPS.search(text) is not None


def runs(text: str) -> Iterator[Run]:
    """Yield the hidden characters of a text, those aside that its script or an emoji needs."""
    if not may_hide(text):
        return
    right_to_left = _compiled(_RIGHT_TO_LEFT).search(text) is not None
    for match in _HIDDEN.finditer(text):
        if right_to_left and match[0] in _MARKS_OF_DIRECTION:
            continue
        start = match.start() + _honest(text, match.start(), match.end())
        if start < match.end():
            yield Run(start, text[start : match.end()])


def _honest(text: str, start: int, end: int) -> int:
    """Return how many of the hidden characters at `start` belong where they stand."""
    flag = _FLAGS.match(text, start - 1) if start else None
    if flag is not None:
        return len(flag[1])
    before, first = text[start - 1 : start], text[start]
    after = text[end : end + 1]
    if _selects_variant(before, first, after):
        # An emoji may be joined to the next one after its selector: U+FE0F U+200D.
        return end - start if text[start + 1 : end] in ("", "\u200d") else 1
    if end - start == 1 and _joins(before, first, after):
        return 1
    return 0


def _selects_variant(before: str, selector: str, after: str) -> bool:
    """Whether a variation selector follows what has variants: a symbol, a keycap, an ideograph, a Mongolian letter."""
    if not before:
        return False
    if selector == "\ufe0f" and before in "0123456789#*":
        return after == "\u20e3"
    if "\ufe00" <= selector <= "\ufe0f":
        return unicodedata.category(before)[0] == "S" or before in "‼⁉〰ℹ" or bool(_compiled(_IDEOGRAPH).match(before))
    if "\U000e0100" <= selector <= "\U000e01ef":
        return bool(_compiled(_IDEOGRAPH).match(before))
    return "\u180b" <= selector <= "\u180f" and "\u1800" <= before <= "\u18af"


def _joins(before: str, character: str, after: str) -> bool:
    """Whether a joiner or a non-joiner stands where writing needs it."""
    if not before:
        return False
    if character == "\u200d" and unicodedata.category(before)[0] == "S" == unicodedata.category(after or "-")[0]:
        return True
    if character == "\u200d":
        return bool(_compiled(_JOINING).match(before) or _compiled(_JOINING).match(after))
    return character == "\u200c" and bool(_compiled(_JOINING).match(before) and _compiled(_JOINING).match(after))
