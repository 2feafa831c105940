"""The certificate: a proven upper bound on J - J*, from the Fenchel dual.

dual   the parts that do not depend on how rows are held
bound  the bound at parameters, in one pass
gap    `duality_gap`
"""

from softmax_jax.certificate.gap import duality_gap

__all__ = ["duality_gap"]
