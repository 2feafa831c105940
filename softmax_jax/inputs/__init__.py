"""Array-likes to NumPy or CSR, checked once, on the host; errors name the argument, what was expected and what came.

conversion    what an array-like is, and as which NumPy array it is taken
paths         a path where an array belongs
frames        data frames by columns
objects       arrays of objects by one sum; bad cells are looked for after a failure
sparse_input  SciPy's sparse matrices, rows compressed
foreign       tensors of torch, columns of lists in Arrow, polars and datasets
features      a finite floating matrix
labels        of one kind, none missing
targets       labels as class indices, soft targets as distributions
quantities    numbers and weights
checks        the rules of these four under one name
samples       checked features, targets and weights in one record
class_weight  a weight for each class, as scikit-learn has it
pairing       columns of two tables are paired by name
"""
