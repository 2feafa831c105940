"""Files that are whole or absent, and the state of a computation in them.

atomic        a file is the old one or the new one, whatever stops the writing
container     texts and tensors in one safetensors file with a checksum
checkpoints   a directory of states: the last two kept, one process at a time
fingerprints  what identifies data and settings, in every process alike
saving        when a state is saved, and what a fit asks of whoever keeps it
before        how far and how long the runs before came
signals       what Ctrl-C and SIGTERM do meanwhile
resuming      the session of a fit with its checkpoints, pytrees as named tensors
"""
