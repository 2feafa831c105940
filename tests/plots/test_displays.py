"""Pictures of fits and paths: they show the numbers that they were given, and mark what they say they mark."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

from softmax_jax import plots
from softmax_jax.calibration import expected_calibration_error
from softmax_jax.model import Params
from softmax_jax.model_selection.path import PathResult
from softmax_jax.plots.validation import best_strength

L2 = np.array([1e-1, 1e-3, 1e-2])  # on purpose not in order


@pytest.fixture
def path():
    rng = np.random.default_rng(0)
    return SimpleNamespace(
        l2_values=L2,
        params=Params(rng.standard_normal((3, 4, 2)), np.zeros((3, 2))),
        classes=np.array(["no", "yes"]),
        val_loss=np.array([0.9, 0.5, np.nan]),
        val_accuracy=np.array([0.6, 0.8, np.nan]),
        dropped=["", "", "hopeless"],
        best_by=lambda kind: 1,
    )


def _line(ax, label):
    return next(line for line in ax.get_lines() if str(line.get_label()).startswith(label))


def _saved(ax) -> int:
    file = io.BytesIO()
    ax.figure.savefig(file, format="svg")
    return len(file.getvalue())


def test_convergence_bounds_the_distance_of_each_iteration():
    history, objective, gap = np.array([2.0, 1.5, 1.1]), 1.1, 0.01
    ax = plots.plot_convergence(history, objective, gap, tol=0.02)
    np.testing.assert_allclose(_line(ax, "at most").get_ydata(), history - 1.09)
    np.testing.assert_allclose(_line(ax, "certified gap").get_xydata(), [[3, 0.01]])
    assert set(_line(ax, "asked for").get_ydata()) == {0.02}
    assert ax.get_yscale() == "log"
    assert "1.0e-02" in ax.get_title(loc="left")
    assert _saved(ax) > 1000


def test_convergence_without_a_certificate_claims_none():
    ax = plots.plot_convergence([2.0, 1.0], 0.9, np.inf, tol=1e-6)
    np.testing.assert_allclose(_line(ax, "above the cost").get_ydata(), [1.1, 0.1])
    assert "no certificate" in ax.get_title(loc="left")
    assert len(ax.get_lines()) == 1


def test_convergence_of_minibatches_is_that_of_the_means_of_epochs():
    ax = plots.plot_convergence([4.0, 2.0, 3.0, 1.0, 2.0], 1.5, 0.5, updates_per_epoch=2)
    np.testing.assert_allclose(_line(ax, "at most").get_xydata(), [[1, 2.0], [2, 1.0], [3, 1.0]])
    np.testing.assert_allclose(_line(ax, "certified gap").get_xydata(), [[3, 0.5]])
    assert (ax.get_xlabel(), ax.get_ylabel()[:22]) == ("epoch", "mean cost of an epoch ")


def test_no_line_is_drawn_through_a_legend():
    for ax in (plots.plot_convergence([2.0, 1.5], 1.4, 0.1, tol=1e-2), plots.plot_validation_curve(L2, [3, 1, 2])):
        legend = ax.get_legend()
        assert legend.get_frame_on() and legend.get_frame().get_alpha() >= 0.9
        assert legend.zorder > max(artist.zorder for artist in ax.get_lines())


def test_the_path_shows_norms_and_weights_sorted_by_strength(path):
    ax = plots.plot_regularisation_path(L2, path.params.W, classes=path.classes)
    norms = np.linalg.norm(path.params.W, axis=1)
    for j, label in enumerate(path.classes):
        line = _line(ax, label)
        np.testing.assert_array_equal(line.get_xdata(), np.sort(L2))
        np.testing.assert_allclose(line.get_ydata(), norms[np.argsort(L2), j])
    ax = plots.plot_regularisation_path(L2, path.params.W, of="features", feature_names=list("abcd"))
    np.testing.assert_allclose(_line(ax, "c").get_ydata(), np.linalg.norm(path.params.W[np.argsort(L2), 2], axis=1))


def test_of_many_weights_the_largest_are_named_and_the_others_counted(path):
    ax = plots.plot_regularisation_path(L2, path.params.W, of="coefficients", most=3)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    weakest = np.abs(path.params.W[1]).ravel()
    assert labels[:3] == [f"{i // 2}, {i % 2}" for i in np.argsort(-weakest)[:3]]
    assert labels[3] == "5 others"


def test_the_validation_curve_marks_the_winner_and_what_was_dropped():
    ax = plots.plot_validation_curve(L2, [0.9, 0.5, 0.4], dropped=["", "", "hopeless"])
    np.testing.assert_allclose(_line(ax, "best").get_xydata(), [[1e-3, 0.5]])
    np.testing.assert_allclose(_line(ax, "dropped: 1").get_xydata(), [[1e-2, 0.4]])
    np.testing.assert_allclose(_line(ax, "validation").get_xdata(), [1e-3, 1e-1])
    assert "widen" in ax.get_title(loc="left")  # the best is the weakest strength
    ax = plots.plot_validation_curve(L2, [0.6, 0.6, 0.8], kind="accuracy", training=[0.7, 0.9, 0.8])
    np.testing.assert_allclose(_line(ax, "best").get_xydata(), [[1e-2, 0.8]])
    assert "widen" not in ax.get_title(loc="left")
    np.testing.assert_allclose(_line(ax, "training").get_ydata(), [0.9, 0.8, 0.7])


def test_the_display_marks_what_the_path_calls_best():
    path = PathResult(
        l2_values=L2,
        params=Params(np.zeros((3, 4, 2)), np.zeros((3, 2))),
        classes=np.array([0, 1]),
        objective=np.ones(3),
        duality_gap=np.zeros(3),
        status=["converged"] * 3,
        n_iter=np.ones(3, int),
        n_passes=np.ones(3, int),
        val_loss=np.array([0.9, 0.5, 0.7]),
        val_accuracy=np.array([0.8, 0.8, 0.6]),  # equal, and the weaker of the two has the smaller loss
        dropped=["", "", ""],
    )
    for kind, value in (("accuracy", 0.8), ("loss", 0.5)):
        ax = plots.ValidationCurveDisplay.from_result(path, kind=kind).ax_
        assert path.best == path.best_by(kind) == 1
        np.testing.assert_allclose(_line(ax, "best").get_xydata(), [[1e-3, value]])


def test_among_equals_the_strongest_penalty_wins():
    assert best_strength(L2, [0.5, 0.5, 0.5], kind="loss") == 0
    assert best_strength(L2, [0.5, 0.5, 0.5], kind="accuracy", dropped=[True, False, False]) == 2


def test_a_dropped_strength_without_a_value_is_marked_at_the_foot(path):
    ax = plots.ValidationCurveDisplay.from_result(path, kind="accuracy").ax_
    assert _line(ax, "dropped: 1").get_ydata() == [0.03]
    np.testing.assert_allclose(_line(ax, "best").get_xydata(), [[1e-3, 0.8]])


def test_weights_lie_in_the_order_of_the_pixels():
    W = np.arange(12.0).reshape(6, 2) - 5
    ax = plots.plot_weights(W, (2, 3), classes=["a", "b"], columns=2)
    tiles = ax.get_images()[0].get_array()
    filled = np.ma.filled(tiles, np.nan)
    for j in range(2):
        corner = np.argwhere(filled == W[0, j])[0]
        np.testing.assert_array_equal(filled[corner[0] : corner[0] + 2, corner[1] : corner[1] + 3].ravel(), W[:, j])
    assert [text.get_text() for text in ax.texts] == ["a", "b"]
    low, high = ax.get_images()[0].get_clim()
    assert low == -high


def test_weights_of_named_features_are_cells_the_largest_on_top():
    W = np.array([[0.1, -0.2, 0.0], [3.0, 0.0, -2.0], [0.0, 0.0, 0.0], [1.0, 1.0, -1.0]])
    ax = plots.plot_feature_weights(W, feature_names=["low", "high", "none", "middle"], classes=["a", "b", "c"])
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["high", "middle", "low"]
    np.testing.assert_array_equal(ax.get_images()[0].get_array(), W[[1, 3, 0]])
    assert ax.get_images()[0].get_clim() == (-3, 3)
    assert "3 of 4 features" in ax.get_title(loc="left")
    ax = plots.plot_feature_weights(np.ones((3, 50)))
    assert "30 of 50 classes" in ax.get_title(loc="left")


def test_weights_of_two_classes_are_bars_of_their_difference():
    common = plots.plot_feature_weights([[5.0, 5.0], [0.0, 1.0], [2.0, 2.0]], feature_names=["a", "b", "c"], most=1)
    assert [label.get_text() for label in common.get_yticklabels()] == ["b"]  # the others are for all classes alike
    ax = plots.plot_feature_weights([[1.0, 2.0], [3.0, -3.0]], classes=["no", "yes"])
    assert [bar.get_width() for bar in ax.patches] == [-6.0, 1.0]
    assert ax.get_xlabel().startswith("← for no") and ax.get_xlabel().endswith("for yes →")


def test_of_very_many_classes_the_first_are_shown():
    ax = plots.plot_weights(np.ones((4, 100)), (2, 2))
    assert len(ax.texts) == 64
    assert "64 of 100" in ax.get_title(loc="left")


def test_decision_regions_count_right_samples_and_colour_the_plane():
    params = Params(np.array([[-5.0, 5.0], [0.0, 0.0]]), np.zeros(2))
    X = np.array([[-1.0, 0.0], [1.0, 1.0], [2.0, 0.5], [-2.0, 0.2]])
    ax = plots.plot_decision_regions(params, X, ["l", "r", "r", "r"], classes=["l", "r"], feature_names=["u", "v"])
    assert ax.get_title(loc="left").startswith("3 of 4 right")
    picture = np.asarray(ax.get_images()[0].get_array())
    assert picture[0, 0, 2] > picture[0, 0, 0]  # blue at the left
    assert picture[0, -1, 0] > picture[0, -1, 2]  # orange at the right
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("u", "v")
    assert sum(len(c.get_offsets()) for c in ax.collections) == 4


def test_the_reliability_diagram_shows_accuracy_by_confidence():
    rng = np.random.default_rng(0)
    O = rng.dirichlet([0.3, 0.3, 0.3], 300)
    y = rng.integers(0, 3, 300)
    ax = plots.plot_reliability_diagram(O, y, n_bins=5)
    error = expected_calibration_error(O, y, 5)
    assert f"{error:.4f}" in ax.get_title(loc="left")
    points = ax.collections[-1].get_offsets()
    inside = (O.max(axis=1) > 0.8) & (O.max(axis=1) <= 1.0)
    np.testing.assert_allclose(points[-1], [O.max(axis=1)[inside].mean(), np.mean((O.argmax(axis=1) == y)[inside])])
    below = ax.figure.axes[-1]
    shares = [bar.get_height() for bar in below.patches]
    assert np.sum(shares) == pytest.approx(1) and np.count_nonzero(shares) == len(points)
    assert shares[-1] == pytest.approx(np.mean(inside)) and below.get_ylim() == (0, 1)
    assert below.get_shared_x_axes().joined(ax, below)


def test_shares_of_rows_need_a_place_in_a_grid():
    free = Figure().add_axes((0.1, 0.1, 0.8, 0.8))
    with pytest.raises(ValueError, match="ax must be a part of a grid"):
        plots.plot_reliability_diagram([[0.9, 0.1]], [0], ax=free)


def test_the_race_is_on_logarithmic_axes_and_leaves_out_what_is_not_finite():
    ax = plots.plot_gap_against_time({"a": ([0.1, 1.0, 2.0], [1.0, np.nan, 0.0]), "b": ([1.0], [0.5])}, target=1e-5)
    np.testing.assert_allclose(_line(ax, "a").get_xydata(), [[0.1, 1.0], [2.0, 1e-16]])
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


def test_displays_draw_on_given_axes_and_draw_again(path):
    given = Figure().subplots(1, 2)
    result = SimpleNamespace(history=np.array([1.0, 0.5]), objective=0.5, duality_gap=1e-3)
    display = plots.ConvergenceDisplay.from_result(result, ax=given[0], tol=1e-2)
    assert display.ax_ is given[0] and display.figure_ is given[0].figure
    assert display.plot(ax=given[1]).ax_ is given[1]
    assert len(given[1].get_lines()) == 2  # without the tol of the first drawing
    assert plots.RegularisationPathDisplay.from_result(path, of="features").ax_.get_xscale() == "log"


def test_displays_of_estimators_pick_their_attributes():
    classes = np.array(["a", "b"])
    model = SimpleNamespace(
        classes_=classes,
        params_=Params(np.eye(4)[:, :2], np.zeros(2)),
        history_=[1.0, 0.5],
        objective_=0.5,
        duality_gap_=1e-3,
        tol=1e-2,
        predict_proba=lambda X: np.tile([0.9, 0.1], (len(X), 1)),
    )
    assert len(plots.ConvergenceDisplay.from_estimator(model).ax_.get_lines()) == 3
    assert [t.get_text() for t in plots.WeightsDisplay.from_estimator(model, (2, 2)).ax_.texts] == ["a", "b"]
    assert len(plots.WeightsDisplay.from_estimator(model).ax_.patches) == 2  # of four features two have no weight
    ax = plots.ReliabilityDisplay.from_estimator(model, np.zeros((4, 1)), ["a", "a", "b", "a"]).ax_
    assert "0.1500" in ax.get_title(loc="left")  # 0.75 right, 0.9 sure
    with pytest.raises(ValueError, match="y must hold the labels 'a', 'b', got 'c'"):
        plots.ReliabilityDisplay.from_estimator(model, np.zeros((1, 1)), ["c"])


@pytest.mark.parametrize(
    ("message", "call"),
    [
        ("history", lambda: plots.plot_convergence([], 1.0, 0.1)),
        ("l2_values must be finite and above 0.*got 0", lambda: plots.plot_validation_curve([0.0, 1.0], [1, 2])),
        ("l2_values must be 1-d", lambda: plots.plot_validation_curve([], [])),
        ("values must be as long", lambda: plots.plot_validation_curve([1.0], [1, 2])),
        ("values must hold a finite", lambda: plots.plot_validation_curve([1.0], [np.nan])),
        ("dropped must be as long", lambda: plots.plot_validation_curve([1.0], [1], dropped=["", ""])),
        ("best must be.* got 1", lambda: plots.plot_validation_curve([1.0, 2.0], [1, np.nan], best=1)),
        ("kind must be", lambda: plots.plot_validation_curve([1.0], [1], kind="f1")),
        ("W must be", lambda: plots.plot_regularisation_path([1.0], np.ones((2, 2, 2)))),
        ("of must be", lambda: plots.plot_regularisation_path([1.0], np.ones((1, 2, 2)), of="pixels")),
        ("most must be", lambda: plots.plot_regularisation_path([1.0], np.ones((1, 2, 2)), most=0)),
        ("classes must hold 2", lambda: plots.plot_regularisation_path([1.0], np.ones((1, 3, 2)), classes=["a"])),
        ("W must be .m, k.", lambda: plots.plot_feature_weights(np.ones(3))),
        ("feature_names must hold 3", lambda: plots.plot_feature_weights(np.ones((3, 2)), feature_names=["a"])),
        ("most must be", lambda: plots.plot_feature_weights(np.ones((3, 2)), most=0)),
        ("updates_per_epoch", lambda: plots.plot_convergence([1.0], 1.0, 0.1, updates_per_epoch=0)),
        ("image_shape.*plot_feature_weights", lambda: plots.plot_weights(np.ones((6, 2)), (2, 2))),
        ("classes must hold 2", lambda: plots.plot_weights(np.ones((4, 2)), (2, 2), classes=["a"])),
        (
            "two features",
            lambda: plots.plot_decision_regions(Params(np.ones((3, 2)), np.ones(2)), np.ones((4, 3)), [0]),
        ),
        ("runs must hold", lambda: plots.plot_gap_against_time({})),
        ("of one length", lambda: plots.plot_gap_against_time({"a": ([1.0], [1.0, 2.0])})),
        ("times above 0", lambda: plots.plot_gap_against_time({"a": ([0.0], [1.0])})),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(message, call):
    with pytest.raises(ValueError, match=message):
        call()
