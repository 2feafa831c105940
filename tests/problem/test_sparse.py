"""Sparse X: the passes, the fit and the predictions are those of its dense twin, and it is never made dense whole."""

from __future__ import annotations

import subprocess
import sys

import jax
import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.pipeline import make_pipeline

import softmax_jax as sj
from softmax_jax.certificate import bound
from softmax_jax.dtypes import scope
from softmax_jax.estimators.regression import DegenerateDataWarning
from softmax_jax.model import Params
from softmax_jax.placement.place import place
from softmax_jax.problem.features import DenseFeatures
from softmax_jax.problem.hessian import dense_hessian, hessian_blocks
from softmax_jax.problem.sparse import LARGEST_BLOCK, LARGEST_FACTORISED
from softmax_jax.solvers import driver, preconditioner

TOLERANCE = 1e-12
SOLVERS = [None, sj.LBFGS(), sj.NewtonCG(), sj.Newton(), sj.SGD(eta=0.5, epochs=20, minibatches=32)]
FORMATS = ["csr", "csc", "coo", "bsr", "lil", "dok"]


def some(n=150, m=12, k=3, density=0.3, seed=0):
    """Sparse X with an empty row and an empty column, and labels that depend on it."""
    rng = np.random.default_rng(seed)
    X = sp.random_array((n, m), density=density, format="csr", rng=rng, data_sampler=rng.standard_normal).tolil()
    X[1] = 0
    X[:, 2] = 0
    X = X.tocsr()
    Z = X @ rng.standard_normal((m, k)) + rng.gumbel(size=(n, k))
    return X, Z.argmax(axis=1)


def problems(n=300, m=12, k=3, soft=False, gradient="closed_form", fit_intercept=True, dtype=np.float64):
    """The same problem on sparse and on dense features."""
    X, y = some(n, m, k)
    rng = np.random.default_rng(1)
    T = rng.dirichlet(np.ones(k), n) if soft else y.astype(np.int32)
    weight = rng.uniform(0, 1, n)
    X = X.astype(dtype)
    return [place(A, T, weight, 0.1, fit_intercept, sj.LBFGS(gradient=gradient)) for A in (X, X.toarray())]


def assert_same(a, b, tolerance=TOLERANCE):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("gradient", ["closed_form", "autodiff"])
@pytest.mark.parametrize(("k", "soft"), [(2, False), (3, True), (8, False)])
def test_passes_equal_those_of_the_dense_twin(k, soft, gradient, rng):
    sparse, dense = (data.training for data in problems(k=k, soft=soft, gradient=gradient))
    params, V = (Params(rng.standard_normal((12, k)), rng.standard_normal(k)) for _ in range(2))
    with scope(np.float64):
        a, b = jax.jit(sparse.at)(params), jax.jit(dense.at)(params)
        assert_same(a, b)
        for each in (
            lambda problem, point: problem.hessian_product(point, V),
            lambda problem, point: dense_hessian(problem, point, hessian_blocks(problem)),
            lambda problem, _: (problem.variances(), problem.second_moment(10**6), problem.rows.squares()),
        ):
            each = jax.jit(each)
            assert_same(each(sparse, a), each(dense, b))


def test_products_with_float32_features_are_in_the_dtype_of_the_other_factor(rng):
    sparse, dense = problems(dtype=np.float32)
    assert sparse.training.rows.X.rows.data.dtype == np.float32
    params = Params(rng.standard_normal((12, 3)), rng.standard_normal(3))
    with scope(np.float64):
        assert_same(sparse.exact.at(params), dense.exact.at(params))
    narrow = Params(*(p.astype(np.float32) for p in params))
    assert sparse.training.at(narrow).objective.dtype == np.float32


