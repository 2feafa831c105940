"""One process of a distributed test: python distributed_child.py port processes index output scenario ..."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
import warnings
from pathlib import Path

import jax
import numpy as np

import softmax_jax as sj
from softmax_jax.distributed.fitting import fit_distributed, initialise, read_shards
from softmax_jax.solvers import driver, stopping
from softmax_jax.storage import checkpoints, container

N, M, K = 203, 6, 4
CUTS = {1: [0, N], 2: [0, 50, N], 3: [0, 60, 61, N]}  # unequal shards; one has a single row
SETTINGS = {"l2": 1e-3, "solver": sj.LBFGS(), "tol": 1e-7}


def data():
    """Rows and labels; class 3 does not occur among the first 50 rows."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, M))
    y = np.argmax(X[:, :K] + rng.gumbel(size=(N, K)), axis=1)
    y[:50] %= 3
    return X, y, rng.uniform(0.5, 3, N)


def own():
    X, y, weight = data()
    rows = slice(*CUTS[jax.process_count()][jax.process_index() : jax.process_index() + 2])
    return X[rows], y[rows], weight[rows]


def numbers(result):
    return {
        "W": result.params.W.tolist(),
        "b": result.params.b.tolist(),
        "classes": result.classes.tolist(),
        "dtype": str(result.params.W.dtype),
        **{name: getattr(result, name) for name in ("objective", "duality_gap", "status", "n_iter")},
    }


def weighted():
    X, y, weight = own()
    return numbers(fit_distributed(X, y, sample_weight=weight, **SETTINGS))


def names():
    X, y, _ = own()
    labels = np.array(["a", "bb", "c", "dddd"])[y]
    return numbers(fit_distributed(X, labels, **{**SETTINGS, "solver": sj.NewtonCG()}))


def refused(call):
    try:
        call()
    except Exception as error:
        return [type(error).__name__, str(error)]
    return "no error"


def disagreements():
    X, y, weight = own()
    odd = jax.process_index() == 1
    wrong = np.array(X)
    wrong[0, 2] = np.nan if odd else 0

    def read(path):
        if path == "broken":
            raise OSError("file ends early")
        return X, y

    calls = {
        "m": lambda: fit_distributed(X[:, : M - odd], y),
        "dtype": lambda: fit_distributed(X.astype(np.float32) if odd else X, y),
        "settings": lambda: fit_distributed(X, y, l2=1e-3 if odd else 1e-4),
        "solver": lambda: fit_distributed(X, y, solver=sj.Newton() if odd else None),
        "labels": lambda: fit_distributed(X, y.astype(str) if odd else y),
        "weights": lambda: fit_distributed(X, y, sample_weight=weight if odd else None),
        "checkpoint": lambda: fit_distributed(X, y, checkpoint="never made" if odd else None),
        "every": lambda: fit_distributed(X, y, every=1.0),
        "NaN": lambda: fit_distributed(wrong, y),
        "one class": lambda: fit_distributed(X, np.zeros(len(y), int)),
        "SGD": lambda: fit_distributed(X, y, solver=sj.SGD()),
        "file": lambda: read_shards(["whole", "broken"], read),
        "too few files": lambda: read_shards(["whole"], read),
        "callback": lambda: fit_distributed(X, y, callback=fails_on_one, **SETTINGS),
    }
    return {name: refused(call) for name, call in calls.items()}


def fails_on_one(progress):
    if jax.process_index() == 1:
        raise KeyError("in the callback")


def signalled():
    """SIGTERM to one process after its first chunk stops both there; afterwards it is the usual one again."""
    X, y, _ = own()
    seen = []

    def callback(progress):
        seen.append(progress.n_iter)
        if jax.process_index() == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    result = fit_distributed(X, y, callback=callback, **{**SETTINGS, "tol": 1e-13})
    restored = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    return {**numbers(result), "seen": seen, "restored": restored}


def preempted():
    """JAX's own preemption service, where the user has it on: both stop at the step that it chooses."""
    X, y, _ = own()
    stopping.CHUNK_WALL_S = 0  # chunks of one step
    seen = []

    def callback(progress):
        seen.append(progress.n_iter)
        if jax.process_index() == 1 and len(seen) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.1)

    slow = sj.LBFGS(memory=1)
    result = fit_distributed(X * [1e3, 1, 1, 1, 1, 1e-3], y, callback=callback, solver=slow, l2=1e-9, tol=1e-14)
    return {"seen": seen, "status": result.status, "n_iter": result.n_iter}


CAREFUL = {"l2": 1e-2, "solver": sj.LBFGS(), "tol": 1e-13}


def checkpointed(name, X, y, callback=None):
    """A fit in chunks of one step, saved after each: numbers, steps that callbacks saw, and warnings."""
    driver.FIRST_CHUNK, stopping.CHUNK_WALL_S = 1, 0
    seen = []

    def noting(progress):
        seen.append(progress.n_iter)
        return callback is not None and callback(len(seen))

    folder = Path(sys.argv[4]).parent.parent / name if jax.process_index() == 0 else "elsewhere"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = fit_distributed(X, y, callback=noting, checkpoint=folder, every=0, **CAREFUL)
    said = [str(w.message) for w in caught if w.category is checkpoints.CheckpointWarning]
    return {**numbers(result), "seen": seen, "warnings": said}


def stopped_and_resumed():
    """SIGTERM to one process after four chunks; then others' data, a full disk, damage, and the same fit again."""
    X, y, _ = own()
    X = X[::-1] if jax.process_index() == 0 else X  # in another order than for other numbers of processes
    y = y[::-1] if jax.process_index() == 0 else y
    folder = Path(sys.argv[4]).parent.parent

    def terminated(chunks):
        if chunks == 4 and jax.process_index() == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    results = {"stopped": checkpointed("whole", X, y, terminated)}
    if jax.process_index() == 0:
        for copy in ("again", "damaged"):
            shutil.copytree(folder / "whole", folder / copy)
        for path in (folder / "damaged").glob("*.safetensors"):
            path.write_bytes(path.read_bytes()[:-9])
    other = np.array(X)
    other[1, 2] += jax.process_index()
    results["other data"] = refused(lambda: checkpointed("whole", other, y))
    results["damaged"] = refused(lambda: checkpointed("damaged", X, y))
    results["file in place"] = refused(lambda: checkpointed("again/lock", X, y))
    results["resumed"] = checkpointed("again", X, y)
    container.write = full
    results["full"] = checkpointed("full", X, y, lambda chunks: chunks == 2)
    return results


def full(path, texts, tensors):
    raise OSError("No space left on device")


def resumed():
    X, y, _ = own()
    return checkpointed("whole", X, y)


def killed():
    """Process 1 dies after its second chunk, before the state after that is saved."""
    X, y, _ = own()

    def callback(chunks):
        if chunks == 2 and jax.process_index() == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    checkpointed("left", X, y, callback)
    return "survived"


def absent():
    """Process 1 is alive and does not take part."""
    if jax.process_index() == 1:
        time.sleep(60)
    X, y, _ = own()
    fit_distributed(X, y, stall_timeout_s=1.5)
    return "survived"


def main():
    port, processes, index, output, *scenarios = sys.argv[1:]
    address = f"127.0.0.1:{port}"
    if "preempted" in scenarios:
        jax.distributed.initialize(address, int(processes), int(index), coordinator_bind_address=address)
    else:
        initialise(address, int(processes), int(index), heartbeat_timeout_s=10 if "killed" in scenarios else 100)
    results = {}
    for name in scenarios:
        results[name] = globals()[name]()
        Path(output).write_text(json.dumps(results))


if __name__ == "__main__":
    main()
