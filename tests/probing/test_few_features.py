"""A probe of few features is a probe: prepared, interrupted, resumed, saved, drawn, compared like any other."""

from __future__ import annotations

import numpy as np
import pytest

import softmax_jax as sj
from softmax_jax.model_selection.sparse_path import SparseSweep

M, K = 8, 3


def make_data(n, seed):
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((n, M)), np.arange(n) % K
    X[:, 0] += 2 * y
    X[:, 3] -= 1.5 * (y == 1)
    return X * np.logspace(-2, 2, M), np.array(["a", "b", "c"])[y]


DATA = (*make_data(60, 0), *make_data(30, 1))
NAMES = list("abcdefgh")


@pytest.fixture(scope="module")
def probe():
    return sj.linear_probe(*DATA, sparse=2)


def test_columns_are_standardised_so_that_scales_do_not_choose(probe):
    X, y, X_val, y_val = DATA
    mean, scale = X.mean(axis=0), X.std(axis=0)
    Z, Z_val = (X - mean) / scale, (X_val - mean) / scale
    assert probe.strengths[0] == pytest.approx(sj.l1_max(Z, y, group="features"))
    alone = sj.fit(np.concatenate([Z, Z_val]), np.concatenate([y, y_val]), l1=probe.l1, l2=0.0, group="features")
    assert abs(alone.objective - probe.result.objective) <= 2e-6
    assert set(probe.result.support) <= {0, 3}
    assert probe.result.l1 == probe.l1 and probe.result.group == "features" and probe.result.l2 == 0
    np.testing.assert_allclose(probe.predict_proba(X_val), alone.predict_proba(Z_val), atol=1e-2)


def test_it_says_which_features_it_keeps(probe):
    named = probe._replace(columns=tuple(NAMES))
    kept = [NAMES[j] for j in probe.result.support]
    assert f"{len(kept)} of 8 features: {', '.join(kept)}" in str(named)
    lines = str(probe).splitlines()
    assert lines[0].startswith("at most 2 features") and lines[1].split()[:3] == ["l1", "features", "gap"]
    best = next(line for line in lines if line.startswith("best"))
    assert best.split()[2] == str(probe.path.n_features[probe.best])
    assert f"l1 = {probe.l1:.3g} of whole features" in str(probe)


def test_what_uses_more_features_is_no_tie_and_no_peak(probe):
    assert np.isnan(probe.scores[-1]) and np.isfinite(probe.scores[:-1]).all()
    crowned = probe._replace(path=probe.path._replace(val_accuracy=np.append(probe.path.val_accuracy[:-1], 1.0)))
    assert crowned.n_within == probe.n_within
    equals = np.flatnonzero(probe.scores == np.nanmax(probe.scores))
    assert probe.path.val_loss[probe.best] == probe.path.val_loss[equals].min()


def test_it_comes_back_from_a_file_and_as_an_estimator(probe, tmp_path):
    sj.save(probe, tmp_path / "probe")
    back = sj.load(tmp_path / "probe")
    assert (back.l1, back.sparse, back.best, back.result.l1) == (probe.l1, 2, probe.best, probe.result.l1)
    np.testing.assert_array_equal(back.path.l1_values, probe.path.l1_values)
    np.testing.assert_array_equal(back.predict_proba(DATA[2]), probe.predict_proba(DATA[2]))
    assert str(back) == str(probe)
    model = probe.pipeline()
    assert (model[-1].l1, model[-1].group) == (probe.l1, "features")
    np.testing.assert_allclose(model.predict_proba(DATA[2]), probe.predict_proba(DATA[2]), rtol=1e-6)


def test_its_picture_is_a_path_of_weights_and_stands_in_its_report(probe, tmp_path):
    ax = probe.plot()
    assert "of 8 features at l1" in ax.get_title(loc="left")
    page = probe.write_report(tmp_path / "report.html", *DATA[2:]).read_text()
    assert "at most 2 features" in page and "more features than were asked for" in page


@pytest.mark.parametrize("after", [1, 5])
def test_an_interruption_keeps_the_strengths_that_are_done(after):
    def press(progress):
        if progress.n_fits == after:
            raise KeyboardInterrupt

    stopped = sj.linear_probe(*DATA, sparse=2, callback=press)
    ended = sj.linear_probe(*DATA, sparse=2, callback=lambda progress: progress.n_fits == after)
    for found in (stopped, ended):
        assert found.status == "interrupted" and found.stopped and len(found.strengths) == after == found.n_fits
        assert found.l1 == found.strengths[found.best] == found.result.l1
        np.testing.assert_array_equal(found.result.params.W, found.path.params.W[found.best])


def test_it_goes_on_from_a_checkpoint_to_the_same_bits(probe, tmp_path):
    sj.linear_probe(*DATA, sparse=2, checkpoint=tmp_path, callback=lambda progress: progress.n_fits == 4)
    told = []
    found = sj.linear_probe(*DATA, sparse=2, checkpoint=tmp_path, callback=told.append)
    assert [progress.n_fits for progress in told] == list(range(1, len(found.strengths) + 1))
    np.testing.assert_array_equal(found.path.params.W, probe.path.params.W)
    np.testing.assert_array_equal(found.result.params.W, probe.result.params.W)
    again = sj.linear_probe(*DATA, sparse=2, checkpoint=tmp_path)
    assert again.n_fits == probe.n_fits
    np.testing.assert_array_equal(again.result.params.W, probe.result.params.W)


def test_features_are_compared_with_as_few_of_each():
    X, y, _, _ = DATA
    found = sj.compare_probes({"all": X, "last": X[:, 3:]}, y, sparse=1, test=0.3)
    assert all(len(row[0].result.support) <= 1 for row in found.probes)
    assert found.heads()[2] == "l1" and found.rows()[0][1] == "1 of 8"


@pytest.mark.parametrize("other", [{"l2_values": [0.1]}, {"folds": 3}, {"prune": "proof"}, {"retire": "validation"}])
def test_what_is_for_probes_along_l2_is_refused(other):
    with pytest.raises(ValueError, match=f"{next(iter(other))} is for probes along l2, and sparse=2 for one along l1"):
        sj.linear_probe(*DATA[:2], sparse=2, **other)
    with pytest.raises(TypeError, match="few_shot_curve is of probes along l2"):
        sj.few_shot_curve(*DATA[:2], sparse=2)


def test_a_solver_for_smooth_objectives_is_refused():
    with pytest.raises(ValueError, match=r"solver must be None or ProximalNewton\(\)"):
        sj.linear_probe(*DATA, sparse=2, solver=sj.LBFGS())


def test_ctrl_c_before_the_first_strength_is_raised(monkeypatch):
    def press(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(SparseSweep, "solve", press)
    with pytest.raises(KeyboardInterrupt):
        sj.linear_probe(*DATA, sparse=2)
