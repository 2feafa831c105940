"""The plan of a fit on a device: kernels counted in a program by hand, and what they take."""

from __future__ import annotations

import pytest
from compiled_kernels import kernels
from device_model import DEVICES, Device, Kernel, Precision, device_of, precision_on, work
from device_programs import Shape
from plan import memory_bytes, pass_kernels, step_kernels

ROUND = Device(1e12, 0, 0, 0, 1e11, 1e9, 1e10, launch_s=1e-6)
ALL = Precision("float32", 1, 1.0)

PROGRAM = """
HloModule by_hand

%sliced (p0: f32[20,8,4], p1: s32[]) -> f32[1,8,4] {
  %p0 = f32[20,8,4]{2,1,0} parameter(0)
  %p1 = s32[] parameter(1)
  %zero = s32[] constant(0)
  ROOT %slice = f32[1,8,4]{2,1,0} dynamic-slice(%p0, %p1, %zero, %zero), dynamic_slice_sizes={1,8,4}
}

%turn (t: (s32[], f32[20,8,4])) -> (s32[], f32[20,8,4]) {
  %t = (s32[], f32[20,8,4]{2,1,0}) parameter(0)
  %i = s32[] get-tuple-element(%t), index=0
  %s = f32[20,8,4]{2,1,0} get-tuple-element(%t), index=1
  %one = f32[1,8,4]{2,1,0} fusion(%s, %i), kind=kLoop, calls=%sliced
  ROOT %next = (s32[], f32[20,8,4]{2,1,0}) tuple(%i, %s)
}

%on (t: (s32[], f32[20,8,4])) -> pred[] {
  %t = (s32[], f32[20,8,4]{2,1,0}) parameter(0)
  ROOT %yes = pred[] constant(true)
}

%below (t: (s32[], f32[20,8,4])) -> pred[] {
  %t = (s32[], f32[20,8,4]{2,1,0}) parameter(0)
  %n = s32[] constant(5)
  %i = s32[] get-tuple-element(%t), index=0
  ROOT %less = pred[] compare(%i, %n), direction=LT
}

ENTRY %main (W: f32[8,4], X: bf16[16,8], S: f32[20,8,4], i: s32[]) -> f32[4,16] {
  %W = f32[8,4]{1,0} parameter(0)
  %X = bf16[16,8]{1,0} parameter(1)
  %S = f32[20,8,4]{2,1,0:T(8,128)} parameter(2)
  %i = s32[] parameter(3)
  %start = (s32[], /*index=1*/f32[20,8,4]{2,1,0}) tuple(%i, %S)
  %twenty = (s32[], f32[20,8,4]{2,1,0}) while(%start), condition=%on, body=%turn, known_trip_count={"n":"20"}
  %five = (s32[], f32[20,8,4]{2,1,0}) while(%start), condition=%below, body=%turn
  %search = (s32[], f32[20,8,4]{2,1,0}) while(%start), condition=%on, body=%turn
  %sum = f32[8,4]{1,0} all-reduce(%W), to_apply=%on
  ROOT %Z = f32[4,16]{1,0} dot(%sum, %X), lhs_contracting_dims={0}, rhs_contracting_dims={1}
}
"""


def test_a_program_is_counted_as_by_hand():
    found = {k.name: k for k in kernels(PROGRAM, lambda depth: 3.0)}
    assert set(found) == {"one", "less", "sum", "Z"}
    assert found["Z"] == Kernel("Z", 2 * 4 * 16 * 8, 4 * 8 * 4 + 2 * 16 * 8 + 4 * 4 * 16)
    assert found["sum"] == Kernel("sum", 0, 4 * 8 * 4, is_collective=True)
    slices = [k for k in kernels(PROGRAM, lambda depth: 3.0) if k.name == "one"]
    assert [k.times for k in slices] == [20, 5, 3]
    assert slices[0].bytes == 4 + 2 * 4 * 8 * 4  # the index, and one slot of twenty, read and written


def test_a_pass_is_4_nmk_and_its_bytes_are_those_of_its_arrays():
    shape = Shape(4096, 32, 8)
    found = work(pass_kernels(shape), ROUND, ALL)
    X, Z, W = 4 * 4096 * 32, 4 * 4096 * 8, 4 * 32 * 8
    assert found.flops == 4 * 4096 * 32 * 8
    assert found.bytes == 2 * X + 6 * Z + 2 * W
    assert memory_bytes(shape) == X + 48 * W + 4 * Z


def test_blocks_repeat_a_pass_and_devices_share_it():
    whole, blocks, shared = (work(pass_kernels(Shape(4096, 32, 8, **more)), ROUND, ALL, 4) for more in (
        {}, {"rows": 1024}, {"devices": 4}
    ))  # fmt: skip
    assert blocks.flops == whole.flops == 4 * shared.flops
    assert blocks.launches == 4 * 6 + 9 and whole.launches == 5 + 9
    assert (whole.collectives, shared.collectives) == (0, 1)
    assert work(step_kernels(Shape(4096, 32, 8)), ROUND, ALL).flops == whole.flops + 4 * 2 * 32 * 32 * 8


@pytest.mark.parametrize(
    ("kernel", "seconds", "binds"),
    [
        (Kernel("product", 1e9, 1e6), 1e-3, "products"),
        (Kernel("read", 1e6, 1e9), 1e-2, "memory"),
        (Kernel("scalar", 0, 4, times=7), 7e-6, "launches"),
        (Kernel("sum", 0, 1e8, is_collective=True), 2 * 3 / 4 * 1e-2, "collectives"),
    ],
)
def test_a_kernel_takes_as_long_as_the_slowest_of_its_needs(kernel, seconds, binds):
    found = work([kernel], ROUND, ALL, devices=4)
    assert found.seconds == pytest.approx(seconds) and found.binds == binds


def test_a_pass_on_an_h100_is_near_what_was_measured_there():
    device = DEVICES[device_of("NVIDIA H100 80GB HBM3")]
    found = work(pass_kernels(Shape(1_281_167, 1024, 1000)), device, precision_on(device, "float32"))
    assert found.seconds == pytest.approx(0.123, rel=0.1)  # measured; the plan's share of the peak is from its products
    assert device_of("TPU v5 lite") == "TPU v5e" and device_of("cpu") is None
