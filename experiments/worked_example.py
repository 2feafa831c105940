"""The textbook example of softmax regression, every number asserted: python experiments/worked_example.py.

1. Four samples, two features, three classes, by hand.
2. Gradient descent on f(x) = x^4 - 3 x^3 + 2 with jax.grad.
3. Iris by full-batch gradient descent: a gradient that is a mean needs a step n times that of a sum.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure
from recording import RESULTS, record
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import softmax_jax as sj
from softmax_jax.dtypes import scope

SEEDS = 200
BLUE, ORANGE, GREY = "#1f5f99", "#d9730d", "#6b6b6b"

X = np.array([[0.1, 0.5], [1.1, 2.3], [-1.1, -2.3], [-1.5, -2.5]])
y = np.array([0, 1, 2, 2])
PARAMS = sj.Params(np.array([[0.1, 0.2, 0.3], [0.1, 0.2, 0.3]]), np.array([0.01, 0.1, 0.1]))
NET_INPUT = [[0.07, 0.22, 0.28], [0.35, 0.78, 1.12], [-0.33, -0.58, -0.92], [-0.39, -0.7, -1.1]]
OUTPUT = [
    [0.29450637, 0.34216758, 0.36332605],
    [0.21290077, 0.32728332, 0.45981591],
    [0.42860913, 0.33380113, 0.23758974],
    [0.44941979, 0.32962558, 0.22095463],
]
COST = 1.3215978715930938


def by_hand() -> dict[str, Any]:
    """The four samples: net input, softmax, labels, cost, gradient."""
    T = sj.one_hot_encode(y)
    Z = sj.net_input(PARAMS, X)
    O = sj.softmax(Z)
    cost = float(sj.cross_entropy_cost(T, O))
    np.testing.assert_allclose(Z, NET_INPUT, atol=1e-15)
    np.testing.assert_allclose(O, OUTPUT, atol=5e-9)
    assert sj.to_classlabel(O).tolist() == [2, 2, 0, 0]
    np.testing.assert_allclose(cost, COST, rtol=1e-15)
    np.testing.assert_allclose(sj.cross_entropy(PARAMS, X, T), COST, rtol=1e-15)
    for title, value in (("targets T", T), ("net input Z = X W + b", Z), ("output O = softmax(Z)", O)):
        print(f"{title}\n{np.asarray(value)}\n")
    print(f"labels argmax O: {sj.to_classlabel(O)}   (true: {y})")
    print(f"cross-entropy cost: {cost!r}\n")
    report = sj.compare_gradients(PARAMS, X, T, 0.0)
    assert report.autodiff_closed_form.W.relative < 1e-12
    print(report, "\n")
    return {"cost": cost}


def one_dimension() -> dict[str, Any]:
    """Descent on f(x) = x^4 - 3 x^3 + 2 from x = 4, step 0.01, until steps are below 1e-5; the minimum is at 9/4."""

    def f(x: Any) -> Any:
        return x**4 - 3 * x**3 + 2

    with scope(np.float64):
        slope = jax.jit(jax.grad(f))
        path = [4.0]
        while len(path) < 2 or abs(path[-1] - path[-2]) > 1e-5:
            path.append(path[-1] - 0.01 * float(slope(path[-1])))
    np.testing.assert_allclose(path[-1], 2.2500325268933734, rtol=1e-12)
    print(f"x^4 - 3 x^3 + 2: from 4 to {path[-1]!r} in {len(path) - 1} steps (minimum at 2.25)\n")
    _draw_descent(np.array(path), f)
    return {"x": path[-1], "steps": len(path) - 1}


def iris() -> dict[str, Any]:
    """Ten epochs from W ~ N(0, 1): eta = 0.1 on the mean gradient, and 15 = 0.1 x 150, its sum."""
    features, labels = load_iris(return_X_y=True)
    features = StandardScaler().fit_transform(features)
    accuracy = {eta: np.array([_accuracy(features, labels, eta, seed) for seed in range(SEEDS)]) for eta in (0.1, 15.0)}
    reference = LogisticRegression().fit(features, labels).score(features, labels)
    np.testing.assert_allclose(reference, 0.9733, atol=1e-4)
    # over other seeds of the same distribution: the spread of a mean of 200
    np.testing.assert_allclose(accuracy[0.1].mean(), 0.57, atol=0.03)
    np.testing.assert_allclose(accuracy[15.0].mean(), 0.93, atol=0.02)
    np.testing.assert_allclose(np.median(accuracy[15.0]), 0.96, atol=0.02)
    print(f"iris, 10 epochs from W ~ N(0, 1), {SEEDS} seeds: accuracy on the training rows")
    for eta, values in accuracy.items():
        print(f"  eta = {eta:<5} mean {values.mean():.3f}, median {np.median(values):.3f}, best {values.max():.3f}")
    print(f"  scikit-learn's LogisticRegression: {reference:.4f}")
    print(
        "The gradient of the formulas is a mean over the 150 samples. Code that is widely copied for this example\n"
        "sums instead: its eta = 0.1 is an eta of 0.1 x 150 = 15 here, and that alone is why it reports 0.94.\n"
    )
    _draw_iris(accuracy, reference)
    summary = {
        str(eta): {"mean": a.mean(), "median": float(np.median(a)), "best": a.max()} for eta, a in accuracy.items()
    }
    return {"accuracy": summary, "scikit_learn": reference, "seeds": SEEDS}


def _accuracy(features: np.ndarray, labels: np.ndarray, eta: float, seed: int) -> float:
    result = sj.fit(features, labels, l2=0.0, solver=sj.SGD(eta, epochs=10), seed=seed)
    return float(np.mean(np.argmax(features @ result.params.W + result.params.b, axis=1) == labels))


def _draw_descent(path: np.ndarray, f: Any) -> None:
    figure = Figure((6.4, 4), layout="constrained", dpi=120)
    ax = figure.add_subplot()
    x = np.linspace(-2, 4, 400)
    ax.plot(x, f(x), color=GREY, label="f(x) = x⁴ − 3x³ + 2")
    ax.plot(path, f(path), "o-", color=ORANGE, markersize=4, linewidth=1, label=f"descent, {len(path) - 1} steps")
    ax.plot(path[-1], f(path[-1]), "*", color=BLUE, markersize=14, label=f"end: x = {path[-1]:.4f}")
    ax.set(xlabel="x", ylabel="f(x)", title="Gradient descent by jax.grad, step 0.01")
    _finish(figure, ax, "worked_example_descent.png")


def _draw_iris(accuracy: dict[float, np.ndarray], reference: float) -> None:
    figure = Figure((6.4, 4), layout="constrained", dpi=120)
    ax = figure.add_subplot()
    bins = np.linspace(0, 1, 31)
    labels = {0.1: "eta = 0.1 (mean gradient)", 15.0: "eta = 15 (= 0.1 x 150: as if summed)"}
    for (eta, values), colour in zip(accuracy.items(), (ORANGE, BLUE), strict=True):
        ax.hist(values, bins, color=colour, alpha=0.75, label=f"{labels[eta]}: mean {values.mean():.2f}")
    ax.axvline(reference, color=GREY, linestyle="--", label=f"LogisticRegression: {reference:.4f}")
    ax.set(
        xlabel="accuracy after 10 epochs", ylabel=f"of {SEEDS} seeds", title="Iris: a mean and a sum are not one step"
    )
    _finish(figure, ax, "worked_example_iris.png")


def _finish(figure: Figure, ax: Any, name: str) -> None:
    ax.legend(frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    RESULTS.mkdir(exist_ok=True)
    figure.savefig(RESULTS / name)


def main() -> None:
    """Walk through the three parts and record them."""
    result = {"by_hand": by_hand(), "one_dimension": one_dimension(), "iris": iris()}
    print(f"written: {record('worked_example', result)}")


if __name__ == "__main__":
    main()
