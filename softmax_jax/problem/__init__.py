"""J over rows, however they are held, and the passes over them that a solver may ask for.

problem      the passes, by name, over a record of rows
rows         what it asks of that record
device_rows  rows in device memory: with all logits stored, or by blocks
streamed     rows that are read by blocks from where X is stored, anew in each pass
blocks       what a block is, how large, how what is found of each adds up
prefetch     the next block is read while the device computes with the last
features     X in device memory, and the products with it
sparse       the same products where most of X is zero
logits       what is done to class-major logits (k, N)
tiles        how much is worked on at a time: blocks that stay in a CPU's cache, or all that an accelerator fuses
hessian      the dense Hessian
cholesky     factors of small matrices, and what is solved with them
collectives  what devices that share the rows sum and decide together
sampling     which rows a sample takes: at random within strata
"""
