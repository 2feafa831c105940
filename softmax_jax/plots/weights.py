"""Weights as images, where the features are pixels: what each class looks for, and what speaks against it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from softmax_jax.plots.style import TITLE, names, new_axes
from softmax_jax.runtime.host import in_numpy

_MOST_CLASSES = 64
_BRIGHTEST = 0.998  # quantile of |W| at which the colours end: one odd pixel must not pale the rest


@in_numpy
def plot_weights(
    W: Any, image_shape: tuple[int, ...], *, classes: Any = None, columns: int | None = None, ax: Axes | None = None
) -> Axes:
    """The weights of each class as an image: red speaks for the class, blue against it, white says nothing.

    Args:
      W: (m, k) weights, a column per class; of more than 64 classes the first 64 are shown.
      image_shape: (height, width) with height * width = m, row by row.
      classes: (k,) labels; 0..k-1 where not given.
      columns: images in a row; about as many as there are rows where not given.
      ax: where to draw; a new figure where not given.

    Returns:
      Axes; the images lie side by side on it.

    Raises:
      ValueError: image_shape does not fit m, or classes does not fit k.
    """
    W = np.asarray(W, np.float64)
    shape = tuple(int(size) for size in image_shape)
    if W.ndim != 2 or len(shape) != 2 or shape[0] * shape[1] != len(W):
        raise ValueError(
            f"image_shape must be (height, width) of the m features of W {W.shape}, got {image_shape}; "
            "where features are no pixels, plot_feature_weights shows their weights."
        )
    k = W.shape[1]
    labels = names(classes, k, "classes", length=12)
    shown = min(k, _MOST_CLASSES)
    across = min(shown, columns or int(np.ceil(np.sqrt(shown * 2))))
    rows = -(-shown // across)
    tiles, corners = _mosaic(W[:, :shown].T.reshape(shown, *shape), rows, across)
    ax = ax if ax is not None else new_axes((1.35 * across + 1.3, 1.5 * rows * shape[0] / shape[1] + 0.8))
    limit = float(np.quantile(np.abs(W), _BRIGHTEST)) or 1.0
    image = ax.imshow(tiles, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
    for name, (top, left) in zip(labels, corners, strict=False):
        ax.text(left + shape[1] / 2 - 0.5, top - 0.8, name, ha="center", va="bottom", fontsize=9)
    ax.set_axis_off()
    ax.set_title("weights of each class" + (f" (the first {shown} of {k})" if shown < k else ""), **TITLE)
    bar: Any = ax.figure.colorbar(image, ax=ax, fraction=0.03, pad=0.02, extend="both")
    bar.set_label("against          for the class")
    bar.outline.set_visible(False)
    return ax


def _mosaic(images: np.ndarray, rows: int, columns: int) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """All images in one array with NaN between them, and the upper left corner of each."""
    _, height, width = images.shape
    above, between = max(2, round(0.28 * height)), max(1, round(0.1 * width))
    tiles = np.full((rows * (height + above), columns * (width + between) - between), np.nan)
    corners = []
    for i, picture in enumerate(images):
        top, left = (i // columns) * (height + above) + above, (i % columns) * (width + between)
        tiles[top : top + height, left : left + width] = picture
        corners.append((top, left))
    return tiles, corners
