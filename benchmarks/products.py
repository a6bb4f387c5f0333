"""The matrix products and convolutions of a call: count their operations, and run them again on their own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.flop_counter import flop_registry


def _linear_flops(x: torch.Tensor, weight: torch.Tensor, *_: Any, out_val: torch.Tensor, **__: Any) -> int:
    return 2 * out_val.numel() * x.shape[-1]


#: torch's formulas, and that of a product which a processor's other library does and torch does not count.
FORMULAS = dict(flop_registry)
if hasattr(torch.ops.mkldnn, "_linear_pointwise"):
    FORMULAS[torch.ops.mkldnn._linear_pointwise] = _linear_flops


class Products(TorchDispatchMode):
    """Records the products and convolutions of a block, including double backward.

    Uses the formulas of torch.utils.flop_counter; FlopCounterMode's module hooks don't support torch.autograd.grad
    inside a backward graph, which the penalty needs.

    Attributes:
        flops: their floating-point operations.
        calls: each with its inputs, to run it again.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0
        self.calls: list[Callable[[], Any]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        formula = FORMULAS.get(func.overloadpacket)
        if formula is not None:
            self.flops += formula(*args, **kwargs, out_val=result)
            self.calls.append(partial(func, *tree_map_only(torch.Tensor, torch.Tensor.detach, args), **kwargs))
        return result

    @torch.no_grad()
    def run(self) -> None:
        """Run all products again, without what lies between them."""
        for call in self.calls:
            call()


def products_of(run: Callable[[], Any]) -> Products:
    """Return the products of a call."""
    with Products() as products:
        run()
    return products


def count_flops(run: Callable[[], Any]) -> int:
    """Return the floating-point operations of a call."""
    return products_of(run).flops
