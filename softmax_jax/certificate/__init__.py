"""The certificate: a proven upper bound on J - J*, from the Fenchel dual.

dual       the parts that do not depend on how rows are held
scaling    how far the dual point is taken towards the targets
bound      the bound at parameters, in one pass
screening  which weights are zero at every optimum, where there is l1
gap        `duality_gap`
"""

from softmax_jax.certificate.gap import duality_gap

__all__ = ["duality_gap"]
