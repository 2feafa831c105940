"""Where the data lie: which devices, how much at a time, sharded how.

place        checked data onto devices, as the one problem that all else works on
shards       rows of host arrays onto one device or over a mesh, with padding
platforms    what the platform decides, by where the data lie
padding      small tables are padded to few sizes, so that they share compiled programs
offsets      columns far from zero beside their spread are shifted, exactly
products     products with X in float64, outside of any problem
span         where rows are fewer than features: the problem in the span of the rows, exactly
devices      which devices a fit runs on
memory       how much memory is free, and what is said when it is not enough
budget       by blocks of rows where logits are large, by smaller ones where memory runs out
compilation  how much a program is optimised
sharding     a compiled function of a problem, mapped over the devices that share its rows
"""
