"""`python benchmarks [QUESTION ...]` asks all questions, or these, and writes `results`, their plot and the pages' tables."""

import sys

import pages
from harness import ask

QUESTIONS = ("warm_render", "kinds_of_request", "steered", "scale", "loading", "cold_start", "command_line")


def main() -> None:
    for question in sys.argv[1:] or QUESTIONS:
        ask(question)
    pages.main()
    try:
        import plot
    except ImportError as error:
        print(f"no plot: {error}")
    else:
        plot.main()


if __name__ == "__main__":
    main()
