"""J over rows, however they are held, and the passes over them that a solver may ask for.

problem      J on features in memory: the passes, by name
blocked      the same passes by blocks of rows
blocks       what a block is, how large, how the results of a kernel add up
streamed     the blocks of a blocked problem, from a source of rows
prefetch     the next block is read while the device computes with the last
features     X in device memory, and the products with it
sparse       the same products where most of X is zero
logits       what is done to class-major logits (k, N), in blocks that stay in cache
collectives  what devices that share the rows sum and decide together
sampling     which rows a sample takes: at random within strata
"""
