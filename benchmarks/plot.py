"""Draw the figures in `results`: ratios alone, one bar each, on a logarithmic scale."""

from __future__ import annotations

import json

import matplotlib

matplotlib.use("Agg")

from harness import RESULTS
from matplotlib import pyplot

OURS, OTHERS = "#1f6feb", "#9aa4b2"


def figures(question: str) -> dict[str, float]:
    path = RESULTS / f"{question}.json"
    return json.loads(path.read_text(encoding="utf-8"))["figures"] if path.exists() else {}


def bars(axes: pyplot.Axes, shown: dict[str, float], title: str) -> None:
    names = list(shown)[::-1]
    values = [shown[name] for name in names]
    colours = [OURS if name.startswith("llm-persona") else OTHERS for name in names]
    axes.barh(names, values, color=colours, height=0.7)
    axes.set_xscale("log")
    axes.set_xlim(0.8, max(values) * 4)
    for position, value in enumerate(values):
        axes.text(value * 1.1, position, f"{value:,.1f}×" if value < 100 else f"{value:,.0f}×", va="center", fontsize=9)
    axes.set_title(title, loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#e5e8ec")
    axes.set_axisbelow(True)


def main() -> None:
    warm = {name: value for name, value in figures("warm_render").items() if not name.startswith("ordinary path")}
    figure, axes = pyplot.subplots(figsize=(9, 0.42 * len(warm) + 1.2), layout="constrained")
    bars(axes, warm, "Time of one prompt, as a multiple of an f-string over prepared text")
    figure.savefig(RESULTS / "warm_render.png", dpi=150, metadata={"Software": None})


if __name__ == "__main__":
    main()
