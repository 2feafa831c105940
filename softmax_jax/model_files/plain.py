"""A fit as the texts and tensors of an estimator that was fitted so: none is made, and scikit-learn is not imported.

Importing it takes 2 s, more than all the rest of a run on a small table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from softmax_jax.fitting.single import FitResult
from softmax_jax.model_files.fitted import described
from softmax_jax.model_files.parts import Stored


def describe_fit(result: FitResult, names: Sequence[str], settings: dict[str, Any], scaling: Any = None) -> Any:
    """The kind of model, a key of KINDS, and what it is restored from.

    Args:
      result: what `fit` returned.
      names: of the features, m; "0", "1", ... where they have none, and then the model has none either.
      settings: arguments of `fit`: l2, solver, tol, max_iter and seed.
      scaling: mean, var and scale (m,) of the features, and how many rows were `seen`; None where they were as given.

    Returns:
      "estimator", a SoftmaxRegression, or "pipeline", one after a StandardScaler; and Stored.
    """
    given = dict(settings)
    solver, seed = given.pop("solver"), given.pop("seed")
    parameters = {"solver": "auto" if solver is None else solver, "random_state": seed, **given}
    scalars = {f"{name}_": getattr(result, name) for name in ("objective", "duality_gap", "status", "n_iter")}
    scalars |= {"converged_": result.status == "converged", "n_features_in_": len(names)}
    nameless = list(names) == [str(j) for j in range(len(names))]
    columns = None if nameless else list(names)  # or scikit-learn would ask for them
    of_model = None if scaling else columns
    texts, tensors = described(result.params, result.classes, of_model, parameters, scalars)
    tensors["history"] = result.history
    if scaling is None:
        return "estimator", Stored(texts, tensors)
    texts["preprocessing"] = {
        "steps": ["standardscaler", "softmaxregression"],
        "verbose": False,
        "hyperparameters": {"copy": True, "with_mean": True, "with_std": True},
        "feature_names": columns,
        "output": None,
    }
    scales = {"mean": scaling.mean, "var": scaling.var, "scale": scaling.scale, "n_samples_seen": scaling.seen}
    return "pipeline", Stored(texts, {**tensors, **{name: np.asarray(array) for name, array in scales.items()}})
