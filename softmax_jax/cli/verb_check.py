"""`softmax-jax check`: is the gradient right on the user's own data and devices?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from softmax_jax.cli import options
from softmax_jax.cli.terminal import print_table

if TYPE_CHECKING:
    from softmax_jax.data import Dataset
    from softmax_jax.runs.gradient_audit import Finding

_COMPARED = ("autodiff_closed_form", "autodiff_finite", "closed_form_finite")
_HEADS = ("", "at", "auto - closed", "auto - finite", "closed - finite", "of tolerance")


@dataclass(frozen=True, kw_only=True)
class Options(options.Source):
    """What check takes."""

    weights: options.Weights = None
    rows: Annotated[int, options.of_data(help="Most rows to compare on, drawn at random.", min=2)] = 5000
    l2: options.L2 = 1e-4
    seed: options.Seed = 0
    no_cache: options.NoCache = False
    as_json: options.AsJson = False


@options.takes(Options)
def check(given: Options) -> int:
    """Compare the gradient in closed form, by autodiff and by finite differences, on every device at hand.

    At random parameters and at the optimum, in float32 and float64. The tolerance is what rounding alone may make.
    Below, how exactly each device multiplies, by measuring: solvers take the precision that is marked.

    For example:

      softmax-jax check table.csv --target species

    Exit code 0: they agree. 1: they do not. 2: bad input.
    """
    from softmax_jax.runs.artifacts import to_json
    from softmax_jax.runs.gradient_audit import audit, devices_at_hand
    from softmax_jax.runs.product_precision import product_precisions
    from softmax_jax.runs.splitting import split_rows

    l2, dataset = given.l2, given.open(weights=given.weights)
    some = _sampled(dataset, given.rows, given.seed)
    split = split_rows(some, test=0, standardise=not given.no_standardise, seed=given.seed)
    findings = audit(split.X_train, split.y_train, l2=l2, sample_weight=split.weights, seed=given.seed)
    products = product_precisions(devices_at_hand())
    passed, worst = all(f.passed for f in findings), max(f.worst for f in findings)
    n, m = split.X_train.shape
    if given.as_json:
        told = {"data": dataset.name, "rows": n, "features": m, "notes": dataset.notes, "l2": l2}
        found = {"findings": [_plain(finding) for finding in findings], "products": [p._asdict() for p in products]}
        print(to_json({**told, "passed": passed, "worst": worst, **found}))
        return 0 if passed else 1
    print(f"{dataset.name}: {n} x {m}, l2 = {l2:g}", *dataset.notes, sep="\n")
    print("largest difference of an entry of dJ/dW and of dJ/db: autodiff, closed form, finite differences;")
    print("of tolerance: the largest one, divided by what rounding alone may make")
    print_table([_cells(finding) for finding in findings], _HEADS)
    dtypes = " and ".join(dict.fromkeys(finding.report.dtype for finding in findings))
    words = "PASS: all three agree" if passed else "FAIL: they do not agree"
    devices = ", ".join(dict.fromkeys(finding.report.device for finding in findings))
    rows = [[p.device, p.precision, f"{p.error:.0e}", "taken" if p.is_auto else ""] for p in products]
    print_table(rows, ("device", "products in float32", "relative error", "by solvers"))
    print(f"{words} on {devices} in {dtypes}; the largest difference is {worst:.2g} times the tolerance")
    return 0 if passed else 1


def _sampled(dataset: Dataset, rows: int, seed: int) -> Dataset:
    """At most `rows` rows of the data set."""
    import numpy as np

    n = len(dataset.y)
    if n <= rows:
        return dataset
    kept = np.sort(np.random.default_rng(seed).choice(n, rows, replace=False))
    weights = None if dataset.weights is None else dataset.weights[kept]
    return dataset._replace(X=dataset.X[kept], y=dataset.y[kept], weights=weights)


def _cells(finding: Finding) -> list[str]:
    report = finding.report
    differences = [f"{W.absolute:.0e} {b.absolute:.0e}" for W, b in (getattr(report, name) for name in _COMPARED)]
    return [f"{report.device} {report.dtype}", finding.point, *differences, f"{finding.worst:.2g}"]


def _plain(finding: Finding) -> dict[str, Any]:
    report = finding.report
    words = {"device": report.device, "dtype": report.dtype, "point": finding.point, "passed": finding.passed}
    differences = {name: {"W": W.absolute, "b": b.absolute} for name in _COMPARED for W, b in [getattr(report, name)]}
    allowed = {"exact": finding.exact._asdict(), "finite": finding.finite._asdict()}
    return {**words, "worst": finding.worst, **differences, "allowed": allowed, "n_checked": report.n_checked}
