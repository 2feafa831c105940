"""Protocols of linear probes as papers describe them: strengths, search, split and refit rule, each with its source.

A protocol counts its strengths in the convention of its source. Where that convention scales with the number of
samples, the same nominal strength is another l2 on the training rows than on training and validation rows together:
`Protocol.l2` converts for the rows at hand.

None of these sources standardises features; `linear_probe` does unless it is told `standardise=False`, which is what
it takes to follow a source to the letter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from softmax_jax.conventions import l2_from_cuml_c, l2_from_sum_lambda, l2_from_unhalved_sum_lambda
from softmax_jax.runtime.fields import with_documented_fields
from softmax_jax.runtime.host import in_numpy


@with_documented_fields
class Protocol(NamedTuple):
    """How a probe is tuned.

    Attributes:
      name: of the protocol.
      source: where it is described.
      strengths: (L,) nominal strengths in the convention of the source, ascending.
      convention: what these numbers mean: the name of one, a colon, and the objective that it is a part of.
      to_l2: (strengths, n_samples, n_classes) -> l2.
      coarse: indices into `strengths` at which a peak search starts; () where all strengths are tried.
      val_fraction: of the training rows, held out where there is no validation set.
      refit_on_all: whether the winner is fitted again on training and validation rows together.
      standardised: whether the source scales features to mean 0 and variance 1.
    """

    name: str
    source: str
    strengths: np.ndarray
    convention: str
    to_l2: Callable[[Any, float, int], Any]
    coarse: tuple[int, ...] = ()
    val_fraction: float = 0.1
    refit_on_all: bool = True
    standardised: bool = False

    @property
    def unit(self) -> str:
        """What the source calls a strength, such as lambda or C."""
        name, colon, _ = self.convention.partition(":")
        return name.split()[0] if colon and name else "strength"

    def l2(self, n_samples: int, n_classes: int) -> np.ndarray:
        """The strengths (L,) as l2 for fits on n_samples rows.

        Args:
          n_samples: rows that the fit is on; sum-scaled conventions give another l2 on another number.
          n_classes: k, at least 2; for two of them some conventions mean the binomial model.
        """
        return np.asarray(self.to_l2(self.strengths, n_samples, n_classes))


def clip() -> Protocol:
    """CLIP: lambda from 1e-6 to 1e6, 8 a decade, by a peak search; accuracy on validation; refit on both.

    The source takes features as they are: `linear_probe(..., standardise=False)`.

    The paper speaks of 96 steps. Eight a decade over twelve decades, both ends included, are 97 points; only
    those contain the seven values 1e-6, 1e-4, ..., 1e6 that its search starts from, and halve evenly between them.

    References:
      Radford et al., Learning transferable visual models from natural language supervision, 2021, appendix A.3.
    """
    return Protocol(
        name="clip",
        source="Radford et al. 2021, appendix A.3",
        strengths=np.logspace(-6, 6, 97),
        convention="lambda: sum of losses + lambda/2 ||W||^2",
        to_l2=lambda penalty, n, k: l2_from_sum_lambda(penalty, n, binomial=k == 2),
        coarse=tuple(range(0, 97, 16)),
    )


def dinov2() -> Protocol:
    """DINOv2: all of C = 10^linspace(-6, 5, 45); without a validation set 10 % of the training rows; refit on both.

    The source takes features as they are: `linear_probe(..., standardise=False)`.

    References:
      Oquab et al., DINOv2: Learning robust visual features without supervision, 2023; its code,
      dinov2/eval/log_regression.py.
    """
    return Protocol(
        name="dinov2",
        source="Oquab et al. 2023; dinov2/eval/log_regression.py",
        strengths=np.logspace(-6, 5, 45),
        convention="C of cuML: C sum of losses + 1/2 ||W||^2",
        to_l2=l2_from_cuml_c,
    )


def simclr() -> Protocol:
    """SimCLR's transfer evaluation: all of 45 strengths from 1e-6 to 1e5; validation accuracy; refit on both.

    The source takes features as they are: `linear_probe(..., standardise=False)`.

    References:
      Chen et al., A simple framework for contrastive learning of visual representations, 2020, appendix B.8.1;
      Kornblith, Shlens, Le, Do better ImageNet models transfer better?, 2019, for the objective.
    """
    return Protocol(
        name="simclr",
        source="Chen et al. 2020, appendix B.8.1; objective of Kornblith et al. 2019",
        strengths=np.logspace(-6, 5, 45),
        convention="lambda: sum of losses + lambda ||W||^2",
        to_l2=lambda penalty, n, k: l2_from_unhalved_sum_lambda(penalty, n, binomial=k == 2),
    )


@in_numpy
def grid(l2_values: Any) -> Protocol:
    """All of the strengths given, as l2 itself; a tenth held out where there is no validation set; refit on both.

    Args:
      l2_values: (L,) strengths > 0, all different, in any order.

    Raises:
      ValueError: none, or one that is not finite and above 0, or one twice.
    """
    strengths = np.sort(np.atleast_1d(np.asarray(l2_values, np.float64)))
    if strengths.ndim != 1 or not strengths.size or not (np.isfinite(strengths) & (strengths > 0)).all():
        raise ValueError(f"l2_values must be finite numbers above 0, got {l2_values!r}.")
    if (np.diff(strengths) == 0).any():
        raise ValueError(f"l2_values must all be different, got {strengths[1:][np.diff(strengths) == 0][0]:g} twice.")
    convention = "l2: mean of losses + l2/2 ||W||^2"
    return Protocol("grid", "values of your own", strengths, convention, _as_it_is, standardised=True)


def _as_it_is(strengths: Any, n: float, k: int) -> Any:
    return strengths


PRESETS = {"clip": clip, "dinov2": dinov2, "simclr": simclr}
