"""A FitResult and Params predict, as they are and loaded from a file; a FitResult says its l2."""

from __future__ import annotations

import numpy as np
import pytest

import softmax_jax as sj

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 4))
Y = np.where(X[:, 0] + RNG.standard_normal(60) > 0, "yes", "no")


@pytest.fixture(scope="module")
def result():
    return sj.fit(X, Y, l2=1e-2)


def test_labels_and_probabilities_are_those_of_the_parameters(result, tmp_path):
    Z = X @ result.params.W + result.params.b
    O = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    sj.save(result, tmp_path / "r")
    sj.save(result.params, tmp_path / "p")
    back, params = sj.load(tmp_path / "r"), sj.load(tmp_path / "p")
    for model in (result, back, result.params, params):
        np.testing.assert_allclose(model.predict_proba(X), O, rtol=1e-9)
    np.testing.assert_array_equal(back.predict(X), result.classes[O.argmax(axis=1)])
    np.testing.assert_array_equal(params.predict(X), O.argmax(axis=1))
    assert back.l2 == result.l2 == 1e-2 and "l2=0.01" in repr(back)


def test_columns_of_any_names_are_taken_in_their_order(result):
    pd = pytest.importorskip("pandas")
    np.testing.assert_array_equal(result.predict(pd.DataFrame(X, columns=list("dcba"))), result.predict(X))


def test_other_features_are_refused(result):
    with pytest.raises(ValueError, match="3 features, but the model is expecting 4"):
        result.predict(X[:, :3])
    with pytest.raises(ValueError, match="NaN"):
        result.predict_proba(np.full((1, 4), np.nan))


def test_a_result_that_does_not_know_its_l2_says_nothing_of_it(result):
    assert "l2" not in repr(result._replace(l2=float("nan")))
