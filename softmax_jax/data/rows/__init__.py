"""Features that stay where they are stored, read once a pass.

source    what a source of rows is
npy       a .npy file
parquet   a Parquet file or folder
shards    several files as one
iterable  rows from a function of the user's
opening   from a path or an array-like to a source
"""
