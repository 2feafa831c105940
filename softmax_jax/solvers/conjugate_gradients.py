"""Preconditioned conjugate gradients for A x = b on Params, A symmetric positive on the space that b lies in.

Started at zero, b . (x* - x_i) is the squared error of x_i in the norm of A: quadratic forms b . A^-1 b
come out with twice the digits of x. The stop test r . M r <= tol^2 b . M b measures that same error as far
as the preconditioner M resembles A^-1, whatever the scale of the unknowns.

References:
  Nocedal, Wright, Numerical Optimization, 2nd ed. 2006, algorithm 5.3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from softmax_jax.model import Params
from softmax_jax.solvers.vectors import add_scaled, dot


def conjugate_gradients(
    product: Callable[[Params], Params],
    preconditioned: Callable[[Params], Params],
    b: Params,
    *,
    tol: float,
    max_products: int,
    while_loop: Callable[..., Any] = lax.while_loop,
) -> tuple[Params, Any, Any]:
    """Solve A x = b; traceable.

    Args:
      product: x -> A x.
      preconditioned: r -> M r, with M symmetric positive and close to A^-1.
      b: the right-hand side.
      tol: relative error in the energy norm at which to stop.
      max_products: most products with A.
      while_loop: that of a problem, where products are passes over its data.

    Returns:
      (x, products, solved): the solution, the products spent, and whether the stop test was met. A direction
      along which A is not positive ends the loop unsolved, with the last good x.
    """

    def unfinished(carry: tuple) -> Any:
        i, _, _, _, rz, good = carry
        return (i < max_products) & good & (rz > tol**2 * rz0)

    def iterate(carry: tuple) -> tuple:
        i, x, r, p, rz, _ = carry
        Ap = product(p)
        pAp = dot(p, Ap)
        good = (pAp > 0) & jnp.isfinite(pAp)
        a = jnp.where(good, rz / pAp, 0)
        x, r = add_scaled(x, a, p), add_scaled(r, -a, Ap)
        z = preconditioned(r)
        new_rz = jnp.where(good, dot(r, z), rz)
        return i + 1, x, r, add_scaled(z, new_rz / rz, p), new_rz, good

    z0 = preconditioned(b)
    rz0 = dot(b, z0)
    zero = jax.tree.map(jnp.zeros_like, b)
    start = (jnp.zeros((), jnp.int32), zero, b, z0, rz0, jnp.array(True))
    products, x, _, _, rz, good = while_loop(unfinished, iterate, start)
    return x, products, good & (rz <= tol**2 * rz0)
