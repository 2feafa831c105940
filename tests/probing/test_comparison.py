"""Several features are probed alike and tested on the same rows; differences are paired; Ctrl-C keeps what is done."""

from __future__ import annotations

import numpy as np
import pytest

import softmax_jax as sj
from softmax_jax.display.user_warnings import NotConvergedWarning
from softmax_jax.probing.trials import split

RNG = np.random.default_rng(0)
X = RNG.standard_normal((120, 6))
Y = np.argmax(1.5 * X[:, :3] + RNG.gumbel(size=(120, 3)), axis=1)
FEATURES = {"clear": X, "noisy": X + 6 * RNG.standard_normal(X.shape), "same": X}
SETTINGS = {"l2_values": [1e-1, 1e-2]}


@pytest.fixture(scope="module")
def found():
    return sj.compare_probes(FEATURES, Y, seeds=2, **SETTINGS)


def test_each_probe_is_linear_probe_on_the_split_of_its_seed(found):
    train, test = split(Y, 0.2, 1)
    alone = sj.linear_probe(FEATURES["noisy"][train], Y[train], seed=1, **SETTINGS)
    np.testing.assert_array_equal(found.probes[1][1].result.params.W, alone.result.params.W)
    assert found.accuracy[1, 1] == alone.score(FEATURES["noisy"][test], Y[test])
    assert np.isfinite(found.right[:, 1]).sum() == 3 * len(test) == 3 * found.n_test
    np.testing.assert_array_equal(found.accuracy[0], found.accuracy[2])
    np.testing.assert_allclose(found.mean_accuracy, found.accuracy.mean(axis=1))
    assert (found.best, found.n_unconverged, found.stopped) == (0, 0, False)


def test_the_differences_are_of_the_same_rows(found):
    by_pair = {(d.first, d.second): d for d in found.differences}
    assert set(by_pair) == {("clear", "same"), ("clear", "noisy"), ("same", "noisy")}
    assert by_pair["clear", "same"][2:5] == (0, 0, 0)
    apart = by_pair["clear", "noisy"]
    assert apart.difference == pytest.approx(found.mean_accuracy[0] - found.mean_accuracy[1])
    assert 0 < apart.low < apart.difference < apart.high


def test_it_is_printed_as_a_table_with_differences_and_drawn(found):
    lines = str(found).splitlines()
    assert [line.split()[0] for line in lines[1:4]] == list(FEATURES) and "over 2 seeds" in lines[1]
    assert any(line.startswith("clear - noisy: +0.") and "95 % interval" in line for line in lines)
    assert "\n" not in repr(found) and "clear" in repr(found)
    assert found._repr_html_().count("<tr>") == 1 + 3 + 1 + 3
    ax = found.plot()
    assert [label.get_text() for label in ax.get_yticklabels()] == list(FEATURES)
    assert ax.get_title(loc="left") == f"highest: clear, {found.mean_accuracy[0]:.4f}"


def test_test_rows_of_their_own_are_tested_once_under_each_seed():
    two = {"clear": X[:90], "noisy": FEATURES["noisy"][:90]}
    held = {"noisy": FEATURES["noisy"][90:], "clear": X[90:]}
    found = sj.compare_probes(two, Y[:90], held, Y[90:], **SETTINGS)
    assert found.right.shape == (2, 1, 30) and np.isfinite(found.right).all()
    assert found.accuracy[0, 0] == found.probes[0][0].score(X[90:], Y[90:])
    assert 0 <= found.differences[0].p_value <= 1


def test_what_is_done_before_an_interruption_is_kept():
    told = []

    def stop(step):
        told.append(step)
        if step.done == 2:
            raise KeyboardInterrupt

    found = sj.compare_probes(FEATURES, Y, callback=stop, **SETTINGS)
    assert found.stopped and np.isfinite(found.accuracy[:2]).all() and np.isnan(found.accuracy[2]).all()
    assert "not done" in str(found) and len(found.differences) == 1
    assert [(step.done, step.most, step.name) for step in told] == [(1, 3, "clear"), (2, 3, "noisy")]
    found.plot()


def test_probes_with_fits_that_did_not_converge_are_counted_in_one_warning():
    with pytest.warns(NotConvergedWarning, match="In 3 of 3 probes") as told:
        found = sj.compare_probes(FEATURES, Y, max_iter=1, tol=1e-12, **SETTINGS)
    assert found.n_unconverged == 3 and len(told) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((({}), Y), "at least one matrix"),
        (({"a": X[:50]}, Y), "a row for each of the 120 labels, 'a' has 50"),
        (({"a": X}, Y, {"b": X}, Y), "names of features"),
        (({"a": X}, Y, {"a": X}), "given together"),
    ],
)
def test_bad_input_is_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        sj.compare_probes(*arguments)


@pytest.mark.parametrize(("settings", "words"), [({"test": 0}, "test must be"), ({"seeds": [1, 1]}, "seeds must be")])
def test_bad_settings_are_named(settings, words):
    with pytest.raises(ValueError, match=words):
        sj.compare_probes(FEATURES, Y, **settings)
