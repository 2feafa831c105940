"""What every function that runs on the host has in common.

host    no traced values, no settings of the user's inside
forks   a forked process is refused before it hangs
fields  the fields of a record have docstrings of their own
meshes  arrays on a mesh with explicit axes are computed with automatic ones
tensors tensors of torch are read as arrays, where they are
"""
