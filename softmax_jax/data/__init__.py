"""Reading data: the named sets of scikit-learn, CSV and TSV tables, IDX images."""

from softmax_jax.data.dataset import Dataset
from softmax_jax.data.idx import read_idx, read_images
from softmax_jax.data.loading import load_data
from softmax_jax.data.named import NAMES, load_named
from softmax_jax.data.tables import read_table

__all__ = ["NAMES", "Dataset", "load_data", "load_named", "read_idx", "read_images", "read_table"]
