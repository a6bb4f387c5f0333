"""Names of layers as torch.nn has them, for tables of a network's layers."""

from torch import nn
from torch.nn.utils.parametrize import type_before_parametrizations


def layer_name(module: nn.Module) -> str:
    """Return the torch.nn layers that a module computes: `Conv2d`, `LeakyReLU(0.2)` or `Flatten, Linear`.

    A class of this package that stands for others says so in `torch_name`.
    """
    name = getattr(module, "torch_name", None) or type_before_parametrizations(module).__name__
    if isinstance(module, nn.GroupNorm):
        return "InstanceNorm2d" if module.num_groups == module.num_channels else f"{name}({module.num_groups})"
    return f"{name}({module.p:g})" if isinstance(module, nn.Dropout | nn.Dropout2d) else name
