"""Cross-validation along l1: each fold is the fit of its rows, the sparsest of equals wins, the winner is certified."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

import softmax_jax as sj
from softmax_jax.fitting.sparse import SparseFits

N, M, K = 60, 8, 3
L1 = [0.05, 0.2, 0.1]


def make_data():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((N, M)), np.arange(N) % K
    X[:, 0] += 2 * y
    X[:, 3] -= 1.5 * (y == 1)
    return X, np.array(["a", "b", "c"])[y]


X, Y = make_data()


@pytest.fixture(scope="module")
def validated():
    return sj.cross_validate(X, Y, [0.0, 0.1], l1_values=L1, cv=3, tol=1e-9)


def test_every_l1_is_tried_with_every_l2(validated):
    assert validated.l1_values.tolist() == [*L1, *L1]
    assert validated.l2_values.tolist() == [0.0] * 3 + [0.1] * 3
    assert validated.scores.shape == validated.objective.shape == (3, 6)
    assert validated.duality_gap.max() <= 1e-9
    assert "l1=3 from 0.05 to 0.2" in repr(validated) and "best=l1" in repr(validated)


def test_every_fold_is_the_fit_of_its_rows(validated):
    for f, (train, test) in enumerate(validated.splits):
        for j in (0, 1, 5):
            penalty = {"l1": validated.l1_values[j], "l2": validated.l2_values[j]}
            alone = sj.fit(X, Y, tol=1e-9, sample_weight=np.bincount(train, minlength=N), **penalty)
            assert abs(alone.objective - validated.objective[f, j]) <= 2e-9
            np.testing.assert_allclose(validated.params.W[f, j], alone.params.W, atol=2e-3)
            Z = X[test] @ validated.params.W[f, j] + validated.params.b[f, j]
            assert validated.scores[f, j] == np.mean(validated.classes[Z.argmax(axis=1)] == Y[test])


def test_of_equal_scores_the_sparsest_wins(validated):
    scores = np.zeros_like(validated.scores)
    assert validated._replace(scores=scores).best_l1 == 0.2
    scores[:, [0, 3]] = 1.0  # the weakest l1, with either l2
    best = validated._replace(scores=scores)
    assert best.best == (0 if validated.n_nonzero[0] < validated.n_nonzero[3] else 3)
    W = np.zeros_like(validated.params.W)
    W[:, 0, 0] = 1.0
    assert best._replace(params=validated.params._replace(W=W)).best == 3
    assert best._replace(params=validated.params._replace(W=np.zeros_like(W))).best_l2 == 0.1  # the strongest


def test_ratios_say_what_l2_is():
    found = sj.cross_validate(X, Y, l1_values=[0.1, 0.05], l1_ratio=[1.0, 0.5], cv=3, group="features")
    assert found.l1_values.tolist() == [0.1, 0.05, 0.1, 0.05]
    np.testing.assert_allclose(found.l2_values, [0, 0, 0.1, 0.05])
    rows = (found.params.W != 0).any(axis=3)
    assert ((found.params.W != 0).all(axis=3) == rows).all() and not rows.all()


def test_paths_begin_where_all_rows_have_no_weights():
    found = sj.cross_validate(X, Y, n_l1=3, cv=3)
    largest = sj.l1_max(X, Y)
    np.testing.assert_allclose(found.l1_values, largest * np.array([1, 0.1, 0.01]))


@pytest.mark.parametrize("group", [None, "features"])
def test_the_winner_is_refitted_certified_and_stored(group, tmp_path):
    model = sj.SoftmaxRegressionCV(l1_values=L1, l2_values=[0.0, 0.1], cv=3, group=group).fit(X, Y)
    assert (model.l1_, model.l2_) == (model.path_.best_l1, model.path_.best_l2)
    assert model.l1_values_.tolist() == [*L1, *L1]
    alone = sj.SoftmaxRegression(l1=model.l1_, l2=model.l2_, group=group).fit(X, Y)
    np.testing.assert_array_equal(model.coef_, alone.coef_)
    assert model.converged_ and model.duality_gap_ <= 1e-6 and (model.coef_ == 0).any()
    sj.save(model, tmp_path / "model.safetensors")
    back = sj.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(back.path_.l1_values, model.path_.l1_values)
    assert back.get_params() == model.get_params() and back.l1_ == model.l1_
    assert back.path_.best == model.path_.best


def test_without_refit_the_gap_is_that_of_the_mean():
    model = sj.SoftmaxRegressionCV(l1_values=L1, cv=3, refit=False).fit(X, Y)
    W, b = model.params_
    J = sj.cross_entropy(model.params_, X, sj.one_hot_encode(np.arange(N) % K)) + model.l1_ * np.abs(W).sum()
    best = sj.fit(X, Y, l1=model.l1_, l2=0.0, tol=1e-10)
    assert 0 <= float(J) - best.objective <= model.duality_gap_ < 1.0
    np.testing.assert_allclose(W, model.path_.params.W[:, model.path_.best].mean(axis=0))


def test_without_l1_the_strengths_are_zeros():
    model = sj.SoftmaxRegressionCV(l2_values=[0.1, 0.01], cv=3).fit(X[:, :4], Y)
    assert model.l1_ == 0.0 and model.l1_values_.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"l1_ratio": 0.5}, "l1_ratio is for strengths of l1: give l1_values or n_l1"),
        ({"group": "features"}, "group is for strengths of l1"),
        ({"l1_values": [0.1], "n_l1": 3}, "Give l1_values or n_l1, not both"),
        ({"l1_values": [0.1, -1.0]}, "l1_values must be > 0"),
        ({"l1_values": [0.1], "l1_ratio": 1.5}, r"l1_ratio must be in \(0, 1\]"),
        ({"l1_values": [0.1], "l1_ratio": [0.5, 0.5]}, "several that differ"),
        ({"l1_values": [0.1], "l1_ratio": 0.5, "l2_values": [0.1]}, "give it or l2_values, not both"),
        ({"l1_values": [0.1], "solver": sj.LBFGS()}, "solver must be None or ProximalNewton"),
        ({"solver": sj.ProximalNewton()}, "is for l1 > 0"),
    ],
)
def test_what_cannot_be_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        sj.cross_validate(X, Y, **arguments)


def test_sparse_features_give_the_same():
    dense = sj.cross_validate(X, Y, l1_values=[0.2, 0.1], cv=3, tol=1e-9)
    found = sj.cross_validate(sp.csr_array(X), Y, l1_values=[0.2, 0.1], cv=3, tol=1e-9)
    np.testing.assert_allclose(found.objective, dense.objective, atol=2e-9)
    np.testing.assert_array_equal(found.scores, dense.scores)


def test_an_interrupted_search_leaves_the_estimator_as_it_was(monkeypatch):
    solve = SparseFits.solve
    monkeypatch.setattr(SparseFits, "solve", lambda *a, **k: solve(*a, **k)._replace(status="interrupted"))
    model = sj.SoftmaxRegressionCV(l1_values=L1, cv=3)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y)
    assert not hasattr(model, "params_")
    path = sj.fit_path(X, np.arange(N) % K, l1_values=L1)
    assert path.status == ["interrupted"] * 3
