"""What must work where only the wheel and its required packages are installed: python tests/smoke.py."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np

import softmax_jax as sj


def main() -> None:
    """Fit, predict, save and load; say what an extra is for; with the package from the wheel."""
    package = Path(sj.__file__).parent
    assert package.parent != Path(__file__).parent.parent, "this is the working tree, not the wheel"
    assert (package / "py.typed").exists() and version("softmax_jax") == sj.__version__
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 3)), np.array(["a", "b", "c"])[np.arange(60) % 3]
    result = sj.fit(X, y, l2=1e-2)
    assert result.status == "converged" and result.duality_gap <= 1e-6
    model = sj.SoftmaxRegression(l2=1e-2).fit(X, y)
    with tempfile.TemporaryDirectory() as folder:
        sj.save(model, Path(folder) / "model.safetensors")
        same = sj.load(Path(folder) / "model.safetensors")
    np.testing.assert_array_equal(same.predict_proba(X), model.predict_proba(X))
    command = subprocess.run([sys.executable, "-m", "softmax_jax", "--version"], capture_output=True, text=True)
    told = command.stdout.strip() == sj.__version__ or "pip install 'softmax_jax[cli]'" in command.stderr
    assert told, command
    print(f"softmax_jax {sj.__version__} from {package}: fit, predict, save and load work")


if __name__ == "__main__":
    main()
