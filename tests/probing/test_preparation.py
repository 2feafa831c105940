"""Features are prepared as scikit-learn's Normalizer and StandardScaler do it, in one array, in blocks, sparse too."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from softmax_jax.probing import preparation
from softmax_jax.probing.preparation import prepared

RNG = np.random.default_rng(0)
X, HELD = RNG.standard_normal((40, 3)) * [1, 5, 100] + 2, RNG.standard_normal((10, 3))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("normalise", "steps"), [(False, []), (True, [Normalizer()])])
def test_rows_are_prepared_by_the_rows_trained_on(normalise, steps, dtype, monkeypatch):
    monkeypatch.setattr(preparation, "_BLOCK", 30)
    scaler = make_pipeline(*steps, StandardScaler()).fit(X.astype(dtype))
    found, how = prepared(X.astype(dtype), HELD.astype(dtype), normalise=normalise, standardise=True)
    tolerance = 1e-12 if dtype == np.float64 else 2e-5
    np.testing.assert_allclose(found[:40], scaler.transform(X.astype(dtype)), atol=tolerance)
    np.testing.assert_allclose(found[40:], scaler.transform(HELD.astype(dtype)), atol=tolerance)
    np.testing.assert_array_equal(how.apply(HELD.astype(dtype)), found[40:])
    assert found.dtype == dtype


def test_nothing_to_do_copies_nothing_and_zero_rows_stay_zero():
    found, how = prepared(X, None, normalise=False, standardise=False)
    assert found is X and how.apply(X) is X and how.words() == "features as they are"
    np.testing.assert_array_equal(prepared(np.zeros((2, 3)), None, normalise=True, standardise=False)[0], 0)


def test_halves_are_prepared_in_float32():
    found, how = prepared(X.astype(np.float16), None, normalise=False, standardise=True)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_array_equal(how.apply(X.astype(np.float16)), found)


def test_sparse_columns_are_divided_and_stay_sparse():
    A = sp.random(50, 4, 0.3, format="csr", random_state=0)
    found, how = prepared(A[:40], A[40:], normalise=True, standardise=True)
    rows = Normalizer().fit_transform(A)
    deviation = rows[:40].toarray().std(axis=0)
    assert sp.issparse(found)
    np.testing.assert_allclose(found.toarray(), rows.toarray() / deviation, rtol=1e-10)
    np.testing.assert_allclose(how.apply(A[40:]).toarray(), found[40:].toarray(), rtol=1e-12)
