"""Reading data: the named sets of scikit-learn, CSV and TSV tables, IDX images; sources of rows larger than memory."""

from softmax_jax.data.dataset import Dataset
from softmax_jax.data.idx import read_idx, read_images
from softmax_jax.data.loading import load_data
from softmax_jax.data.named import NAMES, load_named
from softmax_jax.data.row_sources import open_rows
from softmax_jax.data.rows import RowSource
from softmax_jax.data.tables import read_table

__all__ = [
    "NAMES",
    "Dataset",
    "RowSource",
    "load_data",
    "load_named",
    "open_rows",
    "read_idx",
    "read_images",
    "read_table",
]
