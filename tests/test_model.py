"""The model: numbers worked by hand, stability, refused input, and JAX's transformations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import DTYPES, make_case, reference_logits, reference_output

from softmax_jax.model import Params, init_params, net_input, one_hot_encode, softmax, to_classlabel

X = np.array([[0.1, 0.5], [1.1, 2.3], [-1.1, -2.3], [-1.5, -2.5]])
PARAMS = Params(np.array([[0.1, 0.2, 0.3], [0.1, 0.2, 0.3]]), np.array([0.01, 0.1, 0.1]))
Z = [[0.07, 0.22, 0.28], [0.35, 0.78, 1.12], [-0.33, -0.58, -0.92], [-0.39, -0.7, -1.1]]
O = [
    [0.29450637, 0.34216758, 0.36332605],
    [0.21290077, 0.32728332, 0.45981591],
    [0.42860913, 0.33380113, 0.23758974],
    [0.44941979, 0.32962558, 0.22095463],
]


def test_the_net_input_of_the_textbook_example_is_as_worked_by_hand():
    np.testing.assert_allclose(net_input(PARAMS, X), Z, rtol=0, atol=1e-15)


def test_the_output_of_the_textbook_example_is_as_worked_by_hand():
    np.testing.assert_allclose(softmax(net_input(PARAMS, X)), O, rtol=0, atol=5e-9)


def test_the_labels_of_the_textbook_example_are_as_worked_by_hand():
    np.testing.assert_array_equal(to_classlabel(softmax(net_input(PARAMS, X))), [2, 2, 0, 0])


def test_the_targets_of_the_textbook_example_have_one_one_in_each_row():
    np.testing.assert_array_equal(one_hot_encode(np.array([0, 1, 2, 2])), [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_net_input_and_softmax_agree_with_extended_precision(dtype):
    case = make_case(n=50, m=30, k=7, dtype=dtype)
    tolerance = 100 * np.finfo(dtype).eps
    Z = net_input(case.params, case.X)
    assert Z.dtype == dtype
    np.testing.assert_allclose(Z, reference_logits(case).astype(float), rtol=0, atol=tolerance)
    np.testing.assert_allclose(softmax(Z), reference_output(case).astype(float), rtol=0, atol=tolerance)


@pytest.mark.parametrize("size", [1e4, 1e30, 1e38])
def test_softmax_of_huge_logits_is_finite_and_sums_to_one(size):
    O = np.asarray(softmax(np.array([[size, -size, 0], [-size, -size, -size]], np.float32)))
    np.testing.assert_allclose(O, [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]], atol=1e-7)


def test_softmax_does_not_change_when_all_logits_of_a_row_shift():
    Z = np.random.default_rng(1).standard_normal((6, 4))
    np.testing.assert_allclose(softmax(Z + 1000.0), softmax(Z), atol=1e-12)


def test_one_class_has_probability_one():
    np.testing.assert_array_equal(softmax(np.array([[3.0], [-1e30]])), [[1.0], [1.0]])


def test_the_first_of_equal_outputs_is_the_label():
    np.testing.assert_array_equal(to_classlabel(np.array([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4]])), [0, 1])


@pytest.mark.parametrize("dtype", [np.float16, jnp.bfloat16, np.int64, np.uint8, bool])
def test_narrow_and_integer_features_are_accumulated_in_float32(dtype):
    ones = np.ones((1, 70_000), dtype)
    Z = net_input(Params(np.ones((70_000, 2), np.float32), np.zeros(2, np.float32)), ones)
    assert Z.dtype == np.float32
    np.testing.assert_array_equal(Z, [[70_000, 70_000]])


def test_half_precision_params_are_accumulated_in_float32():
    params = Params(np.ones((70_000, 2), np.float16), np.zeros(2, np.float16))
    np.testing.assert_array_equal(net_input(params, np.ones((1, 70_000), np.float16)), [[70_000, 70_000]])


def test_normal_initialisation_depends_on_the_seed_alone():
    first, again, other = init_params(6, 4, 7), init_params(6, 4, 7), init_params(6, 4, 8)
    np.testing.assert_array_equal(first.W, again.W)
    assert not np.array_equal(first.W, other.W)
    assert first.W.shape == (6, 4) and first.b.shape == (4,)


def test_initial_weights_are_standard_normal_and_initial_biases_zero():
    params = init_params(200, 100, 0)
    assert abs(params.W.mean()) < 0.03 and abs(params.W.std() - 1) < 0.03
    assert not params.b.any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_initialisation_has_the_dtype_asked_for_and_may_be_zero(dtype):
    params = init_params(3, 2, zeros=True, dtype=dtype)
    assert params.W.dtype == params.b.dtype == dtype
    assert not params.W.any() and not params.b.any()


@pytest.mark.parametrize(("m", "k"), [(0, 3), (3, 0), (-1, 2)])
def test_initialisation_without_features_or_classes_is_refused(m, k):
    with pytest.raises(ValueError, match=f"n_features and n_classes must be >= 1, got {m} and {k}"):
        init_params(m, k)


@pytest.mark.parametrize(
    ("y", "n_classes", "message"),
    [
        ([0, 1, -1], 3, r"class indices in \[0, 3\), got values from -1 to 1"),
        ([0, 1, 3], 3, r"class indices in \[0, 3\), got values from 0 to 3"),
        ([0.0, 1.7], None, "1-d array of integer class indices.*float64"),
        ([True, False], None, "1-d array of integer class indices.*bool"),
        ([[0], [1]], None, r"1-d array of integer class indices.*\(2, 1\)"),
        ([], None, "non-empty"),
        (["a", "b"], None, "1-d array of integer class indices"),
        ([2**40 + 1], 2, r"got values from 1099511627777"),
    ],
)
def test_labels_that_are_no_class_index_are_refused(y, n_classes, message):
    with pytest.raises(ValueError, match=message):
        one_hot_encode(np.array(y), n_classes)


def test_more_classes_than_labels_give_empty_columns():
    np.testing.assert_array_equal(one_hot_encode(np.array([1], np.uint8), 3), [[0, 1, 0]])


def test_under_jit_a_bad_label_poisons_its_row_and_is_never_taken_for_another_class():
    T = np.asarray(jax.jit(lambda y: one_hot_encode(y, 3))(np.array([0, -1, 3, 2])))
    np.testing.assert_array_equal(T, [[1, 0, 0], [np.nan] * 3, [np.nan] * 3, [0, 0, 1]])


def test_under_jit_the_number_of_classes_must_be_given():
    with pytest.raises(ValueError, match="n_classes must be given where y is traced"):
        jax.jit(one_hot_encode)(np.array([0, 1]))


@pytest.mark.parametrize(
    ("X", "W", "b", "message"),
    [
        ((5, 4), (3, 2), (2,), r"same m, got X of shape \(5, 4\), W \(3, 2\)"),
        ((4,), (4, 2), (2,), r"X must be \(n, m\)"),
        ((5, 4, 1), (4, 2), (2,), r"X must be \(n, m\)"),
        ((5, 4), (4,), (2,), r"W \(m, k\)"),
        ((5, 4), (4, 2), (3,), r"b must have shape \(2,\) to match W \(4, 2\), got \(3,\)"),
        ((5, 4), (4, 2), (1, 2), r"b must have shape \(2,\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused_by_name(X, W, b, message):
    with pytest.raises(ValueError, match=message):
        net_input(Params(np.ones(W), np.ones(b)), np.ones(X))


def test_the_model_can_be_compiled_mapped_and_differentiated():
    case = make_case(dtype="float32")
    plain = softmax(net_input(case.params, case.X))

    def output(params, X):
        return softmax(net_input(params, X))

    np.testing.assert_allclose(jax.jit(output)(case.params, case.X), plain, atol=1e-6)
    stacked = jax.tree.map(lambda p: np.stack([p, 2 * p]), case.params)
    mapped = jax.vmap(output, in_axes=(0, None))(stacked, case.X)
    np.testing.assert_allclose(mapped[0], plain, atol=1e-6)
    jacobian = jax.jacobian(output)(case.params, case.X)
    O = np.asarray(plain)
    expected = O[:, :, None] * (np.eye(3) - O[:, None, :])  # dO_j / db_l = O_j (delta_jl - O_l)
    np.testing.assert_allclose(jacobian.b, expected, atol=1e-6)
    labels = jax.vmap(lambda Z: to_classlabel(Z))(jnp.stack([plain, -plain]))
    np.testing.assert_array_equal(labels[1], np.argmin(O, axis=1))
    many = jax.vmap(lambda y: one_hot_encode(y, 3))(np.array([[0, 1], [2, 2]]))
    np.testing.assert_array_equal(many, np.eye(3)[[[0, 1], [2, 2]]])
