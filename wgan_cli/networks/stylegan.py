"""Style-based generator and residual critic (Karras et al. 2019 and 2020).

Other than theirs: the image goes through tanh, as everywhere here; what a size adds to the image takes the style of
the size's last layer, not of the next; the critic's shortcut takes means of 2x2 pixels, its branch alone the wider
filter; and classes stand beside z and have a mean w each.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from wgan_cli.distributed import rng
from wgan_cli.networks.conditioning import ConditionalCritic, ConditionalLatent, LabelChannel
from wgan_cli.networks.layers import active, hidden, hidden_layers
from wgan_cli.networks.minibatch_layers import with_spread
from wgan_cli.networks.resampling import Pooled, ToVector
from wgan_cli.networks.style_space import MeanStyle, StyleSpace
from wgan_cli.networks.stylegan_layers import BLURS, KERNEL, STYLINGS, FromImage, ToImage, enlarged
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.layer_settings import LayerSettings
from wgan_cli.recipe.style_settings import StyleSettings


class Generator(StyleSpace):
    """A constant small image through convolutions in the style of w, doubled until it has full size.

    z is normalised and mapped to w. The image is the sum of what each size contributes, enlarged (skip connections). In
    training the mean w is followed, noise is new in each pass, and some images take their last layers' w from another
    z (style mixing). Layer 0 has the first size, layers 1 and 2 the next, and so on.
    """

    def __init__(self, settings: StyleSettings, image: ImageShape) -> None:
        super().__init__()
        own, style_dim = settings.generator, settings.style_dim
        channels, side = own.channels, image.size // 2 ** (len(own.channels) - 1)
        self.style_mixing, self.latent_dim = own.style_mixing, settings.latent_dim
        self.style_layers = 2 * len(channels) - 1
        self.enter = ConditionalLatent(settings, image)
        self.to_style = _mapping(own, (self.enter.width, *[style_dim] * own.mapping_layers))
        self.mean = MeanStyle(style_dim, image.num_classes if settings.conditional else 0)
        self.start = nn.Parameter(torch.randn(1, channels[0], side, side))
        layer = STYLINGS[own.styling]
        self.layers = nn.ModuleList([layer(own, channels[0], channels[0], style_dim, side, doubles=False)])
        self.to_image = nn.ModuleList([ToImage(channels[0], image.channels, style_dim)])
        for fan_in, fan_out in pairwise(channels):
            side *= 2
            self.layers.append(layer(own, fan_in, fan_out, style_dim, side, doubles=True))
            self.layers.append(layer(own, fan_out, fan_out, style_dim, side, doubles=False))
            self.to_image.append(ToImage(fan_out, image.channels, style_dim))
        self.to(memory_format=torch.channels_last)

    def mapping(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """z (N, latent_dim), labels (N,) -> w (N, style_dim)."""
        z = self.enter(z, labels)  # (N, width)
        return self.to_style(z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt())  # (N, style_dim)

    def styles(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """z (N, latent_dim) -> (N, style_layers, style_dim), mixed in training."""
        w = self.mapping(z, labels)
        styles = self.in_every_layer(w)  # (N, style_layers, style_dim)
        if not self.training:
            return styles
        self.mean.follow(w, labels)
        if not self.style_mixing:
            return styles
        other = self.in_every_layer(self.mapping(rng.randn_like(z), labels))  # (N, style_layers, style_dim)
        # From a layer of each image's own on, but the first; or from none.
        begins = rng.randint(1, self.style_layers, (len(z), 1), device=z.device)
        mixed = rng.rand(len(z), 1, device=z.device) < self.style_mixing
        takes_other = mixed & (torch.arange(self.style_layers, device=z.device) >= begins)  # (N, style_layers)
        return torch.where(takes_other[:, :, None], other, styles)

    def synthesis(self, styles: Tensor) -> Tensor:
        """A w for each layer, (N, style_layers, style_dim) -> images (N, C, H, W) in [-1, 1]."""
        each = styles.unbind(1)
        x = self.layers[0](self.start.expand(styles.shape[0], -1, -1, -1), each[0])  # (N, channels[0], H/2^k, W/2^k)
        image = self.to_image[0](x, each[0])
        for number, to_image in enumerate(self.to_image[1:]):
            for layer in (2 * number + 1, 2 * number + 2):
                x = self.layers[layer](x, each[layer])  # (N, channels[i], 2H', 2W')
            image = enlarged(image) + to_image(x, each[layer])  # (N, C, 2H', 2W')
        return image.tanh()  # (N, C, H, W)

    def truncated(self, w: Tensor, psi: float, labels: Tensor | None = None) -> Tensor:
        """mean + psi * (w - mean), with the mean w of its class: (N, style_dim) to the same."""
        return torch.lerp(self.mean(labels).expand_as(w), w, psi)

    def first_weight(self) -> Tensor:
        """Of all layers that take w: (factors and biases, style_dim)."""
        views = [view for layer in (*self.layers, *self.to_image) for view in layer.views()]
        return torch.cat([view.weight for view in views])  # (factors and biases, style_dim)


class Critic(ConditionalCritic):
    """An image through residual blocks, each of which halves it, one more convolution and dense layers to one score.

    The last convolution is shown how much the batch varies, if `minibatch_std` asks for it.
    """

    def __init__(self, settings: StyleSettings, image: ImageShape) -> None:
        super().__init__()
        own = settings.critic
        last = own.channels[-1]
        self.varies = own.minibatch_std
        self.enter = LabelChannel(settings, image)
        self.from_image = nn.Sequential(FromImage(self.enter.channels, own.channels[0]), *active(own))
        self.down = nn.Sequential(*(HalvingBlock(own, a, b) for a, b in pairwise(own.channels)))
        self.finish = nn.Sequential(_convolution(last + self.varies, last), *active(own))
        side = image.size // 2 ** (len(own.channels) - 1)
        first = own.dense[0]
        self.dense = nn.Sequential(*hidden(own, ToVector((last, side, side), first), first, spatial=False))
        self.dense.extend(hidden_layers(own, own.dense))
        self.end(settings, image, lambda outputs: _score(own.dense[-1], outputs), varies=False)
        self.to(memory_format=torch.channels_last)

    def features(self, x: Tensor) -> Tensor:
        """What `enter` gives, (N, C, H, W) -> (N, dense[-1])."""
        x = self.down(self.from_image(x))  # (N, channels[-1], H/2^k, W/2^k) for k blocks
        x = self.finish(with_spread(x) if self.varies else x)  # (N, channels[-1], H/2^k, W/2^k)
        return self.dense(x)  # (N, dense[-1])


class HalvingBlock(nn.Module):
    """(branch(x) + shortcut(x)) / sqrt(2), both of half the size; the division is in their last weights' gains."""

    def __init__(self, own: LayerSettings, fan_in: int, fan_out: int) -> None:
        super().__init__()
        pooled = Pooled(fan_in, fan_out, KERNEL, BLURS)
        self.shortcut = Pooled(fan_in, fan_out, kernel=1, bias=False)
        pooled.init_gain, self.shortcut.init_gain = 1.0, math.sqrt(0.5)
        self.branch = nn.Sequential(_convolution(fan_in, fan_in), *active(own), pooled, *active(own))

    def forward(self, x: Tensor) -> Tensor:
        """(N, fan_in, H, W) -> (N, fan_out, H/2, W/2)."""
        return self.branch(x) + self.shortcut(x)  # (N, fan_out, H/2, W/2)


def _mapping(own: LayerSettings, widths: tuple[int, ...]) -> nn.Sequential:
    layers = hidden_layers(own, widths)
    for layer in layers:
        if isinstance(layer, nn.Linear):
            layer.lr_factor = own.mapping_lr
    return layers


def _convolution(fan_in: int, fan_out: int) -> nn.Conv2d:
    return nn.Conv2d(fan_in, fan_out, KERNEL, padding=KERNEL // 2)


def _score(features: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(features, outputs)
    layer.init_gain = 1.0
    return layer
