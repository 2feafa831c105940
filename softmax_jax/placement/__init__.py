"""Where the data lie: which devices, how much at a time, sharded how.

devices   which devices a fit runs on
memory    how much memory is free, and what is said when it is not enough
budget    by blocks of rows where logits are large, by smaller ones where memory runs out
shards    rows of host arrays onto one device or over a mesh, with padding
sharding  a compiled function of a problem, mapped over the devices that share its rows
offsets   columns far from zero beside their spread are shifted, exactly
"""
