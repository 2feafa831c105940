"""The picture of a probe's search: what is drawn, where the star stands, what is left out."""

from __future__ import annotations

import numpy as np
import pytest

from softmax_jax.plots import plot_probe

L2 = np.array([1.0, 0.1, 0.01, 0.001])
ACCURACY = np.array([0.5, 0.8, 0.9, np.nan])


def test_a_panel_each_for_accuracy_loss_and_gap_where_they_are_known():
    gaps, losses = np.array([1e-7, 1e-8, 1e-9, np.inf]), np.array([1.0, 0.5, 0.4, np.nan])
    assert len(plot_probe(L2, ACCURACY, losses, best=2, n_val=50, duality_gap=gaps).figure.axes) == 3
    assert len(plot_probe(L2, ACCURACY, losses, best=2).figure.axes) == 2
    alone = plot_probe(L2, ACCURACY, best=2)
    assert len(alone.figure.axes) == 1 and "strength of the penalty" in alone.get_xlabel()
    assert plot_probe(L2, ACCURACY, losses, best=2, ax=alone) is alone


def test_error_bars_and_band_are_one_standard_error_of_the_rows():
    ax = plot_probe(L2, ACCURACY, best=2, n_val=98)
    p = (0.9 * 98 + 1) / 100
    error = np.sqrt(p * (1 - p) / 100)
    band = next(patch for patch in ax.patches if patch.get_label().startswith("one standard error of 98"))
    assert (band.get_y(), band.get_height()) == pytest.approx((0.9 - error, 2 * error))
    assert f"0.9000 ± {error:.4f} at l2 = 0.01" in ax.get_title(loc="left")
    assert not plot_probe(L2, ACCURACY, best=2).patches


def test_the_star_is_raised_above_the_winner():
    ax = plot_probe(L2, ACCURACY, best=2)
    star = next(line for line in ax.get_lines() if line.get_label() == "best l2")
    height = star.get_transform().transform([(0.01, 0.9)])[0, 1] - ax.transData.transform([(0.01, 0.9)])[0, 1]
    assert height == pytest.approx(15 / 72 * ax.figure.dpi)


def test_training_rows_are_drawn_where_they_are_known():
    labels = [line.get_label() for line in plot_probe(L2, ACCURACY, best=2, train_accuracy=ACCURACY).get_lines()]
    assert "training" in labels
    none = plot_probe(L2, ACCURACY, best=2, train_accuracy=np.full(4, np.nan))
    assert "training" not in [line.get_label() for line in none.get_lines()]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((L2, ACCURACY[:3], None, 2), "val_accuracy must be as long as l2_values"),
        ((L2, ACCURACY, None, 4), "best must be an index"),
        ((-L2, ACCURACY, None, 2), "above 0"),
    ],
)
def test_bad_input_is_named(arguments, words):
    *numbers, best = arguments
    with pytest.raises(ValueError, match=words):
        plot_probe(*numbers, best=best)
