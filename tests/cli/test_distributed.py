"""fit --distributed: two real processes give the fit of one; wrong options are one line."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from several_processes import environment, free_port

from softmax_jax.cli import run
from softmax_jax.fitting.single import fit
from softmax_jax.model_files.files import load

LIMIT_S = 150  # on a busy machine
AS_THEY_ARE = ["--test", "0", "--no-standardise"]


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> Path:
    """Three shards of unequal size."""
    folder = tmp_path_factory.mktemp("shards")
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 4))
    y = np.argmax(X[:, :3] + rng.gumbel(size=(120, 3)), axis=1)
    for i, (start, end) in enumerate([(0, 30), (30, 100), (100, 120)]):
        np.save(folder / f"X-{i}.npy", X[start:end])
        np.save(folder / f"y-{i}.npy", y[start:end])
    return folder


def _two(folder: Path, logs: Path, *words: str) -> list[tuple[int | None, str, str]]:
    """Exit code, stdout and stderr of two processes on the loopback interface; none outlives the call."""
    address, given = f"127.0.0.1:{free_port()}", environment(devices=1)
    command = [sys.executable, "-m", "softmax_jax", "fit", str(folder), "--distributed", *AS_THEY_ARE, *words]
    command += ["--coordinator", address, "--num-processes", "2", "--process-id"]
    running: list[subprocess.Popen] = []
    try:
        for i in range(2):
            with (logs / f"out{i}").open("w") as out, (logs / f"err{i}").open("w") as err:
                running.append(subprocess.Popen([*command, str(i)], stdout=out, stderr=err, env=given))
        end = time.monotonic() + LIMIT_S
        for process in running:
            process.wait(max(1, end - time.monotonic()))
    finally:
        for process in running:
            process.kill()
            process.wait()
    read = [[(logs / f"{kind}{i}").read_text() for kind in ("out", "err")] for i in range(2)]
    return [(process.returncode, *texts) for process, texts in zip(running, read, strict=True)]


@pytest.mark.slow
def test_two_processes_give_the_fit_of_one_and_only_the_first_writes_and_prints(shards, tmp_path):
    first, second = _two(shards, tmp_path, "--l2", "1e-2", "--out", str(tmp_path / "out"), "--json")
    assert (first[0], second[0]) == (0, 0), (first, second)
    assert second[1] == ""
    told = json.loads(first[1])
    assert told == json.loads((tmp_path / "out" / "results.json").read_text())
    assert (told["n_processes"], told["n_of_processes"]) == (2, [50, 70])
    assert told["notes"] == ["3 shards paired with labels by number: X-0, X-1, X-2"]
    X, y = (np.concatenate([np.load(shards / f"{letter}-{i}.npy") for i in (0, 2, 1)]) for letter in "Xy")
    alone = fit(X, y, l2=1e-2)
    assert abs(told["cost"] - alone.objective) <= told["duality_gap"] + alone.duality_gap
    model = load(tmp_path / "out" / "model.safetensors")
    predicted = model.classes_[(X @ model.coef_.T + model.intercept_).argmax(axis=1)]
    assert (predicted == y).mean() == pytest.approx(told["accuracy_train"])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--distributed"], "--test (give 0), the scaling (--no-standardise)"),
        (["--distributed", *AS_THEY_ARE, "--checkpoint", "kept"], "leave out --checkpoint"),
        (["--distributed", *AS_THEY_ARE, "--decimal", ","], "leave out --decimal"),
        (["--distributed", *AS_THEY_ARE, "--process-id", "0"], "must be given together"),
        (["--process-id", "0"], "belong to --distributed"),
    ],
)
def test_wrong_options_are_one_line_and_exit_code_two(words, expected, shards, capsys):
    assert run(["fit", str(shards), *words]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert expected in err


def test_a_shard_without_labels_is_named(shards, tmp_path):
    from softmax_jax.runs.distributed import train_distributed

    np.save(tmp_path / "X-0.npy", np.zeros((3, 2)))
    with pytest.raises(ValueError, match="holds features only"):
        train_distributed(tmp_path)
    np.save(tmp_path / "X-1.npy", np.zeros((3, 2)))
    np.save(tmp_path / "y-1.npy", np.zeros(3))
    with pytest.raises(ValueError, match=r"X-0\.npy without labels"):
        train_distributed(tmp_path)
    with pytest.raises(ValueError, match="must be a folder of shards"):
        train_distributed(tmp_path / "nothing")


@pytest.mark.parametrize("labels", [1, 12])
def test_twelve_shards_are_fitted_in_the_order_of_their_numbers(labels, tmp_path):
    from softmax_jax.runs.distributed import train_distributed

    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((48, 2)), np.arange(48) // 16
    for i in range(12):
        np.save(tmp_path / f"X_{i}.npy", X[4 * i : 4 * i + 4])
        np.save(tmp_path / f"y_{i}.npy", y[4 * i : 4 * i + 4])
    if labels == 1:
        for i in range(12):
            (tmp_path / f"y_{i}.npy").unlink()
        np.save(tmp_path / "y.npy", y)
    run = train_distributed(tmp_path, l2=1e-2)
    np.testing.assert_array_equal(run.data.X, X)
    np.testing.assert_array_equal(run.data.y, y)
    assert run.data.notes == tuple(run.summary["notes"])
    assert "X_0..X_11" in run.data.notes[0]
