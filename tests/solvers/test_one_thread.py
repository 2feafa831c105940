"""BLAS runs on one thread within, and as before afterwards, whoever leaves last."""

import threading

import numpy as np
import threadpoolctl

import softmax_jax as sj
from softmax_jax.solvers.one_thread import one_blas_thread


def _threads():
    return [library["num_threads"] for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"]


def test_one_thread_within_and_as_before_after():
    np.linalg.svd(np.eye(3))
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before = _threads()
        with one_blas_thread():
            assert set(_threads()) == {1}
        assert _threads() == before


def test_fits_that_overlap_leave_nothing_behind():
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before = _threads()
        first, second = threading.Event(), threading.Event()

        def one():
            with one_blas_thread():
                first.set()
                second.wait()

        thread = threading.Thread(target=one)
        thread.start()
        first.wait()
        with one_blas_thread():  # enters second, leaves last
            assert set(_threads()) == {1}
            second.set()
            thread.join()
        assert _threads() == before


def test_it_is_put_back_after_an_error_and_after_a_fit():
    X = np.random.default_rng(0).standard_normal((50, 3))
    y = np.arange(50) % 2
    sj.fit(X, y, solver=sj.Newton(), l2=1e-2)  # loads what it loads
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before = _threads()
        try:
            with one_blas_thread():
                raise RuntimeError
        except RuntimeError:
            pass
        assert _threads() == before
        sj.fit(X, y, solver=sj.Newton(), l2=1e-2)
        assert _threads() == before
