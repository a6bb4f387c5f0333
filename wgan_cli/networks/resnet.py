"""Residual networks (Gulrajani et al. 2017, appendix F).

Where paper and authors' code differ, this follows the code: a generator's block upsamples before its first
convolution, not its second; the critic's first block neither normalizes nor activates its input; and the initial
weights are those of the code.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from wgan_cli.networks.conditioning import ConditionalNorm2d
from wgan_cli.networks.critic import Body
from wgan_cli.networks.layers import LatentGenerator, activation, activation_and_dropout, norm, same_conv, set_init_gain
from wgan_cli.networks.resampling import BlurPoolConv2d, BlurUpConv2d, NearestUpsample, VectorToImage
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.layer_settings import LayerSettings
from wgan_cli.recipe.model_settings import ResnetSettings

KERNEL = 3
BRANCH_GAIN = nn.init.calculate_gain("relu")  # of initial weights; shortcuts and first and last layers have gain 1


class ResidualBlock(nn.Module):
    """shortcut(x) + branch(x)."""

    def __init__(self, branch: Sequence[nn.Module], shortcut: Sequence[nn.Module]) -> None:
        super().__init__()
        self.branch = nn.ModuleList(branch)
        self.shortcut = nn.Sequential(*shortcut) if shortcut else nn.Identity()
        for layers, gain in ((branch, BRANCH_GAIN), (shortcut, 1.0)):
            for layer in layers:
                if isinstance(layer, nn.Conv2d):
                    set_init_gain(layer, gain)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        residual = x
        for layer in self.branch:
            residual = layer(residual, labels) if isinstance(layer, ConditionalNorm2d) else layer(residual)
        return self.shortcut(x) + residual  # (N, fan_out, H', W')


class Generator(LatentGenerator):
    """Linear layer from z to a small image, then residual blocks that double its size.

    A conditional generator's classes select gain and bias of the norms in the blocks, but not of the last norm.
    """

    def __init__(self, settings: ResnetSettings, image: ImageShape) -> None:
        super().__init__()
        own = settings.generator
        first, last = own.channels[0], own.channels[-1]
        start = (first, *image.divided(2 ** (len(own.channels) - 1)))
        self.project = VectorToImage(settings.latent_dim, start)
        classes = image.num_classes if settings.conditional else 0
        blocks = enumerate(pairwise(own.channels))
        self.up = nn.ModuleList(_block(own, "double", a, b, 2 * i, classes) for i, (a, b) in blocks)
        self.finish = nn.Sequential(*_preactivation(own, last, own.layers_with_norm - 1))
        self.to_image = same_conv(last, image.channels, KERNEL)
        for layer in (self.project, self.to_image):
            set_init_gain(layer, 1.0)
        self.to(memory_format=torch.channels_last)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        x = self.project(z)  # (N, channels[0], H/2^k, W/2^k) for k blocks
        for block in self.up:
            x = block(x, labels)  # (N, channels[i], 2H', 2W')
        return self.to_image(self.finish(x)).tanh()  # (N, C, H, W)

    def first_weight(self) -> Tensor:
        return self.project.weight  # (channels[0] * H/2^k * W/2^k, latent_dim)


class ResnetBody(Body):
    """Residual blocks, the first of which halve the image, and the mean over all positions as features."""

    def __init__(self, settings: ResnetSettings, image: ImageShape, channels: int) -> None:
        super().__init__()
        own = settings.critic
        self.first = _first_block(own, channels, own.channels[0])
        self.blocks = nn.Sequential(
            *(
                _block(own, "half" if i + 1 < own.halvings else "same", a, b, 2 * i)
                for i, (a, b) in enumerate(pairwise(own.channels))
            )
        )
        self.finish = activation(own.activation, own.slope)
        self.width = own.channels[-1]
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.first(x))  # (N, channels[-1], H/2^k, W/2^k) for k halvings
        return self.finish(x).mean((2, 3))  # (N, channels[-1])

    def output_layer(self, outputs: int) -> nn.Linear:
        layer = super().output_layer(outputs)
        set_init_gain(layer, 1.0)
        return layer


def _first_block(own: LayerSettings, fan_in: int, fan_out: int) -> ResidualBlock:
    branch = [
        same_conv(fan_in, fan_out, KERNEL),
        *activation_and_dropout(own),
        BlurPoolConv2d(fan_out, fan_out, KERNEL),
    ]
    return ResidualBlock(branch, [nn.AvgPool2d(2), nn.Conv2d(fan_in, fan_out, 1)])


def _block(
    own: LayerSettings, size: str, fan_in: int, fan_out: int, number: int, num_classes: int = 0
) -> ResidualBlock:
    """Return a block whose outputs have half, the same or double the size; `number` is that of its first norm."""
    middle = fan_in if size == "half" else fan_out
    branch = [
        *_preactivation(own, fan_in, number, num_classes),
        BlurUpConv2d(fan_in, middle, KERNEL) if size == "double" else same_conv(fan_in, middle, KERNEL),
        *_preactivation(own, middle, number + 1, num_classes),
        BlurPoolConv2d(middle, fan_out, KERNEL) if size == "half" else same_conv(middle, fan_out, KERNEL),
    ]
    shortcut: list[nn.Module] = [] if size == "same" and fan_in == fan_out else [nn.Conv2d(fan_in, fan_out, 1)]
    if size == "half":
        shortcut.insert(0, nn.AvgPool2d(2))
    elif size == "double":  # a 1x1 convolution before nearest-neighbor upsampling equals one after it
        shortcut.append(NearestUpsample())
    return ResidualBlock(branch, shortcut)


def _preactivation(own: LayerSettings, features: int, number: int, num_classes: int = 0) -> list[nn.Module]:
    name = own.norm_of(number)
    conditional = [ConditionalNorm2d(name, features, num_classes)] if num_classes else None
    return [*(conditional or norm(name, features, spatial=True)), *activation_and_dropout(own)]
