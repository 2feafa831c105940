"""A probe predicts, prints like the command line, is drawn, reported and saved; what comes back is the same."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.pipeline import Pipeline

import softmax_jax as sj
from softmax_jax.model_selection.protocols import dinov2, grid
from softmax_jax.probing.files import load
from softmax_jax.probing.result import ProbeResult
from softmax_jax.storage.container import ModelFileError

pd = pytest.importorskip("pandas")
RNG = np.random.default_rng(0)
X = RNG.standard_normal((120, 6)) * [1, 2, 3, 4, 5, 60]
Y = np.array(["ant", "bee", "cat"])[np.argmax(X[:, :3] + RNG.gumbel(size=(120, 3)), axis=1)]
FRAME = pd.DataFrame(X, columns=list("abcdef"))


@pytest.fixture(scope="module")
def probe():
    few = dinov2()._replace(strengths=np.logspace(-3, 1, 3))
    return sj.linear_probe(FRAME, Y, preset=few, normalise=True)


def test_it_predicts_for_features_as_they_are_given(probe):
    rows = X / np.linalg.norm(X, axis=1, keepdims=True)
    scaling = probe.preparation.scaling
    Z = (rows - scaling.mean) / scaling.scale @ probe.result.params.W + probe.result.params.b
    O = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probe.predict_proba(X), O, rtol=1e-9)
    np.testing.assert_array_equal(probe.predict(X), probe.classes[Z.argmax(axis=1)])
    assert probe.score(X, Y) == (probe.predict(X) == Y).mean() > 0.4
    with pytest.raises(ValueError, match="features"):
        probe.predict(X[:, :5])
    with pytest.raises(ValueError, match="a label for each of the 120 rows"):
        probe.score(X, Y[:7])


def test_named_columns_are_paired_and_columns_without_names_match_by_place(probe):
    expected = probe.predict_proba(X)
    np.testing.assert_allclose(probe.predict_proba(FRAME[list("fedcba")]), expected, rtol=1e-9)
    np.testing.assert_allclose(probe.predict_proba(pd.DataFrame(X)), expected, rtol=1e-9)
    nameless = probe._replace(columns=())
    np.testing.assert_allclose(nameless.predict_proba(FRAME), expected, rtol=1e-9)
    with pytest.raises(ValueError, match="must have the columns"):
        probe.predict(FRAME.rename(columns={"a": "z"}))


def test_print_is_the_table_and_repr_is_one_line(probe):
    lines = str(probe).splitlines()
    assert lines[0].startswith("dinov2 (Oquab et al. 2023") and lines[1].split()[:2] == ["C", "l2"]
    assert [line.split()[0] for line in lines[2:5]].count("best") == 1
    assert any(line.startswith("validation") and "12 rows" in line for line in lines)
    for shown in (repr(probe), repr(probe.path)):
        assert len(shown) < 250 and "\n" not in shown and "array" not in shown
    assert f"fits={probe.n_fits}" in repr(probe) and "ProbeResult(status=" in repr(probe)
    assert probe._repr_html_().count("<tr>") >= 3 + 5 and "best" in probe._repr_html_()
    assert f"l2={len(probe.path.l2_values)} from" in repr(probe.path)


def test_its_penalty_is_explained_in_the_words_of_the_source_and_in_ours(probe):
    told = (
        "C of cuML is the penalty as the source counts it (C sum of losses + 1/2 ||W||^2), l2 the same as counted here"
    )
    assert f"{told} (mean of losses + l2/2 ||W||^2)" in str(probe)
    assert f"C = {probe.strengths[probe.best]:.3g}, fitted again" in str(probe)
    own = probe._replace(protocol=grid(probe.path.l2_values), strengths=probe.path.l2_values)
    lines = str(own).splitlines()
    assert lines[1].split()[:2] == ["l2", "gap"]  # one column, not the same twice
    assert all(len(line.split()) in (5, 6) for line in lines[2 : 2 + len(own.strengths)])


def test_a_status_that_is_not_plain_is_explained(probe):
    status = ["precision_floor", *probe.path.status[1:]]
    short = probe._replace(path=probe.path._replace(status=status))
    assert "'precision_floor' says of a fit that rounding in this number format" in short.note
    assert "precision_floor" not in probe.note


def test_more_than_one_peak_is_reported(probe):
    assert "has 2 peaks by more than a standard error" in probe._replace(peaks=[0, 2]).note
    assert "peak" not in probe._replace(peaks=[2]).note
    middle = probe._replace(best=1, peaks=[1])
    assert middle.note == ""
    assert "the last one at its end" in probe._replace(best=0, peaks=[0]).note


def test_a_saved_probe_comes_back_bit_for_bit(probe, tmp_path):
    probe.save(tmp_path / "probe.safetensors")
    for back in (ProbeResult.load(tmp_path / "probe.safetensors"), sj.load(tmp_path / "probe.safetensors")):
        assert str(back) == str(probe) and repr(back) == repr(probe)
        np.testing.assert_array_equal(back.predict_proba(FRAME), probe.predict_proba(FRAME))
        np.testing.assert_array_equal(back.path.params.W, probe.path.params.W)
        np.testing.assert_array_equal(back.train_loss, probe.train_loss)
        assert (back.columns, back.peaks, back.l2, back.stopped) == (probe.columns, probe.peaks, probe.l2, False)
    with pytest.raises(ValueError, match="comes from a file"):
        back.protocol.l2(10, 3)  # other strengths than those of the preset


def test_the_protocol_of_a_preset_comes_back_whole(probe, tmp_path):
    sj.save(probe._replace(protocol=dinov2()), tmp_path / "p")
    np.testing.assert_array_equal(load(tmp_path / "p").protocol.l2(10, 3), dinov2().l2(10, 3))


def test_other_models_are_not_probes_and_are_saved_as_before(probe, tmp_path):
    sj.save(probe.result, tmp_path / "r")
    assert sj.load(tmp_path / "r").status == probe.result.status
    with pytest.raises(ModelFileError, match="is of kind 'fit_result', one of probe was expected"):
        ProbeResult.load(tmp_path / "r")


def test_the_winner_is_a_pipeline_of_scikit_learn(probe, tmp_path):
    pipeline = probe.pipeline()
    assert isinstance(pipeline, Pipeline) and len(pipeline) == 3
    assert pipeline[-1].l2 == probe.l2
    np.testing.assert_allclose(pipeline.predict_proba(FRAME), probe.predict_proba(X), rtol=1e-9)
    sj.save(pipeline, tmp_path / "p")
    np.testing.assert_array_equal(sj.load(tmp_path / "p").predict(FRAME), probe.predict(X))
    plain = probe._replace(preparation=probe.preparation._replace(normalise=False))
    assert len(plain.pipeline()) == 2


def test_the_picture_has_accuracy_loss_and_certificates(probe):
    ax = probe.plot()
    assert len(ax.figure.axes) == 3
    curve = next(line for line in ax.get_lines() if line.get_label() == "validation")
    np.testing.assert_array_equal(curve.get_ydata(), probe.path.val_accuracy[::-1])
    star = next(line for line in ax.get_lines() if line.get_label() == "best l2")
    assert star.get_xdata()[0] == probe.path.l2_values[probe.best]
    assert star.get_transform() != curve.get_transform()  # raised above the curve
    assert f"{probe.val_accuracy:.4f} ± {probe.standard_error:.4f}" in ax.get_title(loc="left")


def test_the_report_holds_the_search_and_the_test(probe, tmp_path):
    path = probe.write_report(tmp_path / "r.html", X[:30], Y[:30], name="<insects>")
    words = path.read_text()
    assert "&lt;insects&gt;" in words and "dinov2" in words and "macro" in words and "balanced accuracy" in words
    assert "balanced accuracy" not in probe.write_report(tmp_path / "s.html").read_text()
