"""`fit_distributed`: each process has rows of its own, all get the same result.

fitting      the fit over processes
agreement    what several processes have must be alike: all raise the same error, or none
stopping     a signal, a callback or an error on one process stops all after the same chunk
checkpoints  process 0 keeps the checkpoints of all; what fails there fails on all
row_hashes   a fingerprint of rows that depends neither on their order nor on which process has which
"""

from softmax_jax.distributed.agreement import together
from softmax_jax.distributed.fitting import fit_distributed, initialise, read_shards

__all__ = ["fit_distributed", "initialise", "read_shards", "together"]
