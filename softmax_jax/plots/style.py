"""What all pictures share: colours that colour-blind readers tell apart, axes outside pyplot, a quiet frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

BLUE, ORANGE, GREY = "#1f5f99", "#d9730d", "#6b6b6b"
PALE = "#e3e3e3"  # of grids and of what stands in the background
COLOURS = (BLUE, ORANGE, "#0b8a6f", "#b5477e", "#7a5cc0", "#b8960c", "#4ba3d9", "#8a4b2a")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")  # beside the colours, so that no picture rests on these alone
L2_AXIS = "l2, strength of the penalty (right: stronger)"
TITLE: Any = {"loc": "left", "fontsize": 11}  # of the finding, above the left end of the axes
_MANY_ITERATIONS = 100  # from which their axis is logarithmic: the first ones do most


def new_axes(size: tuple[float, float]) -> Axes:
    """Axes of a figure of its own, `size` inches wide and high."""
    figure = Figure(figsize=size, dpi=150, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1, compress=True))
    return figure.add_subplot()


def finish(ax: Axes, words: str = "", **legend: Any) -> Axes:
    """A pale grid, no frame above and to the right, a title, and a legend where anything has a label.

    Args:
      ax: where the picture is drawn.
      words: the finding, above the left end of the axes.
      **legend: where else than at its best place the legend is.

    Returns:
      ax.
    """
    ax.grid(True, which="major", color=PALE, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_title(words, **TITLE)
    if ax.get_legend_handles_labels()[0]:
        show_legend(ax, **legend)
    return ax


def show_legend(ax: Axes, **legend: Any) -> None:
    """A legend on white, above the lines: none is drawn through its words.

    Args:
      ax: where something has a label.
      **legend: further options of `Axes.legend`.
    """
    look: Any = {"fontsize": 9, "framealpha": 0.9, "facecolor": "white", "edgecolor": "none"} | legend
    ax.legend(**look).set_zorder(6)


def axes_below(ax: Axes, heights: tuple[float, float]) -> Axes:
    """Axes that take the lower part of the place of others, and share their horizontal axis.

    Args:
      ax: a part of a grid, such as those of `plt.subplots`; its own labels of the horizontal axis go.
      heights: of the two, in proportion.

    Raises:
      ValueError: ax is not a part of a grid.
    """
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError("ax must be a part of a grid, such as those of plt.subplots: some of it is drawn below.")
    above, under = place.subgridspec(2, 1, height_ratios=heights)
    ax.set_subplotspec(above)
    below = figure_of(ax).add_subplot(under, sharex=ax)
    ax.tick_params(axis="x", labelbottom=False, which="both")
    ax.set_xlabel("")
    return below


def figure_of(ax: Axes) -> Figure:
    """The figure that holds some axes, as a whole one."""
    return cast(Figure, ax.figure)


def save(ax: Axes, path: Path) -> None:
    """Write a picture as a PNG file; laid out and drawn once, where `savefig` does both twice.

    Args:
      ax: axes of the figure.
      path: of the file.
    """
    FigureCanvasAgg(figure_of(ax)).print_png(path)


def colours(n: int) -> list[Any]:
    """Colours for n things: the palette where it suffices, else a colour map from end to end."""
    if n <= len(COLOURS):
        return list(COLOURS[:n])
    return list(matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, n)))


def short(name: object, length: int = 18) -> str:
    """A name for a label.

    Args:
      name: what is named.
      length: characters to which it is cut.
    """
    words = str(name)
    return words if len(words) <= length else words[: length - 1] + "…"


def names(given: Any, count: int, argument: str, *, length: int = 18) -> list[str]:
    """Names for labels; 0, 1, ... where none are given.

    Args:
      given: `count` names, or None.
      count: how many there must be.
      argument: what they are called in the error.
      length: characters to which each is cut.

    Raises:
      ValueError: there are more or fewer.
    """
    found = range(count) if given is None else given
    if len(found) != count:
        raise ValueError(f"{argument} must hold {count} names, one for each, got {len(found)}.")
    return [short(name, length) for name in found]


def costs(history: Any) -> np.ndarray:
    """A history as (t,) float64, checked.

    Raises:
      ValueError: it is empty or not one-dimensional.
    """
    cost = np.asarray(history, np.float64)
    if cost.ndim != 1 or cost.size == 0:
        raise ValueError(f"history must be 1-d and not empty, got shape {cost.shape}.")
    return cost


def draw_costs(ax: Axes, values: np.ndarray, **look: Any) -> None:
    """Draw a value per iteration: by points where they are few, on a logarithmic axis where they are many.

    Args:
      ax: where to draw.
      values: (t,).
      **look: further properties of the line.
    """
    marker = "o" if values.size <= 50 else ""
    ax.plot(np.arange(1, values.size + 1), values, color=BLUE, linewidth=1.8, marker=marker, markersize=4, **look)
    if values.size > _MANY_ITERATIONS:
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def strengths(values: Any, name: str = "l2_values") -> np.ndarray:
    """Strengths as (L,) float64, checked to fit on a logarithmic axis.

    Args:
      values: (L,).
      name: of the argument.

    Raises:
      ValueError: it is empty, not one-dimensional, or holds a number that is not finite and above 0.
    """
    found = np.asarray(values, np.float64)
    if found.ndim != 1 or found.size == 0:
        raise ValueError(f"{name} must be 1-d and not empty, got shape {found.shape}.")
    if not (np.isfinite(found) & (found > 0)).all():
        strange = found[~(np.isfinite(found) & (found > 0))][0]
        raise ValueError(f"{name} must be finite and above 0 for a logarithmic axis, got {strange}.")
    return found


def stacked_axes(size: tuple[float, float], heights: tuple[float, ...]) -> list[Axes]:
    """Axes one above the other that share their horizontal axis, in a figure of their own.

    Args:
      size: inches wide and high.
      heights: of each, in proportion.
    """
    figure = Figure(figsize=size, dpi=150, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.05))
    return list(figure.subplots(len(heights), sharex=True, gridspec_kw={"height_ratios": heights}))
