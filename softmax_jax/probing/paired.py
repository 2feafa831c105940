"""Do two models differ on the same test rows? The difference of their accuracies, with an interval, and McNemar's test.

With d_i = 1, 0, -1 where only the first is right on row i, both or neither, only the second, the difference is mean d.
The interval is that of the bootstrap over rows; as d has few values, a draw of n rows is a draw of their counts. Where
a row was tested several times, under several seeds, its tests are drawn together.

References:
  Efron, Tibshirani, An introduction to the bootstrap, 1993, chapter 13 (percentile intervals).
  Dietterich, Approximate statistical tests for comparing supervised classification learning algorithms, 1998.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from softmax_jax.runtime.fields import with_documented_fields

LEVEL = 0.95
_DRAWS = 10_000


@with_documented_fields
class Difference(NamedTuple):
    """How much better the first model is on the test rows.

    Attributes:
      first: its name.
      second: name of the other.
      difference: of the accuracies, first less second.
      low: lower end of the 95 % interval.
      high: upper end.
      p_value: of McNemar's exact test that neither is better; NaN where rows were tested more than once.
    """

    first: str
    second: str
    difference: float
    low: float
    high: float
    p_value: float

    def words(self) -> str:
        """The numbers in a line."""
        test = "" if np.isnan(self.p_value) else f", McNemar p = {self.p_value:.2g}"
        return f"{self.difference:+.4f}, 95 % interval {self.low:+.4f} to {self.high:+.4f}{test}"


def difference(names: tuple[str, str], first: np.ndarray, second: np.ndarray, seed: int = 0) -> Difference:
    """The difference of two models.

    Args:
      names: of both.
      first: (S, n) 1 where the first model is right on a row under a seed, 0 where not, NaN where it was not tested.
      second: (S, n) the same of the other.
      seed: of the draws.

    Raises:
      ValueError: no row was tested by both.
    """
    each = first - second
    tested = np.isfinite(each).any(axis=0)
    if not tested.any():
        raise ValueError(f"{names[0]} and {names[1]} have no test row in common.")
    d, times = np.nansum(each[:, tested], axis=0), np.isfinite(each[:, tested]).sum(axis=0)
    low, high = interval(d, times, seed)
    p = mcnemar(int((d > 0).sum()), int((d < 0).sum())) if times.max() == 1 else float("nan")
    return Difference(*names, float(d.sum() / times.sum()), low, high, p)


def interval(sums: np.ndarray, times: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """The 95 % percentile interval of the mean over all tests, by the bootstrap over rows.

    Args:
      sums: (n,) of the differences of each row over its tests; few are distinct.
      times: (n,) how often it was tested, at least once.
      seed: of the draws.
    """
    distinct, counts = np.unique(np.stack([sums, times]), axis=1, return_counts=True)
    draws = np.random.default_rng(seed).multinomial(len(sums), counts / len(sums), _DRAWS)
    means = draws @ distinct[0] / (draws @ distinct[1])
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def mcnemar(only_first: int, only_second: int) -> float:
    """The two-sided p-value of McNemar's exact test.

    Args:
      only_first: rows on which the first model alone is right.
      only_second: rows on which the second alone is.
    """
    from scipy.stats import binomtest

    n = only_first + only_second
    return float(binomtest(only_first, n, 0.5).pvalue) if n else 1.0
