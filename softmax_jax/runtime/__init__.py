"""What every function that runs on the host has in common.

settings  none of the user's JAX settings changes a result
traced    a traced value is refused by name
forks     a forked process is refused before it hangs
meshes    arrays on a mesh with explicit axes are computed with automatic ones
"""
