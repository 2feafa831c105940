"""`softmax-jax check`: is the gradient right on the user's own data and devices?"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from softmax_jax.cli import options
from softmax_jax.cli.tables import print_table

_COMPARED = ("autodiff_closed_form", "autodiff_finite", "closed_form_finite")


def check(
    data: options.Data = "",
    target: options.Target = None,
    weights: options.Weights = None,
    drop: options.Drop = None,
    delimiter: options.Delimiter = None,
    header: options.Header = True,
    decimal: options.Decimal = ".",
    thousands: options.Thousands = None,
    images: options.Images = None,
    labels: options.Labels = None,
    rows: Annotated[
        int, typer.Option(help="Most rows to compare on, drawn at random.", min=2, rich_help_panel=options.DATA)
    ] = 5000,
    no_standardise: options.NoStandardise = False,
    l2: options.L2 = 1e-4,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
) -> int:
    """Compare the gradient in closed form, by autodiff and by finite differences, on every device at hand.

    At random parameters and at the optimum, in float32 and float64; differences are judged by what rounding explains.

    For example:

      softmax-jax check table.csv --target species

    Exit code 0: they agree. 1: they do not. 2: bad input.
    """
    from softmax_jax.runs.artifacts import to_json
    from softmax_jax.runs.gradient_audit import audit
    from softmax_jax.runs.splitting import split_rows

    written = {"delimiter": delimiter, "header": header, "decimal": decimal, "thousands": thousands}
    dataset = options.open_data(data, images, labels, target=target, weights=weights, drop=drop, **written)
    split = split_rows(_sampled(dataset, rows, seed), test=0, standardise=not no_standardise, seed=seed)
    findings = audit(split.X_train, split.y_train, l2=l2, sample_weight=split.weights, seed=seed)
    passed, worst = all(f.passed for f in findings), max(f.worst for f in findings)
    if as_json:
        found = [_plain(finding) for finding in findings]
        shape = {"rows": len(split.y_train), "features": split.X_train.shape[1], "notes": dataset.notes}
        print(to_json({"data": dataset.name, **shape, "l2": l2, "passed": passed, "worst": worst, "findings": found}))
    else:
        print(f"{dataset.name}: {len(split.y_train)} x {split.X_train.shape[1]}, l2 = {l2:g}")
        for note in dataset.notes:
            print(note)
        print("largest difference of an entry of dJ/dW and of dJ/db: autodiff, closed form, finite differences")
        heads = ("", "at", "auto - closed", "auto - finite", "closed - finite", "of allowed")
        print_table([_cells(finding) for finding in findings], heads)
        dtypes = " and ".join(dict.fromkeys(finding.report.dtype for finding in findings))
        verdict = "PASS: all three agree" if passed else "FAIL: they do not agree"
        devices = ", ".join(dict.fromkeys(finding.report.device for finding in findings))
        print(f"{verdict} on {devices} in {dtypes}; the largest difference is {worst:.2g} times what rounding explains")
    return 0 if passed else 1


def _sampled(dataset: Any, rows: int, seed: int) -> Any:
    """At most `rows` rows of the data set."""
    import numpy as np

    n = len(dataset.y)
    if n <= rows:
        return dataset
    kept = np.sort(np.random.default_rng(seed).choice(n, rows, replace=False))
    weights = None if dataset.weights is None else dataset.weights[kept]
    return dataset._replace(X=dataset.X[kept], y=dataset.y[kept], weights=weights)


def _cells(finding: Any) -> list[str]:
    report = finding.report
    differences = [f"{W.absolute:.0e} {b.absolute:.0e}" for W, b in (getattr(report, name) for name in _COMPARED)]
    return [f"{report.device} {report.dtype}", finding.point, *differences, f"{finding.worst:.2g}"]


def _plain(finding: Any) -> dict[str, Any]:
    report = finding.report
    differences = {
        name: {"W": getattr(report, name).W.absolute, "b": getattr(report, name).b.absolute} for name in _COMPARED
    }
    allowed = {"exact": finding.exact._asdict(), "finite": finding.finite._asdict()}
    words = {"device": report.device, "dtype": report.dtype, "point": finding.point, "passed": finding.passed}
    return {**words, "worst": finding.worst, **differences, "allowed": allowed, "n_checked": report.n_checked}
