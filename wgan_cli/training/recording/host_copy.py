"""Copies in host memory that don't make the training wait for the device."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from wgan_cli.runs.checkpoint import Checkpoint

T = TypeVar("T")


@torch.no_grad()
def host_copy(content: T) -> Callable[[], T]:
    """Begin to copy `content`, with every tensor as it is after the work queued so far.

    The copies are queued on the current stream of each device, so the next step, which changes weights in place, runs
    after them on the device. Tensors that are the same memory, as in two files with one network, are copied once.

    Args:
        content: tensors and plain values in tuples, lists, dicts and Checkpoints; those are copied too.
    Returns: a function for any thread that waits for the copy and returns it.
    """
    copies: dict[Any, Tensor] = {}
    devices: set[torch.device] = set()

    def copied(tensor: Tensor) -> Tensor:
        key = (tensor.device, tensor.dtype, tensor.data_ptr(), tensor.shape, tensor.stride())
        if key not in copies:
            copies[key] = _begin_copy(tensor)
            if tensor.is_cuda:
                devices.add(tensor.device)
        return copies[key]

    result = _mapped(content, copied)
    events = [_event_on(device) for device in devices]

    def finished() -> T:
        for event in events:
            event.synchronize()
        return result

    return finished


def _begin_copy(tensor: Tensor) -> Tensor:
    """Return a copy in host memory; that of a GPU's tensor is only queued, which takes pinned memory."""
    if not tensor.is_cuda:
        return tensor.to("cpu", copy=True)
    pinned = torch.empty_like(tensor, device="cpu", pin_memory=True)  # with the same strides
    return pinned.copy_(tensor, non_blocking=True)


def _event_on(device: torch.device) -> torch.cuda.Event:
    event = torch.cuda.Event(blocking=True)  # a waiting thread sleeps
    event.record(torch.cuda.current_stream(device))
    return event


def _mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Return a copy of nested values with every tensor changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, dict):
        mapped = copy.copy(value)  # of the same class, and with attributes, such as the _metadata of a state dict
        mapped.update((key, _mapped(inner, change)) for key, inner in value.items())
        return mapped
    if isinstance(value, list | tuple):
        return type(value)(_mapped(inner, change) for inner in value)
    if isinstance(value, Checkpoint):
        tensors = {"networks": value.networks, "training": value.training}
        return replace(value, **_mapped(tensors, change))
    return value
