"""All experiments, one after the other, as `make experiments` does: python experiments/run_all.py [--full] [name ...].

As they come they are of sizes for two cores; of the race only its smallest problem is run again, and the
others' recorded times are kept. With --full every problem and the sizes for accelerators.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
RUNS: dict[str, tuple[list[str], list[str]]] = {  # name, a mode of it behind a space -> arguments, and with --full
    "worked_example": ([], []),
    "gradient_comparison": ([], []),
    "early_stopping": ([], ["--full"]),
    "penalty_conventions": ([], ["--full"]),
    "precision": ([], ["--full"]),
    "sparse_text": ([], []),
    "sparse_race": (["text"], []),
    "sparse_probe": ([], []),
    "passes": ([], []),
    "product_precision": (["digits"], []),
    "first_fit": ([], []),
    "solver_race": (["digits"], []),
    "sweep_race": (["digits"], []),
    "linear_probe": (["mnist"], ["--full"]),
    "scaling": ([], ["--full"]),
    "accelerator": ([], ["--full"]),
    "accelerator plan": (["--plan"], ["--plan"]),
    "accelerator race": (["--race"], ["--race", "--full"]),
}


def main() -> int:
    """Run them; 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*RUNS, []], help="only these", metavar="name")
    parser.add_argument("--full", action="store_true", help="every problem, sizes for accelerators")
    chosen = parser.parse_args()
    failed = []
    for name in chosen.names or RUNS:
        print(f"== {name}", flush=True)
        start = time.perf_counter()
        command = [sys.executable, str(HERE / f"{name.split()[0]}.py"), *RUNS[name][chosen.full]]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
        print(f"== {name}: {time.perf_counter() - start:.0f} s\n", flush=True)
    print(f"failed: {', '.join(failed)}" if failed else "all done")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
