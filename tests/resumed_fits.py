"""Small fits of many chunks, for tests that stop them; some run in processes that may be killed.

The processes come from a server that has imported JAX, but opened no device, which makes them start fast. It is what a
process that has run JAX cannot do: fork.
"""

from __future__ import annotations

import multiprocessing
import time
import warnings
from typing import Any

import numpy as np

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["jax", "jax.experimental.sparse", "optax", "scipy.sparse", "safetensors"])


def fits() -> dict[str, dict[str, Any]]:
    """Arguments of `fit`, by name: labels that the features explain in part, and labels that are noise."""
    import optax

    import softmax_jax as sj

    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 6))
    plain = {"X": X, "y": np.argmax(X[:, :3] + rng.gumbel(size=(200, 3)), axis=1), "l2": 1e-6, "tol": 1e-12}
    single = {**plain, "X": X.astype(np.float32)}
    rng = np.random.default_rng(1)
    noise = {"X": rng.standard_normal((120, 40)), "y": rng.integers(0, 4, 120), "l2": 1e-8, "tol": 1e-5}
    return {
        "L-BFGS": {**noise, "solver": sj.LBFGS(memory=2)},  # 384 iterations
        "L-BFGS, separable without a penalty": {**noise, "l2": 0.0, "solver": sj.LBFGS(memory=2)},
        "L-BFGS from float32 to float64": {**single, "solver": sj.LBFGS()},
        "Newton-CG": {**noise, "solver": sj.NewtonCG()},
        "Newton": {**plain, "solver": sj.Newton()},
        "gradient descent": {**single, "solver": sj.SGD(0.1, 12, 64, optax.adam(1e-2))},
    }


def short_chunks() -> None:
    """One iteration in each chunk: the state is saved as often as can be."""
    from softmax_jax.solvers import driver, stopping

    driver.FIRST_CHUNK, stopping.CHUNK_WALL_S = 1, 0.0


def child(name: str, directory: str, pipe: Any, pause_s: float = 0.0, **changes: Any) -> None:
    """Run a fit with a checkpoint after every chunk; tell after which iterations, and at last the result."""
    import softmax_jax as sj

    short_chunks()

    def tell(progress: Any) -> None:
        pipe.send(progress.n_iter)
        time.sleep(pause_s)

    pipe.send(sj.fit(**fits()[name] | changes, checkpoint=directory, every=0, callback=tell))


def sweep() -> dict[str, Any]:
    """Arguments of `fit_path`: single precision, which goes on in double, and validation rows."""
    rng = np.random.default_rng(2)
    X = rng.standard_normal((90, 4)).astype(np.float32)
    y = np.argmax(X[:, :3] + rng.gumbel(size=(90, 3)), axis=1)
    rows = {"X": X[:60], "y": y[:60], "X_val": X[60:], "y_val": y[60:]}
    return {**rows, "l2_values": [0.0, *rng.permutation(np.logspace(-5, 1, 19))], "tol": 1e-9}


def child_that_sweeps(directory: str, pipe: Any, pause_s: float = 0.0) -> None:
    """Run the sweep with checkpoints; tell after which strengths, and at last the result."""
    import softmax_jax as sj

    def tell(index: int, result: Any) -> None:
        pipe.send(result.status.count("interrupted"))
        time.sleep(pause_s)

    pipe.send(sj.fit_path(**sweep(), checkpoint=directory, callback=tell))


def child_on_a_full_disk(name: str, directory: str, pipe: Any) -> None:
    """Run a fit that may write no file of more than a kilobyte from the fifth chunk on; tell result and warnings."""
    import resource

    import softmax_jax as sj

    short_chunks()
    calls = []

    def fill(progress: Any) -> None:
        calls.append(progress)
        if len(calls) == 5:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = sj.fit(**fits()[name], checkpoint=directory, every=0, callback=fill)
    pipe.send((result, [str(w.message) for w in caught]))


def child_that_waits(directory: str, pipe: Any) -> None:
    """Hold the directory's lock until the end comes from outside."""
    from softmax_jax.storage.checkpoints import CheckpointStore

    with CheckpointStore(directory, {}, {}):
        pipe.send("locked")
        time.sleep(600)


def start(target: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """A process that runs target(*args, pipe, **kwargs), and the end of the pipe to read from."""
    ours, theirs = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=target, args=(*args, theirs), kwargs=kwargs)
    process.start()
    theirs.close()
    return process, ours


def same(a: Any, b: Any) -> bool:
    """Whether two results of `fit` are equal in every bit."""
    arrays = [(*r.params, r.classes, r.history) for r in (a, b)]
    numbers = [(r.objective, r.duality_gap, r.status, r.n_iter, r.n_passes) for r in (a, b)]
    bits = [[(x.dtype, x.shape, x.tobytes()) for x in some] for some in arrays]
    return bits[0] == bits[1] and numbers[0] == numbers[1]