def test_rows_are_taken_by_index_and_minus_one_is_a_row_of_zeros():
    sparse, dense = (data.training.rows.X for data in problems())
    rows = np.array([5, 0, 1, 299, 5])
    with scope(np.float64):
        np.testing.assert_array_equal(sparse.take(rows), dense.take(rows))
        assert not np.asarray(sparse.take(np.array([-1]))).any()
        assert_same(sparse.take(None), dense.take(None))
    assert sparse.shape == dense.shape


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("solver", SOLVERS, ids=str)
def test_the_fit_is_that_of_the_dense_twin(solver, fit_intercept):
    X, y = some()
    options = {"l2": 1e-2, "tol": 1e-9, "solver": solver, "fit_intercept": fit_intercept, "seed": 3}
    sparse, dense = sj.fit(X, y, **options), sj.fit(X.toarray(), y, **options)
    assert sparse.status == dense.status == ("max_iter" if isinstance(solver, sj.SGD) else "converged")
    if isinstance(solver, sj.SGD):
        assert_same(sparse.params, dense.params, 1e-9)
    else:
        assert abs(sparse.objective - dense.objective) <= max(sparse.duality_gap, dense.duality_gap) <= 1e-9
        assert sj.duality_gap(sparse.params, X.toarray(), np.eye(3)[y], 1e-2, fit_intercept=fit_intercept) < 2e-9


def test_soft_targets_and_sample_weights():
    X, _ = some()
    rng = np.random.default_rng(1)
    T, weight = rng.dirichlet(np.ones(3), 150), rng.uniform(0, 2, 150)
    sparse, dense = (sj.fit(A, T, l2=1e-2, tol=1e-10, sample_weight=weight) for A in (X, X.toarray()))
    assert sparse.status == "converged"
    assert_same(sparse.params, dense.params, 1e-5)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("container", ["array", "matrix"])
def test_every_format_gives_the_same_fit(kind, container):
    X, y = some()
    expected = sj.fit(X, y, l2=1e-2)
    A = getattr(sp, f"{kind}_{container}")(X)
    result = sj.fit(A, y, l2=1e-2)
    assert_same(result.params, expected.params)
    assert result.duality_gap <= 1e-6


@pytest.mark.parametrize("dtype", ["bool", "int32", "int8", "uint8", "float32", "float64", "longdouble"])
def test_every_dtype_is_computed_as_the_dense_twin_is(dtype):
    X, y = some()
    X.data = np.round(np.abs(X.data) * 2)
    X = X.astype(dtype)
    sparse, dense = sj.fit(X, y, l2=1e-2), sj.fit(X.toarray(), y, l2=1e-2)
    assert sparse.params.W.dtype == dense.params.W.dtype == (np.float32 if dtype == "float32" else np.float64)
    assert sparse.status == "converged"
    assert_same(sparse.params, dense.params, 1e-2)
    assert abs(sparse.objective - dense.objective) <= 1e-6


def test_duplicates_are_summed_and_the_caller_s_matrix_stays_as_it_is():
    indptr, indices, data = np.array([0, 3, 3, 5]), np.array([2, 0, 2, 1, 1]), np.array([1.0, 2.0, 3.0, 4.0, -4.0])
    A = sp.csr_array((data.copy(), indices.copy(), indptr.copy()), shape=(3, 3))
    B = sp.coo_array(([1.0, 2.0, 3.0, 4.0, -4.0], ([0, 0, 0, 2, 2], [2, 0, 2, 1, 1])), shape=(3, 3))
    y = [0, 1, 0]
    expected = sj.fit(A.toarray(), y, l2=0.1, tol=1e-10)
    for X in (A, B):
        assert_same(sj.fit(X, y, l2=0.1, tol=1e-10).params, expected.params, 1e-6)
    np.testing.assert_array_equal(A.indices, indices)
    np.testing.assert_array_equal(A.data, data)


def test_indices_of_64_bits_and_a_matrix_without_any_entry():
    X, y = some()
    wide = sp.csr_array((X.data, X.indices.astype(np.int64), X.indptr.astype(np.int64)), shape=X.shape)
    assert_same(sj.fit(wide, y).params, sj.fit(X, y).params)
    empty = sj.fit(sp.csr_array((150, 12)), y)
    assert empty.status == "converged"
    assert not empty.params.W.any()


def test_fewer_rows_than_features():
    X, y = some(n=20, m=2000, density=0.01)
    sparse, dense = sj.fit(X, y, l2=1e-3, tol=1e-9), sj.fit(X.toarray(), y, l2=1e-3, tol=1e-9)
    assert sparse.status == "converged"
    assert abs(sparse.objective - dense.objective) <= 1e-9


