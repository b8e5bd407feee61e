"""Draw the warm render: one bar for each, on a logarithmic scale, with the least and the most of five processes."""

from __future__ import annotations

import matplotlib

matplotlib.use("Agg")

from harness import RESULTS, results
from matplotlib import pyplot
from pages import written

OURS, OTHERS = "#1f6feb", "#9aa4b2"


def main() -> None:
    shown = {name: figure for name, figure in results()["warm_render"].items() if "nanoseconds" not in name}
    figure, axes = pyplot.subplots(figsize=(9, 0.42 * len(shown) + 1.2), layout="constrained")
    for place, (name, of) in enumerate(reversed(shown.items())):
        value = of["median"]
        spread = [[value - of["least"]], [of["most"] - value]]
        axes.barh(name, value, xerr=spread, color=OURS if name.startswith("llm-persona") else OTHERS, ecolor="#57606a")
        axes.text(of["most"] * 1.15, place, f"{written(value)}×", va="center", fontsize=9)
    axes.set_xscale("log")
    axes.set_xlim(0.8, max(of["most"] for of in shown.values()) * 4)
    axes.set_title("Time of one prompt, as a multiple of an f-string over prepared text", loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#e5e8ec")
    axes.set_axisbelow(True)
    figure.savefig(RESULTS / "warm_render.png", dpi=120, metadata={"Software": None})


if __name__ == "__main__":
    main()
