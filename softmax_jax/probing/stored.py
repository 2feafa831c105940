"""A probe as texts and tensors, and back; its winner as a scikit-learn model.

The function of a protocol that makes l2 of its strengths is no data: presets are found again by their name, of other
protocols the strengths that were tried are known as l2 and no more.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from softmax_jax.model import Params
from softmax_jax.model_files.fitted import describe_result, restore_result
from softmax_jax.model_files.kinds import KINDS, Kind
from softmax_jax.model_files.parts import Stored, check_params, exactly, set_features
from softmax_jax.model_files.plain import describe_fit
from softmax_jax.model_files.values import decode, decode_all, encode, encode_all
from softmax_jax.model_selection.path import PathResult
from softmax_jax.model_selection.protocols import PRESETS, Protocol, grid
from softmax_jax.probing.preparation import Preparation
from softmax_jax.runs.scaling import Scaling

VERSION = 4  # of the format: older releases know no probes
_OF_PATH = ("l2_values", "l1_values", "objective", "duality_gap", "n_iter", "n_passes", "val_loss", "val_accuracy")
_PLAIN = ("best", "l2", "l1", "sparse", "n_fits", "n_val", "folds", "stopped", "wall_s", "tol", "max_iter")
_OF_PROTOCOL = ("name", "source", "convention", "val_fraction", "refit_on_all", "standardised")


def describe_probe(probe: Any) -> Stored:
    """Everything of a ProbeResult.

    Args:
      probe: the ProbeResult.
    """
    winner, path = describe_result(probe.result), probe.path
    preparation = probe.preparation
    texts = {
        "winner": winner.texts,
        "status": path.status,
        "dropped": path.dropped,
        "peaks": [int(i) for i in probe.peaks],
        "probe": encode_all({name: _plain(getattr(probe, name)) for name in _PLAIN}),
        "columns": encode(list(probe.columns), "names of columns"),
        "protocol": encode_all({name: getattr(probe.protocol, name) for name in _OF_PROTOCOL}),
        "coarse": [int(i) for i in probe.protocol.coarse],
        "normalise": preparation.normalise,
    }
    tensors = dict(winner.tensors) | {f"path_{name}": np.asarray(getattr(path, name)) for name in _OF_PATH}
    tensors |= {"path_W": path.params.W, "path_b": path.params.b, "strengths": np.asarray(probe.strengths)}
    tensors["protocol_strengths"] = np.asarray(probe.protocol.strengths)
    missing = np.full(len(probe.strengths), np.nan)
    for name in ("train_loss", "train_accuracy"):
        value = getattr(probe, name)
        tensors[name] = missing if value is None else np.asarray(value, np.float64)
    if preparation.scaling is not None:
        tensors |= {f"scaling_{name}": np.asarray(array) for name, array in preparation.scaling._asdict().items()}
    return Stored(texts, tensors)


def kind_for(result: Any) -> Kind:
    """How files of kind "probe" are written and read.

    Args:
      result: the class ProbeResult.
    """
    return Kind(describe_probe, lambda stored: restore_probe(stored, result), VERSION)


def restore_probe(stored: Stored, result: Any) -> Any:
    """What `describe_probe` was given.

    Args:
      stored: texts and tensors.
      result: the class ProbeResult.

    Raises:
      ValueError, KeyError, TypeError: they do not fit together.
    """
    texts, tensors = stored
    exactly(texts, "winner", "status", "dropped", "peaks", "probe", "columns", "protocol", "coarse", "normalise")
    of_winner = {name: tensors[name] for name in ("W", "b", "history")}
    winner = restore_result(Stored(texts["winner"], of_winner))
    params = Params(tensors["path_W"], tensors["path_b"])
    arrays = {name: tensors[f"path_{name}"] for name in _OF_PATH}
    L = len(tensors["strengths"])
    if any(len(array) != L for array in (*arrays.values(), *params, texts["status"], texts["dropped"])):
        raise ValueError(f"a path whose parts are not all of {L} strengths")
    path = PathResult(params=params, classes=winner.classes, status=texts["status"], dropped=texts["dropped"], **arrays)
    check_params(winner.params, "the winner")
    plain = decode_all(texts["probe"])
    exactly(plain, *_PLAIN)
    scaling = None
    if "scaling_mean" in tensors:
        mean, var, scale, seen = (tensors[f"scaling_{name}"] for name in Scaling._fields)
        scaling = Scaling(mean, var, scale, np.float64(seen))
    return result(
        protocol=_protocol(decode_all(texts["protocol"]), tensors["protocol_strengths"], tuple(texts["coarse"])),
        path=path,
        strengths=tensors["strengths"],
        peaks=texts["peaks"],
        result=winner,
        preparation=Preparation(texts["normalise"], scaling),
        train_loss=tensors["train_loss"],
        train_accuracy=tensors["train_accuracy"],
        columns=tuple(decode(texts["columns"])),
        **plain,
    )


def as_estimator(probe: Any) -> Any:
    """The winner as a fitted SoftmaxRegression, behind the scikit-learn steps that prepare features as it needs them.

    Args:
      probe: a ProbeResult.
    """
    names = [str(name) for name in probe.columns]
    first = not probe.preparation.normalise  # the first step has the names; what it hands on has none
    kind, stored = described(probe, names if first else ())
    model = KINDS[kind].restore(stored)
    if first:
        return model
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Normalizer

    m = len(probe.result.params.W)
    unit = Normalizer().fit(np.ones((1, m)))
    set_features(unit, names or None, m)
    steps = [step for _, step in model.steps] if kind == "pipeline" else [model]
    return make_pipeline(unit, *steps)


def described(probe: Any, names: Any) -> tuple[str, Stored]:
    """The winner's kind of model and what it is restored from, without unit rows: these take `as_estimator`.

    Args:
      probe: a ProbeResult.
      names: of the features; empty where they have none.
    """
    settings = {"l2": probe.l2, "solver": None, "tol": probe.tol, "max_iter": probe.max_iter, "seed": None}
    settings |= {"l1": probe.l1, "group": probe.result.group}
    columns = list(names) or [str(j) for j in range(len(probe.result.params.W))]
    return describe_fit(probe.result, columns, settings, probe.preparation.scaling)


def _protocol(texts: dict[str, Any], strengths: np.ndarray, coarse: tuple[int, ...]) -> Protocol:
    """The preset of that name where it has these strengths, or one that cannot make l2 of strengths."""
    preset = PRESETS.get(texts["name"])
    known = grid(strengths) if texts["name"] == "grid" else preset() if preset is not None else None
    if known is not None and np.array_equal(known.strengths, strengths):
        return known._replace(coarse=coarse, **texts)
    return Protocol(strengths=strengths, to_l2=_unknown, coarse=coarse, **texts)


def _unknown(*_: Any) -> Any:
    raise ValueError("the protocol comes from a file, which cannot hold the function that makes l2 of its strengths.")


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
