"""The certificate: a proven upper bound on J - J*, from the Fenchel dual.

dual       the parts that do not depend on how rows are held
bound      the bound in memory, and `duality_gap`
by_blocks  the same where no logits are stored
"""

from softmax_jax.certificate.bound import duality_gap

__all__ = ["duality_gap"]
