"""Others' penalties to and from `l1` and `l2`: exact conversions, and errors that explain where there is none.

l2       squared penalties
sparse   L1, elastic net and whole features
refused  penalties that have no equal here
checks   the numbers that conversions take

Inside this library J = (1/n) sum_i s_i H(T_i, O_i) + l2/2 ||W||^2, with mean(s) = 1, a column of W per class and a free
bias; a sparse fit adds l1 Omega(W), Omega = sum |W_ij|, or the sum of the norms of W's rows for group="features".

| there | functions |
|---|---|
| scikit-learn's C and l1_ratio | `l2_from_sklearn_c`, `penalties_from_sklearn_c` |
| cuML's C and l1_ratio | `l2_from_cuml_c`, `penalties_from_cuml_c` |
| glmnet's lambda and alpha, Spark's regParam and elasticNetParam | `penalties_from_glmnet_lambda` |
| adelie's lambda and alpha | `penalties_from_adelie_lambda` |
| a sum of losses (CLIP) | `l2_from_sum_lambda` |
| a sum of losses, the squares not halved (Kornblith et al.) | `l2_from_unhalved_sum_lambda` |
| a mean of losses (cyanure, elk, torch's weight_decay) | `l2_from_mean_lambda` |

Each has an inverse, and takes a number or an array of them, and returns the same.
"""

from softmax_jax.conventions.l2 import (
    cuml_c_from_l2,
    l2_from_cuml_c,
    l2_from_mean_lambda,
    l2_from_sklearn_c,
    l2_from_sum_lambda,
    l2_from_unhalved_sum_lambda,
    mean_lambda_from_l2,
    sklearn_c_from_l2,
    sum_lambda_from_l2,
    unhalved_sum_lambda_from_l2,
)
from softmax_jax.conventions.refused import (
    NotConvertibleError,
    l2_from_decoupled_weight_decay,
    l2_from_penalised_bias,
    l2_from_unsquared_norm,
)
from softmax_jax.conventions.sparse import (
    adelie_lambda_from_penalties,
    cuml_c_from_penalties,
    glmnet_lambda_from_penalties,
    penalties_from_adelie_lambda,
    penalties_from_cuml_c,
    penalties_from_glmnet_lambda,
    penalties_from_sklearn_c,
    sklearn_c_from_penalties,
)

__all__ = [
    "NotConvertibleError",
    "adelie_lambda_from_penalties",
    "cuml_c_from_l2",
    "cuml_c_from_penalties",
    "glmnet_lambda_from_penalties",
    "l2_from_cuml_c",
    "l2_from_decoupled_weight_decay",
    "l2_from_mean_lambda",
    "l2_from_penalised_bias",
    "l2_from_sklearn_c",
    "l2_from_sum_lambda",
    "l2_from_unhalved_sum_lambda",
    "l2_from_unsquared_norm",
    "mean_lambda_from_l2",
    "penalties_from_adelie_lambda",
    "penalties_from_cuml_c",
    "penalties_from_glmnet_lambda",
    "penalties_from_sklearn_c",
    "sklearn_c_from_l2",
    "sklearn_c_from_penalties",
    "sum_lambda_from_l2",
    "unhalved_sum_lambda_from_l2",
]
