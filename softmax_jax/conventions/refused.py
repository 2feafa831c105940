"""Penalties that have no l2: errors that explain why, and what to do instead."""

from __future__ import annotations

from typing import Any, NoReturn


class NotConvertibleError(ValueError):
    """The other objective has no equal in J, whatever l2."""


def l2_from_decoupled_weight_decay(*_: Any, **__: Any) -> NoReturn:
    """Raise NotConvertibleError: AdamW's decay is not the gradient of a penalty."""
    raise NotConvertibleError(
        "Decoupled weight decay (AdamW) has no l2: it shrinks W by eta times the decay beside an adaptive "
        "step, so where it comes to rest depends on the optimiser's scaling of each gradient, on the "
        "learning rate and on when training stops. It minimises no objective of the form loss + l2/2 "
        "||W||^2. Tune l2 on validation data instead; coupled decay (torch.optim.SGD, Adam) converts by "
        "l2_from_mean_lambda."
    )


def l2_from_penalised_bias(*_: Any, **__: Any) -> NoReturn:
    """Raise NotConvertibleError: here the bias is never penalised."""
    raise NotConvertibleError(
        "A penalised bias has no l2: J leaves b free, and no strength on W alone makes up for a penalty on "
        "b. The same problem can be stated: append a column of ones to X and fit with fit_intercept=False, "
        "so that the last row of W is the bias, and convert the strength as for W. liblinear in scikit-"
        "learn penalises the bias (the column is its intercept_scaling) and fits one class against the "
        "rest: use another solver there."
    )


def l2_from_unsquared_norm(*_: Any, **__: Any) -> NoReturn:
    """Raise NotConvertibleError: a penalty on ||W|| bends otherwise than one on its square."""
    raise NotConvertibleError(
        "A penalty lambda ||W|| (norm not squared) has no l2 that is known before the fit: its gradient is "
        "lambda W / ||W||, that of l2/2 ||W||^2 is l2 W, so the two optima agree at l2 = lambda / ||W*||, "
        "which depends on the solution W*, and where lambda is large W* = 0, which no finite l2 gives. "
        "Search for the l2 whose optimum satisfies l2 ||W*|| = lambda."
    )
