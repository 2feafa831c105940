"""Which devices a fit runs on, and which requests are refused."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

import softmax_jax as sj
from softmax_jax.data.rows.opening import open_rows
from softmax_jax.placement.devices import mesh_of, mesh_under, place_for

X = np.zeros((16, 4), np.float32)
Y = np.arange(16) % 3


def test_a_cpu_computes_on_one_device_unless_more_are_asked_for():
    assert place_for(None, X.shape, 3) is None


def test_a_number_a_list_and_a_mesh_of_the_same_devices_agree():
    devices = jax.devices()[:4]
    asked = [4, devices, tuple(devices), np.array(devices), Mesh(np.array(devices), ("rows",))]
    assert all(mesh_of(a) == mesh_of(4) for a in asked)
    assert mesh_of(4).devices.tolist() == devices


def test_one_device_is_that_device_however_it_is_said():
    device = jax.devices()[3]
    assert mesh_of(device) is mesh_of([device]) is mesh_of(Mesh(np.array([device]), ("a",))) is device
    assert mesh_of(1) is jax.devices()[0]


@pytest.mark.parametrize(
    ("devices", "words"),
    [
        (0, "between 1 and the 8 present, got 0"),
        (9, "between 1 and the 8 present, got 9"),
        (True, "devices must be None, a number"),
        ("gpu", "devices must be None, a number"),
        ([], "devices must be None, a number"),
        ([0, 1], "devices must be None, a number"),
        (2.0, "devices must be None, a number"),
    ],
)
def test_devices_that_are_none_are_refused_by_fit(devices, words):
    with pytest.raises(ValueError, match=words):
        sj.fit(X, Y, devices=devices)


def test_a_device_twice_and_a_mesh_of_three_axes_are_refused():
    with pytest.raises(ValueError, match="different ones"):
        mesh_of([jax.devices()[0]] * 2)
    with pytest.raises(ValueError, match="one axis .rows. or two"):
        mesh_of(Mesh(np.array(jax.devices()).reshape(2, 2, 2), ("a", "b", "c")))


def test_gradient_descent_on_several_devices_and_classes_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="SGD. runs on one device, got 8"):
        sj.fit(X, Y, devices=8, solver=sj.SGD())
    with pytest.raises(ValueError, match="divide the number of classes, got 2 and 3"):
        sj.fit(X, Y, devices=jax.make_mesh((4, 2), ("a", "b")))


def test_the_mesh_under_an_array_has_its_devices_in_the_order_of_its_rows():
    devices = np.array(jax.devices())
    mesh = Mesh(devices.reshape(2, 4), ("a", "b"))
    along_both = jax.device_put(X, NamedSharding(mesh, P(("b", "a"))))
    assert mesh_under(along_both).devices.tolist() == devices.reshape(2, 4).T.ravel().tolist()
    for spec in [P(), P("a"), P(None, "b"), P("a", "b")]:  # whole, copied, or cut along features
        assert mesh_under(jax.device_put(X, NamedSharding(mesh, spec))) is None
    assert mesh_under(jax.device_put(X, devices[1])) is None


def test_rows_that_are_read_by_blocks_go_through_one_device():
    source = open_rows(lambda: iter([X]))
    assert place_for(None, source.shape, 3, by_blocks=True) is None
    with pytest.raises(ValueError, match="read by blocks goes through one device, got 8"):
        sj.fit(source, Y, devices=8)
