"""`python -m llm_persona` and the script `llm-persona`: the command line, or how to get it."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line and return its exit code. Without click and rich, say how to install them."""
    try:
        from .cli.main import run

        return run()
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("click", "rich"):
            raise
        print("the command line needs click and rich: pip install 'llm-persona[cli]'", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # of the imports; `run` catches its own
        return 130


if __name__ == "__main__":
    sys.exit(main())
