"""How much a file and a template may be and cost before they are refused; every refusal names the limit that it met."""

from __future__ import annotations

from dataclasses import dataclass, fields

from .errors import InvalidValueError
from .names import shown


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a file may be, and what a template may cost, before it is refused; every refusal names its limit.

    Of a file: `file_bytes` is bytes; `depth` counts lists and mappings inside one another, the file itself being the
    first; `nodes` counts the keys and values that are written, and `expanded_nodes` what they come to with all aliases
    written out; where these repeat more than 20 times the file's characters, every 1,000 beyond count one more. None goes
    by the file: 21 keys and values in each of 100,000 personas, or one for every 8 bytes where that is more; and 20 times
    what is written, plus 10,000. `personas` counts top-level keys without `$`; `text_characters` is for one text.

    Of one run of a template: `steps` counts turns of loops, calls of macros, blocks, includes, filters and operators, and
    what these make, by its length; `size` is the characters of the prompt and of every text that is made on the way, and
    the items of every list. Of compiling: `template_bytes` is for one file; `template_tokens` counts the names,
    constants and signs within braces, of all templates in the folders of a registry.
    """

    file_bytes: int = 64 * 2**20
    depth: int = 16
    nodes: int | None = None
    expanded_nodes: int | None = None
    personas: int = 100_000
    text_characters: int = 1_000_000
    steps: int = 500_000
    size: int = 20_000_000
    template_bytes: int = 1_000_000
    template_tokens: int = 32_000

    def __post_init__(self) -> None:
        for limit in fields(self):
            value = getattr(self, limit.name)
            if (type(value) is not int or value < 0) and not (value is None and limit.default is None):
                raise InvalidValueError(f"the limit {limit.name!r} must be a whole number, not {shown(value)}")

    def of_templates(self) -> dict[str, int]:
        """Return the limits of what templates may cost, by name."""
        return {name: getattr(self, name) for name in ("steps", "size", "template_bytes", "template_tokens")}

    def most_nodes(self, file_bytes: int) -> int:
        return max(2_100_001, file_bytes // 8) if self.nodes is None else self.nodes

    def most_expanded_nodes(self, written: int) -> int:
        return 20 * written + 10_000 if self.expanded_nodes is None else self.expanded_nodes


DEFAULTS = Limits()


def setting(limit: str) -> str:
    """Say how a limit is set, in Python and on the command line."""
    return f"Limits({limit}=...), on the command line --limit {limit}=..."
