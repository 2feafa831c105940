"""Features that stay where they are stored, read once a pass.

source    what a source of rows is
npy       rows of a .npy file or a memory map
parquet   rows of Parquet files
arrow     from Arrow's batches to matrices
datasets  rows of a Hugging Face Dataset
tensors   rows of a tensor in a safetensors file
shards    several sources as one
iterable  rows from blocks that the user's code yields
views     rows chosen or changed while they are read
reading   rows of a matrix or a source, by blocks or by index
opening   from a path, a function or an object to a source
"""
