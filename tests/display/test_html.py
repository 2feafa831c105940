"""What notebooks show: small tables, escaped, without arrays."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest

import softmax_jax as sj
from softmax_jax.display.html import escape, facts, figure_text, grid, path_html
from softmax_jax.gradient_check import Difference, GradientReport


@pytest.fixture(scope="module")
def result():
    params = sj.Params(np.ones((3, 2)), np.zeros(2))
    return sj.FitResult(params, np.arange(2), 0.5, 1.25e-7, "converged", 4, 6, np.array([0.7, 0.5]))


def _words(html: str) -> list[str]:
    return re.findall(r">([^<>]+)<", html)


def test_cells_are_escaped_and_floats_are_short():
    html = facts({"<b>": "a & 'b'", "x": 1 / 3, "none": None, "flag": True}, title="<i>")
    assert _words(html) == [
        "&lt;i&gt;",
        "&lt;b&gt;",
        "a &amp; &#x27;b&#x27;",
        "x",
        "0.333333",
        "none",
        "–",
        "flag",
        "yes",
    ]
    assert escape('"') == "&quot;"
    assert figure_text(float("nan")) == "–"


def test_a_grid_has_a_header_and_numbers_that_do_not_break():
    html = grid(["name", "value"], [["a", "1e-12"], ["b", "two words"]])
    assert _words(html) == ["name", "value", "a", "1e-12", "b", "two words"]
    assert re.search(r'white-space:nowrap">1e-12', html)
    assert not re.search(r'white-space:nowrap">two words', html)


def test_a_fit_shows_status_and_certificate_and_no_array(result):
    words = _words(result._repr_html_())
    assert words[words.index("status") + 1] == "converged"
    assert words[words.index("duality gap") + 1] == f"{result.duality_gap:.1e}"
    assert "\n" not in repr(result) and "array" not in repr(result)
    assert repr(result).startswith("FitResult(status='converged', objective=0.")
    assert str(result) == repr(result)


def test_a_fit_is_still_a_tuple(result):
    params, classes, *_ = result
    assert params is result.params and classes is result.classes
    assert result._replace(n_iter=7).n_iter == 7


def test_without_a_certificate_the_table_says_so(result):
    assert "none: l2 = 0 has no certificate" in result._replace(duality_gap=np.inf)._repr_html_()


def test_a_gradient_report_is_a_table_of_three_comparisons():
    apart = [sj.Params(Difference(i * 1e-12, i * 1e-10), Difference(i * 1e-13, i * 1e-11)) for i in (1, 2, 3)]
    report = GradientReport(*apart, sj.Params(1.0, 2.0), 5, 6, "float32", "cpu")
    words = _words(report._repr_html_())
    assert "float32 on cpu" in words[0] and "5 of 6" in words[0]
    start = words.index("autodiff - finite differences")
    assert words[start + 1 : start + 5] == ["2.0e-12", "2.0e-10", "2.0e-13", "2.0e-11"]
    assert [line.split()[0] for line in str(report).splitlines()[3:]] == ["autodiff", "autodiff", "closed", "(largest"]


def test_a_path_is_a_row_per_strength_and_leaves_out_empty_columns():
    nan = np.full(2, np.nan)
    path = SimpleNamespace(
        l2_values=np.array([0.1, 0.01]),
        status=["converged", "max_iter"],
        objective=np.array([1.0, 0.5]),
        duality_gap=np.array([1e-7, 1e-3]),
        n_iter=np.array([3, 9]),
        n_passes=np.array([4, 10]),
        val_loss=nan,
        val_accuracy=nan,
        dropped=["", "hopeless <x>"],
    )
    html = path_html("path", path)
    assert "validation" not in html
    assert _words(html)[-7:] == ["0.01", "max_iter", "0.5", "1.0e-03", "9", "10", "hopeless &lt;x&gt;"]
    assert html.count("<tr>") == 3
    along = path_html("path", SimpleNamespace(**vars(path), l1_values=np.array([0.2, 0.02]), n_features=[1, 7]))
    assert _words(along)[:4] == ["path", "l1", "features", "l2"]
    assert _words(along)[-9:-5] == ["0.02", "7", "0.01", "max_iter"]


def test_the_estimator_shows_its_parameters_and_fitted_attributes():
    rng = np.random.default_rng(0)
    model = sj.SoftmaxRegression(l2=0.1).fit(rng.standard_normal((40, 3)), np.arange(40) % 2)
    html = model._repr_html_()
    assert "SoftmaxRegression" in html and "l2" in html
    assert repr(model) == "SoftmaxRegression(l2=0.1)"
