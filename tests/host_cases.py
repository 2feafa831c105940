"""Every public function with small arguments: what the tests of traced values, forks and settings go through."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import softmax_jax as sj

MODULES = "calibration conventions data distributed export plots presets progress report solvers statistics training"
MODULES = [*MODULES.split(), *(f"model_selection.{name}" for name in ("many", "path")), "probing.linear", "probing.run"]
MODULES += [f"runs.{name}" for name in ("predict_table", "gradient_audit", "benchmark", "metrics")]

rng = np.random.default_rng(11)
X = rng.standard_normal((12, 2))
Y = np.arange(12) % 3
T = np.eye(3)[Y]
W = rng.integers(1, 4, 12).astype(float)
PARAMS = sj.Params(rng.standard_normal((2, 3)), np.array([0.5, -0.5, 0.0]))
O = np.exp(X @ PARAMS.W) / np.exp(X @ PARAMS.W).sum(axis=1, keepdims=True)
WEIGHTS = {"sample_weight": W}


class Case(NamedTuple):
    """A call of a public function.

    Attributes:
      function: what is called.
      arguments: by name; those that are numbers are traced in turn.
      kind: "pure" (JAX may go through it), "jax" (on the host, computes with JAX) or "numpy" (on the host, in NumPy).
      quick: whether it is run; others are only asked to refuse.
    """

    function: Callable[..., Any]
    arguments: dict[str, Any]
    kind: str = "jax"
    quick: bool = True


def of(name: str) -> Any:
    """The object called `name`, with the module where it is not at the root."""
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(f"softmax_jax.{module}") if module else sj, attribute)


def posterior() -> Any:
    return of("statistics.laplace_posterior")(PARAMS, X, 0.1)


def with_posterior(name: str) -> Callable[..., Any]:
    """A function of a posterior, of the parameters that it is around."""

    def call(W: Any, **arguments: Any) -> Any:
        about = posterior() if isinstance(W, np.ndarray) else posterior()._replace(params=PARAMS._replace(W=W))
        return of(f"statistics.{name}")(about, **arguments)

    return call


def estimator(cls: str, method: str) -> Callable[..., Any]:
    """fit, or fit and a method of predictions, of an estimator."""

    def call(X: Any, y: Any = Y, sample_weight: Any = None, **parameters: Any) -> Any:
        model = getattr(sj, cls)(**parameters)
        if method == "fit":
            return model.fit(X, y, sample_weight).params_
        model.params_, model.classes_, model.n_features_in_ = PARAMS, np.arange(3), 2
        return getattr(model, method)(X)

    return call


def probe_protocol() -> Any:
    return of("presets.clip")()._replace(strengths=np.array([0.1, 1.0]), coarse=())


def timeless_probe(X: Any, y: Any, X_val: Any, y_val: Any, preset: Any, tol: Any) -> Any:
    return sj.linear_probe(X, y, X_val, y_val, preset=preset, tol=tol)._replace(wall_s=0.0)


def several(function: Callable[..., Any]) -> Callable[..., Any]:
    """`compare_probes` or `few_shot_curve` of one matrix."""
    more = {"shots": [1]} if function is sj.few_shot_curve else {}
    return lambda X, y, tol: function({"X": X}, y, l2_values=[0.1], test=0.3, seeds=1, tol=tol, **more).accuracy


def to_file(name: str) -> Callable[..., Any]:
    """`save` or `export_predict` of parameters, as the bytes written."""

    def call(W: Any, b: Any) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            of(name)(sj.Params(W, b), Path(folder) / "model")
            return len((Path(folder) / "model").read_bytes())

    return call


def training_run(name: str) -> Callable[..., Any]:
    """`train`, or a report of it."""

    def call(l2: Any) -> Any:
        data = of("data.Dataset")("small", np.tile(X, (3, 1)), np.tile(Y, 3), ("a", "b"))
        run = of("training.train")(data, l2=l2, test=0.25)
        if name == "train":
            return run.result.params
        with tempfile.TemporaryDirectory() as folder:
            return of(f"report.{name}")(run, **({"path": Path(folder) / "r.html"} if name == "write_report" else {}))

    return call


def probe_run(tol: Any) -> Any:
    data = of("data.Dataset")("small", np.tile(X, (3, 1)), np.tile(Y, 3), ("a", "b"))
    return of("probing.run.train_probe")(data, preset="simclr", tol=tol)


RESULT = sj.FitResult(PARAMS, np.arange(3), 1.0, 0.1, "max_iter", 1, 1, np.ones(1))
DATA = {"X": X, "T": T, "l2": 0.1, **WEIGHTS}
ON_DATA = {"X": X, "y": Y, "l2": 0.1, "tol": 1e-7, **WEIGHTS}
SEVERAL = {"X": np.tile(X, (3, 1)), "y": np.tile(Y, 3)}
VALIDATION = {"X": X, "y": Y, "X_val": X, "y_val": Y}
PROBABILITIES = {"O": O, "y": Y, **WEIGHTS}
POINT = {"params": PARAMS, **DATA}

CASES: dict[str, Case] = {
    "init_params": Case(sj.init_params, {"n_features": 2, "n_classes": 3}, "pure"),
    "one_hot_encode": Case(sj.one_hot_encode, {"y": Y, "n_classes": 3}, "pure"),
    "net_input": Case(sj.net_input, {"params": PARAMS, "X": X}, "pure"),
    "softmax": Case(sj.softmax, {"Z": X}, "pure"),
    "to_classlabel": Case(sj.to_classlabel, {"O": O}, "pure"),
    "cross_entropy": Case(sj.cross_entropy, {"params": PARAMS, "X": X, "T": T, **WEIGHTS}, "pure"),
    "cross_entropy_cost": Case(sj.cross_entropy_cost, {"T": T, "O": O}, "pure"),
    "l2_penalty": Case(sj.l2_penalty, {"params": PARAMS, "l2": 0.1}, "pure"),
    "objective": Case(sj.objective, POINT, "pure"),
    "autodiff_gradient": Case(sj.autodiff_gradient, POINT, "pure"),
    "closed_form_gradient": Case(sj.closed_form_gradient, POINT, "pure"),
    "autodiff_hvp": Case(sj.autodiff_hvp, {**POINT, "direction": PARAMS}, "pure"),
    "closed_form_hvp": Case(sj.closed_form_hvp, {**POINT, "direction": PARAMS}, "pure"),
    "penalty": Case(sj.penalty, {"params": PARAMS, "l1": 0.1, "l2": 0.1}, "pure"),
    "l1_max": Case(sj.l1_max, {"X": X, "y": Y} | WEIGHTS),
    "solve_implicit": Case(sj.solve_implicit, DATA, "pure"),
    "compare_gradients": Case(sj.compare_gradients, POINT),
    "duality_gap": Case(sj.duality_gap, POINT),
    "fit": Case(sj.fit, {**ON_DATA, "init": PARAMS}),
    "fit_path": Case(sj.fit_path, {**VALIDATION, "l2_values": [0.1, 1.0], "tol": 1e-7, "init": PARAMS, **WEIGHTS}),
    "fit_many": Case(sj.fit_many, {"X": X, "Y": np.stack([Y, Y[::-1]]), "l2": 0.1, "tol": 1e-7, **WEIGHTS}),
    "cross_validate": Case(sj.cross_validate, {"X": X, "y": Y, "l2_values": [0.1, 1.0], "cv": 2, **WEIGHTS}),
    "compare_probes": Case(several(sj.compare_probes), {**SEVERAL, "tol": 1e-7}, quick=False),
    "few_shot_curve": Case(several(sj.few_shot_curve), {**SEVERAL, "tol": 1e-7}, quick=False),
    "linear_probe": Case(timeless_probe, {**VALIDATION, "preset": probe_protocol(), "tol": 1e-7}),
    "tune_l2": Case(sj.tune_l2, {**VALIDATION, "l2": 0.1, "steps": 2, **WEIGHTS}),
    "SoftmaxRegression": Case(estimator("SoftmaxRegression", "fit"), ON_DATA),
    "SoftmaxRegression.predict": Case(estimator("SoftmaxRegression", "predict"), {"X": X}, "numpy"),
    "SoftmaxRegression.predict_proba": Case(estimator("SoftmaxRegression", "predict_proba"), {"X": X}, "numpy"),
    "SoftmaxRegression.decision_function": Case(estimator("SoftmaxRegression", "decision_function"), {"X": X}, "numpy"),
    "SoftmaxRegression.predict_log_proba": Case(estimator("SoftmaxRegression", "predict_log_proba"), {"X": X}, "numpy"),
    "SoftmaxRegressionCV": Case(estimator("SoftmaxRegressionCV", "fit"), {"X": X, "tol": 1e-7, **WEIGHTS, "cv": 2}),
    "SGD": Case(lambda eta: sj.SGD(eta).eta, {"eta": 0.1}, "numpy"),
    "save": Case(to_file("save"), {"W": PARAMS.W, "b": PARAMS.b}, "numpy"),
    "export.export_predict": Case(to_file("export.export_predict"), {"W": PARAMS.W, "b": PARAMS.b}),
    **{
        f"export.export_{name}": Case(to_file(f"export.export_{name}"), {"W": PARAMS.W, "b": PARAMS.b}, "numpy")
        for name in ("onnx", "state_dict")
    },
    "statistics.laplace_posterior": Case(
        lambda **given: of("statistics.laplace_posterior")(**given).point.Z, {"params": PARAMS, "X": X, "l2": 0.1}
    ),
    "statistics.standard_errors": Case(with_posterior("standard_errors"), {"W": PARAMS.W, "coefficients": [(0, 1)]}),
    "statistics.covariance": Case(with_posterior("covariance"), {"W": PARAMS.W, "coefficients": [(0, 1)]}),
    "statistics.sample_parameters": Case(with_posterior("sample_parameters"), {"W": PARAMS.W, "n_draws": 2}),
    "statistics.predictive": Case(with_posterior("predictive"), {"W": PARAMS.W, "X": X, "n_draws": 2}),
    "statistics.every_coefficient": Case(of("statistics.every_coefficient"), {"params": PARAMS}, "pure"),
    "calibration.temperature_scale": Case(of("calibration.temperature_scale"), {"Z": X, "y": Y % 2}, "numpy"),
    "calibration.reliability_table": Case(of("calibration.reliability_table"), PROBABILITIES, "numpy"),
    "calibration.expected_calibration_error": Case(
        of("calibration.expected_calibration_error"), PROBABILITIES, "numpy"
    ),
    "distributed.fit_distributed": Case(of("distributed.fit_distributed"), ON_DATA),
    "data.open_rows": Case(of("data.open_rows"), {"source": np.zeros(3)}, "numpy", quick=False),
    "runs.gradient_audit.audit": Case(of("runs.gradient_audit.audit"), {"X": X, "y": Y, "l2": 0.1}, quick=False),
    "runs.benchmark.compare": Case(of("runs.benchmark.compare"), {"X": X, "y": Y, "l2": 0.1}, quick=False),
    "presets.grid": Case(of("presets.grid"), {"l2_values": [0.1, 1.0]}, "numpy"),
    "probing.run.train_probe": Case(probe_run, {"tol": 1e-6}, quick=False),
    "runs.predict_table.predict": Case(of("runs.predict_table.predict"), {"model": PARAMS, "X": X}, "numpy"),
    "training.train": Case(training_run("train"), {"l2": 0.1}),
    "training.predict": Case(of("training.predict"), {"result": RESULT, "X": X}, "numpy"),
    "training.summarise": Case(training_run("train"), {"l2": 0.1}, quick=False),
    "report.write_report": Case(training_run("write_report"), {"l2": 0.1}, quick=False),
    "report.report_html": Case(training_run("report_html"), {"l2": 0.1}, quick=False),
    "plots.plot_loss_curve": Case(of("plots.plot_loss_curve"), {"history": np.array([1.0, 0.5])}, "numpy"),
    "plots.plot_convergence": Case(
        of("plots.plot_convergence"), {"history": np.array([1.0, 0.5]), "objective": 0.5, "duality_gap": 0.1}, "numpy"
    ),
    "plots.plot_confusion_matrix": Case(of("plots.plot_confusion_matrix"), {"y_true": Y * 1.0, "y_pred": Y}, "numpy"),
    "plots.plot_confused_pairs": Case(of("plots.plot_confused_pairs"), {"y_true": Y * 1.0, "y_pred": Y}, "numpy"),
    "plots.plot_feature_weights": Case(of("plots.plot_feature_weights"), {"W": PARAMS.W}, "numpy"),
    "plots.plot_decision_regions": Case(of("plots.plot_decision_regions"), {"params": PARAMS, "X": X, "y": Y}, "numpy"),
    "plots.plot_gap_against_time": Case(
        of("plots.plot_gap_against_time"), {"runs": {"a": (np.arange(1.0, 3), np.array([1.0, 0.1]))}}, "numpy"
    ),
    "plots.plot_probe": Case(
        of("plots.plot_probe"),
        {"l2_values": np.array([0.1, 1.0]), "val_accuracy": np.array([0.4, 0.5]), "best": 1},
        "numpy",
    ),
    "plots.plot_comparison": Case(
        of("plots.plot_comparison"),
        {"names": ["a"], "accuracy": np.array([[0.5, 0.6]]), "errors": np.array([0.1]), "n_test": 9},
        "numpy",
    ),
    "plots.plot_few_shot": Case(
        of("plots.plot_few_shot"),
        {"shots": np.array([1, 2]), "accuracy": np.array([[[0.5, 0.6], [0.7, 0.8]]]), "names": ["a"]},
        "numpy",
    ),
    "plots.plot_sparse_path": Case(
        of("plots.plot_sparse_path"), {"l1_values": np.array([0.1, 1.0]), "W": np.ones((2, 2, 3))}, "numpy"
    ),
    "plots.plot_regularisation_path": Case(
        of("plots.plot_regularisation_path"), {"l2_values": np.array([0.1, 1.0]), "W": np.ones((2, 2, 3))}, "numpy"
    ),
    "plots.plot_reliability_diagram": Case(of("plots.plot_reliability_diagram"), PROBABILITIES, "numpy"),
    "plots.plot_validation_curve": Case(
        of("plots.plot_validation_curve"), {"l2_values": np.array([0.1, 1.0]), "values": np.array([0.4, 0.5])}, "numpy"
    ),
    "plots.plot_weights": Case(of("plots.plot_weights"), {"W": PARAMS.W, "image_shape": (1, 2)}, "numpy"),
} | {
    f"conventions.{name}": Case(of(f"conventions.{name}"), arguments, "numpy")
    for name, arguments in {
        "l2_from_sklearn_c": {"C": 1.0, "n_samples": 12.0, "n_classes": 3},
        "sklearn_c_from_l2": {"l2": 1.0, "n_samples": 12.0, "n_classes": 3},
        "l2_from_cuml_c": {"C": 1.0, "n_samples": 12.0, "n_classes": 3},
        "cuml_c_from_l2": {"l2": 1.0, "n_samples": 12.0, "n_classes": 3},
        "l2_from_sum_lambda": {"penalty": 1.0, "n_samples": 12.0},
        "sum_lambda_from_l2": {"l2": 1.0, "n_samples": 12.0},
        "l2_from_unhalved_sum_lambda": {"penalty": 1.0, "n_samples": 12.0},
        "unhalved_sum_lambda_from_l2": {"l2": 1.0, "n_samples": 12.0},
        "l2_from_mean_lambda": {"penalty": 1.0},
        "mean_lambda_from_l2": {"l2": 1.0},
        "penalties_from_sklearn_c": {"C": 1.0, "l1_ratio": 0.5, "n_samples": 12.0, "n_classes": 3},
        "sklearn_c_from_penalties": {"l1": 1.0, "l2": 1.0, "n_samples": 12.0, "n_classes": 3},
        "penalties_from_cuml_c": {"C": 1.0, "l1_ratio": 0.5, "n_samples": 12.0, "n_classes": 3},
        "cuml_c_from_penalties": {"l1": 1.0, "l2": 1.0, "n_samples": 12.0, "n_classes": 3},
        "penalties_from_glmnet_lambda": {"penalty": 1.0, "alpha": 0.5},
        "glmnet_lambda_from_penalties": {"l1": 1.0, "l2": 1.0},
        "penalties_from_adelie_lambda": {"penalty": 1.0, "alpha": 0.5, "n_classes": 3},
        "adelie_lambda_from_penalties": {"l1": 1.0, "l2": 1.0, "n_classes": 3},
    }.items()
}

# they take no numbers, or only ever raise
WITHOUT_NUMBERS = {
    "load",
    "show_versions",
    *(f"data.load_{name}" for name in ("data", "features", "labelled", "named")),
    *(f"data.read_{name}" for name in ("arrays", "idx", "images", "labels", "npy", "parquet", "table", "tensors")),
    *(f"presets.{name}" for name in ("clip", "dinov2", "simclr")),
    *(f"distributed.{name}" for name in ("initialise", "read_shards", "together")),
    *(f"conventions.l2_from_{name}" for name in ("decoupled_weight_decay", "penalised_bias", "unsquared_norm")),
    "model_selection.path.check_strengths",
    "probing.linear.chosen_protocol",
    "calibration.check_indices",
    "calibration.binned",
    "calibration.error_of",
    "runs.predict_table.feature_names",
    *(
        f"runs.predict_table.{name}"
        for name in ("predict_blocks", "predict_to_file", "write_predictions", "write_blocks", "classes_of")
    ),
    "runs.gradient_audit.devices_at_hand",
    "runs.benchmark.race_ratio",
    "export.export_torch",  # needs torch, which is no part of the tests' environment; export_state_dict does the same
    *(f"probing.run.{name}" for name in ("aligned", "certificate_table", "summary_of", "write_probe", "write_winner")),
    *(f"runs.metrics.{name}" for name in ("alike", "indices", "measure", "measure_blocks", "told")),
    "progress.seconds_left",
}


def public_functions() -> set[str]:
    """The names of all public functions: at the root, and in the modules that are documented or have a verb."""
    found = {name for name in sj.__all__ if inspect.isfunction(getattr(sj, name))}
    for module in MODULES:
        space = import_module(f"softmax_jax.{module}")
        for name, value in vars(space).items():
            home = getattr(value, "__module__", "")
            listed = name in getattr(space, "__all__", ())
            own = inspect.isfunction(value) and (listed or home == f"softmax_jax.{module}")
            if own and not name.startswith("_") and getattr(sj, name, None) is not value:
                found.add(f"{module}.{name}")
    return found
