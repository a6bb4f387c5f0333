"""Group the events of torch.profiler by kind of work, with calls and seconds per step."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from common import four_digits

OPTIMIZER = "optimizer and average"
REST = "the rest"
#: Groups and parts of the names that belong to them, in small letters; the first that fits counts. On a GPU the forward
#: of a transposed convolution is the kernel of a gradient of the data, and counts as such.
NAMES = {
    OPTIMIZER: ("optimizer.", "_fused_adam", "fusedadam", "aten::_foreach_", "multi_tensor_apply", "aten::lerp_"),
    "convolutions backward": ("convolution_backward", "dgrad", "wgrad"),
    "convolutions forward": ("convolution", "conv2d", "conv_transpose", "fprop", "convolve", "winograd"),
    "normalisation": (
        *("batch_norm", "batchnorm", "bn_fw", "bn_bw", "group_norm", "groupnorm", "layer_norm", "layernorm"),
        *("instance_norm", "rowwisemoments", "welford"),
    ),
    "random numbers": (
        *("aten::rand", "aten::normal_", "aten::uniform_", "aten::bernoulli", "distribution_", "philox"),
    ),
    "casts and copies": (
        *("aten::copy_", "aten::_to_copy", "aten::clone", "aten::contiguous", "aten::cat", "copy_kernel", "catarray"),
        *("memcpy", "nchwtonhwc", "nhwctonchw"),
    ),
    "matrix products": (
        *("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm", "aten::matmul", "aten::linear", "_linear_pointwise"),
        *("gemm", "gemv", "splitk", "cublas", "nvjet", "cutlass"),
    ),
}
GROUPS = (*NAMES, REST)
#: What the engine itself takes around the operators that it calls.
AUTOGRAD = re.compile(r"^autograd::|Backward\d*$|_double_backward$")
MICROSECOND = 1e-6


@dataclass
class Kernel:
    """All calls of one kernel within a group. `outer`: calls not made by another kernel of the group."""

    name: str
    group: str
    seconds: float = 0.0
    calls: float = 0.0
    outer: float = 0.0


def group_of(name: str) -> str:
    """Return the kind of work of an operator or GPU kernel by its name."""
    if AUTOGRAD.search(name):
        return REST
    name = name.lower()
    return next((group for group, parts in NAMES.items() if any(part in name for part in parts)), REST)


def kernels_of(events: Iterable[Any], steps: int, device: str) -> list[Kernel]:
    """Return kernels with seconds and calls per step, longest first.

    Args:
        events: from `torch.profiler.profile.events()`, over `steps` steps.
        device: "cpu" for operators without their children, otherwise GPU kernels.
    """
    found: dict[tuple[str, str], Kernel] = {}
    for event in _on(events, device):
        groups = [group_of(each.name) for each in _line(event)]
        group = OPTIMIZER if OPTIMIZER in groups else groups[0]
        kernel = found.setdefault((group, event.name), Kernel(event.name, group))
        time = event.self_cpu_time_total if device == "cpu" else event.time_range.elapsed_us()
        kernel.seconds += MICROSECOND * time / steps
        kernel.calls += 1 / steps
        kernel.outer += (group not in groups[1:]) / steps
    return sorted(found.values(), key=lambda kernel: -kernel.seconds)


def _on(events: Iterable[Any], device: str) -> Iterator[Any]:
    for event in events:
        if event.device_type.name.lower() == device and (device == "cpu" or not event.is_user_annotation):
            yield event


def _line(event: Any) -> Iterator[Any]:
    while event is not None:
        yield event
        event = event.cpu_parent


def busy_seconds(events: Iterable[Any], device: str) -> float:
    """Return how long at least one kernel (GPU) or operator (CPU) was running."""
    busy, until = 0.0, float("-inf")
    for start, end in sorted((event.time_range.start, event.time_range.end) for event in _on(events, device)):
        busy += max(0.0, end - max(start, until))
        until = max(until, end)
    return MICROSECOND * busy


def group_rows(kernels: list[Kernel]) -> list[dict[str, Any]]:
    """Return each group with its seconds and calls per step and its share of the kernel time."""
    whole = sum(kernel.seconds for kernel in kernels)
    rows = []
    for group in GROUPS:
        own = [kernel for kernel in kernels if kernel.group == group]
        if own:
            seconds, calls = sum(kernel.seconds for kernel in own), sum(kernel.outer for kernel in own)
            rows.append(_row(group, seconds, calls, whole))
    return sorted(rows, key=lambda row: (row["name"] == REST, -row["seconds"]))


def kernel_rows(kernels: list[Kernel], most: int) -> list[dict[str, Any]]:
    """Return the longest kernels, in the form of `group_rows`."""
    whole = sum(kernel.seconds for kernel in kernels)
    return [_row(kernel.name, kernel.seconds, kernel.calls, whole) for kernel in kernels[:most]]


def _row(name: str, seconds: float, calls: float, whole: float) -> dict[str, Any]:
    share = seconds / whole if whole else 0.0
    return {"name": name, "seconds": four_digits(seconds), "calls": four_digits(calls), "share": four_digits(share)}