@pytest.mark.parametrize(("value", "words"), [(np.nan, "contains NaN"), (np.inf, "contains infinity")])
def test_an_entry_that_is_not_finite_is_refused_by_place(value, words):
    X, y = some()
    X = X.tocsc()
    row, column = X.tocoo().row[4], X.tocoo().col[4]
    model = sj.SoftmaxRegression().fit(X, y)
    X.data[4] = value
    expected = rf"Input X {words}, first in row {row}, column {column}"
    for call in (sj.fit, sj.SoftmaxRegression().fit, lambda X, y: model.predict(X)):
        with pytest.raises(ValueError, match=expected):
            call(X, y)


def test_what_is_refused_of_a_sparse_matrix():
    X, y = some()
    outside = sp.csr_array(X)
    outside.indices = outside.indices.copy()
    outside.indices[0] = 12
    with pytest.raises(ValueError, match="well-formed sparse matrix"):
        sj.fit(outside, y)
    with pytest.raises(ValueError, match="Complex data not supported"):
        sj.fit(X.astype(complex), y)
    with pytest.raises(ValueError, match="minimum of 1 is required"):
        sj.fit(sp.csr_array((0, 3)), [])
    with pytest.raises(ValueError, match="Expected 2D array"):
        sj.fit(sp.coo_array(np.ones(3)), [0, 1, 0])
    with pytest.raises(ValueError, match="expecting 12 features"):
        sj.SoftmaxRegression().fit(X, y).predict(X[:, :5])
    with pytest.raises(ValueError, match="too large for float32, first in row 0, column 1"):
        sj.SoftmaxRegression(dtype="float32").fit(sp.csr_array([[0, 1e300], [1, 0]]), [0, 1])
    with pytest.raises(TypeError, match="y is sparse"):
        sj.fit(X, sp.csr_array(np.eye(3)[y]))


def test_descent_refuses_minibatches_that_would_fill_the_memory():
    m = LARGEST_BLOCK // 2
    X = sp.csr_array((np.ones(3), ([0, 1, 2], [0, 1, 2])), shape=(3, m))
    with pytest.raises(ValueError, match=r"at most 2 samples, or solver LBFGS\(\) or NewtonCG\(\)"):
        sj.fit(X, [0, 1, 0], solver=sj.SGD())


def test_no_sparse_matrix_is_made_dense(monkeypatch):
    X, y = some(n=1000, m=3000, density=0.01)
    classes = [sp.csr_array, sp.csc_array, sp.coo_array, sp.csr_matrix, sp.csc_matrix]
    for kind in classes:
        for name in ("toarray", "todense"):
            dense = getattr(kind, name)

            def guarded(self, *args, dense=dense, **kwargs):
                if self.shape != (1000, 1000):  # products of rows with rows
                    pytest.fail("made dense")
                return dense(self, *args, **kwargs)

            monkeypatch.setattr(kind, name, guarded)
    model = sj.SoftmaxRegression(l2=1e-3).fit(X, y)
    assert model.converged_ and model.predict_proba(X).shape == (1000, 3)


