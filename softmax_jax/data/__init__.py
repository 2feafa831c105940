"""Reading data: named sets of scikit-learn; CSV, TSV, Parquet, NumPy and IDX files; rows larger than memory."""

from softmax_jax.data.arrays import read_arrays, read_labels
from softmax_jax.data.dataset import Dataset, Features
from softmax_jax.data.idx import read_idx, read_images
from softmax_jax.data.loading import load_data, load_features
from softmax_jax.data.named import NAMES, load_named
from softmax_jax.data.npy import read_npy
from softmax_jax.data.parquet import read_parquet
from softmax_jax.data.rows.opening import open_rows
from softmax_jax.data.rows.source import RowSource
from softmax_jax.data.tables import read_table

__all__ = [
    "NAMES",
    "Dataset",
    "Features",
    "RowSource",
    "load_data",
    "load_features",
    "load_named",
    "open_rows",
    "read_arrays",
    "read_idx",
    "read_images",
    "read_labels",
    "read_npy",
    "read_parquet",
    "read_table",
]
