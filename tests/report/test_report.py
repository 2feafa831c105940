"""The report: one file that needs nothing else, with the numbers of the run, and right in a browser of any width."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest

from softmax_jax.calibration import temperature_scale
from softmax_jax.data import Dataset, load_data
from softmax_jax.report.evaluation import Evaluation, evaluate
from softmax_jax.report.judged import calibration
from softmax_jax.report.page import page
from softmax_jax.report.report import report_html, write_report
from softmax_jax.runs.training import train

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HOSTILE = "<script>alert(1)</script> & \"quotes\" 'ä' " + "long_" * 30
CONTROL = '<p style="width:3000px">too wide</p><img src="data:image/png;base64,AAAA">'  # what the check must find
VOID = {"meta", "link", "img", "br"}


@pytest.fixture(scope="module")
def iris_run():
    data = load_data("iris")
    labels = np.array([HOSTILE, "accuracy", "macro avg"])[np.unique(data.y, return_inverse=True)[1]]
    return train(Dataset(HOSTILE, data.X[:, :2], labels, (HOSTILE, "b")), l2=1e-3)


@pytest.fixture(scope="module")
def iris_report(iris_run):
    return report_html(iris_run)


@pytest.fixture(scope="module")
def descent_report(iris_run):
    """As of a fit by gradient descent that ended early, on images of one row of two pixels."""
    return report_html(
        iris_run._replace(
            data=iris_run.data._replace(image_shape=(1, 2)),
            result=iris_run.result._replace(status="max_iter", history=np.geomspace(1, 0.5, 40)),
            summary={**iris_run.summary, "solver": "SGD", "updates_per_epoch": 8},
        )
    )


def test_the_file_is_the_report(iris_run, iris_report, tmp_path):
    path = write_report(iris_run, tmp_path / "report.html")
    written = path.read_text(encoding="utf-8")
    assert len(written) > 20_000
    assert written.split("<footer>")[0] == iris_report.split("<footer>")[0]


def test_it_needs_no_network_and_no_script(iris_report, descent_report):
    for report in (iris_report, descent_report):
        assert set(re.findall(r'(?:src|href)="([^"]{0,5})', report)) <= {"data:", *re.findall('href="(#.{4})', report)}
        assert not re.search(r"<script|@import|url\(|<iframe|onload=", report)


def test_names_and_labels_are_escaped(iris_report):
    assert "<script>" not in iris_report
    assert html.escape(HOSTILE, quote=True) in iris_report


def test_every_tag_is_closed(iris_report, descent_report):
    class Balance(HTMLParser):
        open: list[str] = []

        def handle_starttag(self, tag, attrs):
            self.open = self.open if tag in VOID else [*self.open, tag]

        def handle_endtag(self, tag):
            assert self.open[-1] == tag
            self.open = self.open[:-1]

    for report in (iris_report, descent_report):
        parser = Balance()
        parser.feed(report)
        assert parser.open == []


def test_it_states_the_certificate_and_the_metrics(iris_run, iris_report):
    result, evaluation = iris_run.result, evaluate(iris_run)
    text = re.sub("<span[^>]*>|</span>", "", iris_report)
    assert f"to be within {result.duality_gap:.1e} nats per sample" in text
    assert f"objective below {result.objective - result.duality_gap:.8g}" in iris_report
    assert "converged: the optimum" in iris_report
    right = np.mean(evaluation.truth == evaluation.predicted)
    assert f"<b>{right:.4f}</b>" in iris_report
    labels, each, means = evaluation.per_class()
    hits = np.sum((evaluation.truth == "accuracy") & (evaluation.predicted == "accuracy"))
    recall = hits / np.sum(evaluation.truth == "accuracy")
    assert each[list(labels).index("accuracy"), 1] == pytest.approx(recall)
    assert means["macro"][1] == pytest.approx(each[:, 1].mean())
    assert f">{recall:.3f}</td>" in iris_report


def test_it_states_training_accuracy_beside_that_of_the_test(iris_run, iris_report):
    for rows, value in (("test", "accuracy_test"), ("training", "accuracy_train")):
        assert f"<b>{iris_run.summary[value]:.4f}</b><span>accuracy, {rows} rows" in iris_report


def test_the_temperature_is_fitted_on_one_half_of_the_rows_and_tried_on_the_other():
    rng = np.random.default_rng(0)
    Z = 3 * rng.standard_normal((400, 3))
    y = (Z / 5 + rng.gumbel(size=Z.shape)).argmax(axis=1)  # five times too sure
    text = re.sub("<[^>]+>", " ", calibration(_evaluation(Z, y))[0])
    order = np.random.default_rng(0).permutation(400)
    t = temperature_scale(Z[order[:200]], y[order[:200]], classes=range(3)).temperature
    assert 3 < t < 8
    shown = re.search(r"temperature, of 200 of the rows\s+([\d.]+)", text)
    assert shown and float(shown[1]) == pytest.approx(t, rel=1e-3)
    logs = Z[order[200:]] / t
    after = np.mean(np.log(np.exp(logs).sum(axis=1)) - logs[np.arange(200), y[order[200:]]])
    assert f"with the temperature {after:.6g} nats" in text


def test_rows_of_the_training_have_no_temperature(iris_run):
    none = np.zeros(0, int)
    split = iris_run.split._replace(X_test=iris_run.split.X_test[none], y_test=iris_run.split.y_test[none])
    evaluation = evaluate(iris_run._replace(split=split))
    assert not evaluation.held_out and evaluate(iris_run).held_out
    assert "temperature" not in calibration(evaluation)[0]


def test_rows_that_are_all_right_have_no_temperature():
    Z = np.array([[2.0, 0.0], [0.0, 1.0]] * 3)
    text = calibration(_evaluation(Z, Z.argmax(axis=1)))[0]
    assert "none: half of these rows, on which it is fitted, are all predicted right" in text


def _evaluation(Z, y):
    O = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    return Evaluation(f"all {len(y)} test rows", y, Z, O, np.arange(Z.shape[1]))


def test_a_fit_that_fell_short_says_so_and_what_to_do(descent_report):
    assert "ended short of its goal" in descent_report
    assert "give more epochs or another eta" in descent_report


def test_pixels_are_shown_as_images_and_two_features_as_a_plane(iris_report, descent_report):
    assert 'alt="The weights of each class as an image."' in descent_report
    assert 'alt="The class predicted at each point of the plane."' in iris_report
    assert iris_report.count("data:image/svg+xml;base64,") == 4


def test_it_tells_what_was_decided_in_reading_and_what_is_odd_about_the_data():
    rng = np.random.default_rng(0)
    y, x = np.arange(60) % 2, rng.standard_normal((60, 1))
    data = Dataset("twice", np.repeat(x, 2, axis=1), y, ("a", "b"), notes=("12 shards <paired> by number",))
    report = report_html(train(data, l2=0.0, test=0))
    assert "12 shards &lt;paired&gt; by number" in report
    assert "some features are linear combinations of others" in report


def test_many_rows_and_classes_are_sampled_and_listed_in_part(iris_run, monkeypatch):
    monkeypatch.setattr("softmax_jax.report.evaluation._MOST_PROBABILITIES", 45)
    evaluation = evaluate(iris_run)
    assert len(evaluation.y) == 15 and evaluation.name == "a sample of 15 of 30 test rows"


def test_anchors_of_a_page_lead_to_its_sections():
    text = page(name="<t>", cards={}, sections={"A & b": ["x"], "C": ["y"]})
    assert "<title>&lt;t&gt; · softmax_jax</title>" in text
    assert re.findall('href="#([^"]+)"', text) == re.findall('section id="([^"]+)"', text) == ["a---b", "c"]


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_a_browser_shows_it_without_errors_at_the_width_of_a_phone_and_of_a_desk(iris_report, descent_report, tmp_path):
    frames = "".join(
        f'<iframe data-width="{width}" style="border:0;width:{width}px;height:900px" srcdoc="{html.escape(report)}">'
        "</iframe>"
        for report in (iris_report, descent_report, CONTROL)
        for width in (390, 1280)
    )
    measure = (
        "addEventListener('load', () => { document.body.dataset.seen = [...document.querySelectorAll('iframe')].map("
        "f => { const d = f.contentDocument; return [f.dataset.width, d.documentElement.scrollWidth, "
        "[...d.images].filter(i => i.naturalWidth > 0).length, d.images.length] }).join(';') })"
    )
    wrapper = tmp_path / "wrapper.html"
    wrapper.write_text(f"<!DOCTYPE html><body>{frames}<script>{measure}</script></body>", encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"]
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    done = subprocess.run(
        [*command, profile, "--virtual-time-budget=5000", wrapper.as_uri()], capture_output=True, text=True, timeout=60
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    seen = re.search(r'data-seen="([^"]+)"', done.stdout)
    assert seen, done.stderr
    frames = [tuple(map(int, frame.split(","))) for frame in seen[1].split(";")]
    for width, needed, loaded, images in frames[:4]:
        assert needed <= width
        assert loaded == images >= 4
    assert [(needed > width, loaded) for width, needed, loaded, _ in frames[4:]] == [(True, 0), (True, 0)]
