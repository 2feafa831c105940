"""Reading data: sets of scikit-learn; CSV, TSV, Parquet, NumPy, safetensors and IDX files; rows larger than memory.

loading         the one door: from a name or a path to features and labels
dataset         what every reader returns
columns         which columns of a table are features, labels and weights
tables          CSV and TSV files
numerals        decimal and thousands signs in them
fields          how many fields their lines have
parquet         Parquet files into memory
parquet_schema  what a Parquet file holds
label_columns   which of its columns may be labels
arrays          .npz and .npy files and folders of them into memory
npy             the header of a .npy file
tensors         safetensors files into memory
idx             images and labels in the format of MNIST
named           the data sets of scikit-learn
labels          what labels are, however a file writes them
shards          the order of the files of a folder, and which labels belong to which
streaming       which files need not be read whole, and their rows
files           plain or gzip, and what may go wrong with a file
rows.opening    from a path, a function or an object to rows that are read by blocks
rows.source     what a source of rows is
rows.npy        rows of a .npy file or a memory map
rows.parquet    rows of Parquet files; in memory they are these, read whole
rows.arrow      from Arrow's batches to matrices
rows.datasets   rows of a Hugging Face Dataset
rows.tensors    rows of a tensor in a safetensors file
rows.shards     several sources as one
rows.iterable   rows from blocks that the user's code yields
rows.views      rows chosen or changed while they are read
rows.reading    rows of a matrix or a source, by blocks or by index
"""

from softmax_jax.data.arrays import read_arrays, read_labels
from softmax_jax.data.dataset import Dataset, Features
from softmax_jax.data.idx import read_idx, read_images
from softmax_jax.data.loading import load_data, load_features, load_labelled
from softmax_jax.data.named import NAMES, load_named
from softmax_jax.data.npy import read_npy
from softmax_jax.data.parquet import read_parquet
from softmax_jax.data.rows.opening import open_rows
from softmax_jax.data.rows.source import RowSource
from softmax_jax.data.tables import read_table
from softmax_jax.data.tensors import read_tensors

__all__ = [
    "NAMES",
    "Dataset",
    "Features",
    "RowSource",
    "load_data",
    "load_features",
    "load_labelled",
    "load_named",
    "open_rows",
    "read_arrays",
    "read_idx",
    "read_images",
    "read_labels",
    "read_npy",
    "read_parquet",
    "read_table",
    "read_tensors",
]
