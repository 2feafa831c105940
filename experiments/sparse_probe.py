"""How many features does a probe need? python experiments/sparse_probe.py.

A path of grouped l1 on MNIST test images, 8000 rows to fit and 2000 to score: a pixel is used for all digits or for
none. Accuracy against the number of pixels, once as l1 leaves the weights, shrunk, and once with the pixels that were
kept fitted again with l2 alone. Beside it stand the pixels of one probe, as an image.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from problems import mnist
from recording import RESULTS, record
from rich.console import Console
from rich.table import Table

import softmax_jax as sj
from softmax_jax.plots.style import BLUE, GREY, ORANGE

STRENGTHS, TOL, L2, SEED, TRAINING = np.geomspace(1, 0.1, 13), 1e-4, 1e-3, 0, 8000
SHOWN = 60  # pixels of the probe that is drawn, at most


def measure() -> dict[str, Any]:
    """The path, and at each strength the accuracy of its weights and of the refit."""
    X, y, _ = mnist()
    order = np.random.default_rng(SEED).permutation(len(X))
    X, y = X[order].astype(np.float32), y[order]
    train, test = slice(None, TRAINING), slice(TRAINING, None)
    begin_s = time.perf_counter()
    top = sj.l1_max(X[train], y[train], group="features")
    path = sj.fit_path(X[train], y[train], l1_values=top * STRENGTHS, group="features", tol=TOL)
    path_s = time.perf_counter() - begin_s
    rows = []
    for i, l1 in enumerate(path.l1_values):
        params, kept = path.at(i), np.flatnonzero(path.params.W[i].any(axis=1))
        row = {"l1": l1, "pixels": len(kept), "gap": path.duality_gap[i], "status": path.status[i]}
        row["accuracy"] = accuracy(params, X[test], y[test])
        if len(kept):
            again = sj.fit(X[train][:, kept], y[train], l2=L2, tol=TOL)
            row["refitted"] = accuracy(again.params, X[test][:, kept], y[test])
        rows.append(row)
    whole = sj.fit(X[train], y[train], l2=L2, tol=TOL)
    few = max(i for i, row in enumerate(rows) if row["pixels"] <= SHOWN)
    return {
        "rows": rows,
        "all pixels": {"l2": L2, "accuracy": accuracy(whole.params, X[test], y[test])},
        "drawn": {"pixels": rows[few]["pixels"], "norms": np.linalg.norm(path.params.W[few], axis=1).tolist()},
        "seconds of the path, first": path_s,
        "mean image": X[train].mean(axis=0).tolist(),
    }


def accuracy(params: sj.Params, X: np.ndarray, y: np.ndarray) -> float:
    """The share of rows whose digit is found."""
    return float(np.mean(np.argmax(X @ params.W + params.b, axis=1) == y))


def draw(result: dict[str, Any]) -> Figure:
    """Accuracy against the number of pixels, and the pixels of one probe."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.7, 1))
    rows = [row for row in result["rows"] if row["pixels"]]
    pixels = [row["pixels"] for row in rows]
    left.plot(pixels, [row["refitted"] for row in rows], "o-", color=BLUE, ms=3, label="kept pixels, fitted again")
    left.plot(pixels, [row["accuracy"] for row in rows], "s-", color=ORANGE, ms=3, label="as l1 leaves them")
    left.axhline(result["all pixels"]["accuracy"], color=GREY, ls="--", lw=1)
    left.annotate("all 784 pixels", (pixels[0], result["all pixels"]["accuracy"]), (0, 3), textcoords="offset points")
    left.set(xscale="log", xlabel="pixels used", ylabel="accuracy on 2000 other images", ylim=(0, 1))
    left.legend(loc="lower right", frameon=False)
    norms = np.array(result["drawn"]["norms"]).reshape(28, 28)
    right.imshow(np.array(result["mean image"]).reshape(28, 28), cmap="Greys", vmax=1.2)
    shown = np.ma.masked_equal(norms, 0)
    image = right.imshow(shown, cmap="viridis")
    right.set(xticks=[], yticks=[], title=f"the {result['drawn']['pixels']} pixels of one probe, on the mean image")
    right.title.set_fontsize(9)
    figure.colorbar(image, ax=right, shrink=0.8, label="norm of a pixel's weights")
    return figure


def main() -> None:
    """Measure, record, draw, print."""
    result = measure()
    assert all(row["status"] == "converged" for row in result["rows"])
    record("sparse_probe", result)
    draw(result).savefig(RESULTS / "sparse_probe.png", dpi=150)
    table = Table("pixels", "l1", "accuracy", "fitted again", "proven gap")
    for row in result["rows"][::3]:
        again = f"{row['refitted']:.3f}" if "refitted" in row else "-"
        table.add_row(str(row["pixels"]), f"{row['l1']:.2e}", f"{row['accuracy']:.3f}", again, f"{row['gap']:.0e}")
    Console().print(table)
    print(f"all pixels: {result['all pixels']['accuracy']:.3f}; path: {result['seconds of the path, first']:.0f} s")


if __name__ == "__main__":
    main()