WIDE = """
import numpy as np, scipy.sparse as sp
import softmax_jax as sj
rng = np.random.default_rng(0)
n, m, k = 2000, 2_000_000, 3
y = rng.integers(0, k, n)
columns = np.concatenate([rng.integers(0, m, (n, 9)), y[:, None]], axis=1).ravel()
X = sp.csr_array((np.ones(10 * n, np.float32), (np.repeat(np.arange(n), 10), columns)), shape=(n, m))
model = sj.SoftmaxRegression(l2=1e-2, solver=sj.LBFGS(memory=5)).fit(X, y)
# VmHWM, in KiB, is of this program alone; ru_maxrss starts at what the parent had when it started this one
peak_kib = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(model.converged_), model.score(X, y), int(peak_kib) / 2**20)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the peak memory from /proc")
def test_two_million_features_fit_where_dense_x_would_not():
    output = subprocess.run([sys.executable, "-c", WIDE], capture_output=True, text=True, check=True).stdout
    converged, score, peak_gib = (float(word) for word in output.split())
    assert converged == 1
    assert score > 0.9
    assert peak_gib < 3  # dense X in float32 would take 15 GiB


def test_data_of_similar_size_share_one_program():
    (X, y), (other, labels) = some(n=1100, m=50), some(n=1110, m=50, seed=1)
    solver = sj.LBFGS(memory=7)  # a record that no other test compiles for
    sj.fit(X, y, solver=solver)
    programs = (driver.run, driver.begin, bound.bound_at, preconditioner._diagonal, preconditioner._moment)
    compiled = [program.program.count() for program in programs]
    sj.fit(X, y, solver=solver, l2=1e-3)
    sj.fit(other, labels, solver=solver)
    assert [program.program.count() for program in programs] == compiled


def test_predictions_are_those_of_the_dense_twin():
    X, y = some(k=2)
    model = sj.SoftmaxRegression(l2=1e-2).fit(X, y)
    for method in ("decision_function", "predict", "predict_proba", "predict_log_proba"):
        for A in (X, X.tocoo(), sp.csc_matrix(X), X.astype(np.float32)):
            tolerance = TOLERANCE if A.dtype == np.float64 else 1e-5
            assert_same(getattr(model, method)(A), getattr(model, method)(A.toarray()), tolerance)
    assert model.score(X, y) == model.score(X.toarray(), y)


def test_rows_whose_net_input_overflows_keep_their_label():
    X, y = some()
    model = sj.SoftmaxRegression(l2=1e-2).fit(X, y)
    huge = (X * 1e306).tocsr()
    model.params_.W[:] *= 1e4
    np.testing.assert_array_equal(model.predict(huge), model.predict(huge.toarray()))
    np.testing.assert_allclose(model.predict_proba(huge), model.predict_proba(huge.toarray()))


def test_a_pipeline_with_term_weights_and_remarks_on_dependent_features():
    X, y = some(m=40)
    X.data = np.ceil(np.abs(X.data))
    model = make_pipeline(TfidfTransformer(), sj.SoftmaxRegression(l2=1e-3)).fit(X, y)
    assert model[-1].converged_ and model.score(X, y) > 0.6
    with pytest.warns(DegenerateDataWarning, match="not unique"):
        sj.SoftmaxRegression(l2=0, tol=1e-4).fit(X, y)  # the empty column
    with pytest.warns(DegenerateDataWarning, match="numerically constant"):
        sj.SoftmaxRegression().fit(sp.csr_array(np.full((6, 2), 1.0)), [0, 1, 0, 1, 2, 2])


@pytest.mark.parametrize("m", [LARGEST_FACTORISED, LARGEST_FACTORISED + 1])
def test_the_gap_of_a_sparse_x_is_that_of_the_dense_one(m):
    X, y = some(n=60, m=m, density=0.01)
    result = sj.fit(X, y, l2=1e-3)
    T = np.eye(3)[y]
    assert sj.duality_gap(result.params, X, T, 1e-3) == pytest.approx(
        sj.duality_gap(result.params, X.toarray(), T, 1e-3), rel=1e-6
    )


def test_variances_precondition_wide_dense_x(monkeypatch):
    X, y = some(n=400, m=30)
    A = X.toarray() + np.arange(30)  # means far from zero
    expected = sj.fit(A, y, l2=1e-3, tol=1e-9, solver=sj.LBFGS())
    monkeypatch.setattr(DenseFeatures, "is_wide", True)
    problem = place(A, y.astype(np.int32), None, 1e-3, True, sj.LBFGS()).training
    with scope(np.float64):
        moment = preconditioner.second_moment(problem)
    assert moment.U is None
    np.testing.assert_allclose(moment.mean, A.mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(moment.q[3:], A.var(axis=0)[3:], rtol=1e-10)
    result = sj.fit(A, y, l2=1e-3, tol=1e-9, solver=sj.LBFGS(memory=19))
    assert result.status == "converged"
    assert abs(result.objective - expected.objective) <= 1e-9
    assert result.n_passes <= 40
