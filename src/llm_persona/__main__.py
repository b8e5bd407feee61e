"""`python -m llm_persona` and the script `llm-persona`: the command line, or how to get it."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line and return its exit code. Without click and rich, say how to install them."""
    try:
        import click  # noqa: F401 - whether it is there
        import rich  # noqa: F401 - whether it is there
    except ModuleNotFoundError:
        print("the command line needs click and rich: pip install 'llm-persona[cli]'", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    try:
        from .cli.main import run
    except KeyboardInterrupt:  # `run` catches its own
        return 130
    return run()


if __name__ == "__main__":
    sys.exit(main())
