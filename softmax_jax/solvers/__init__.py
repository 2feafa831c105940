"""Solvers: one algorithm per file, each a frozen record with pure `init` and `step`."""

from softmax_jax.solvers.gradient_descent import SGD
from softmax_jax.solvers.lbfgs import LBFGS
from softmax_jax.solvers.newton import Newton
from softmax_jax.solvers.newton_cg import NewtonCG

__all__ = ["LBFGS", "SGD", "Newton", "NewtonCG"]
