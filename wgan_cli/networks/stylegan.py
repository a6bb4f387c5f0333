"""Style-based generator and residual critic (Karras et al. 2019 and 2020).

Differences from the papers: the image goes through tanh, as in every family here; the factor sqrt(2) of an activation
is part of the product before it, so bias and noise don't have it; the image layer of a size takes the style of that
size's last layer, not of the next one; the critic's shortcut averages 2x2 pixels, and only its branch uses the wider
filter; noise has one strength per layer, also with adain, where 2019 has one per channel; the minibatch standard
deviation is that of the whole batch, not of groups of four images; and classes are concatenated to z and have a mean w
each.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from wgan_cli.distributed import rng
from wgan_cli.networks.conditioning import ConditionalLatent
from wgan_cli.networks.critic import Body
from wgan_cli.networks.layers import (
    activation_and_dropout,
    dense_layers,
    hidden_layer,
    normal_values,
    same_conv,
    set_init_gain,
    set_lr_factor,
)
from wgan_cli.networks.minibatch_layers import append_minibatch_std
from wgan_cli.networks.resampling import BlurPoolConv2d, ImageToVector
from wgan_cli.networks.style_space import MeanStyle, StyleSpace
from wgan_cli.networks.stylegan_layers import BLURS, KERNEL, STYLE_LAYERS, Affine, FromRGB, ToRGB, upsample
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.layer_settings import LayerSettings
from wgan_cli.recipe.model_settings import StyleSettings


class Generator(StyleSpace):
    """Learned constant image, then convolutions in the style of w that double its size.

    z is normalized and mapped to w. The image is the sum of each size's contribution, upsampled (skip connections). In
    training the mean w is tracked, noise is drawn in every pass, and some images take the w of their last layers from
    another z (style mixing). Layer 0 has the first size, layers 1 and 2 the next, and so on.
    """

    def __init__(self, settings: StyleSettings, image: ImageShape) -> None:
        super().__init__()
        own, style_dim = settings.generator, settings.style_dim
        channels, stages = own.channels, len(own.channels) - 1
        self.style_mixing, self.latent_dim = own.style_mixing, settings.latent_dim
        self.style_layers = settings.style_layers
        self.enter = ConditionalLatent(settings, image)
        self.to_style = dense_layers(own, (self.enter.width, *[style_dim] * own.mapping_layers))
        for dense in self.to_style:
            if isinstance(dense, nn.Linear):
                set_lr_factor(dense, own.mapping_lr)
        self.mean = MeanStyle(style_dim, image.num_classes if settings.conditional else 0)
        self.start = nn.Parameter(normal_values(1, channels[0], *image.divided(2**stages)))
        layer = STYLE_LAYERS[own.styling]
        self.layers = nn.ModuleList(
            [layer(own, channels[0], channels[0], style_dim, image.divided(2**stages), doubles=False)]
        )
        self.to_image = nn.ModuleList([ToRGB(channels[0], image.channels, style_dim)])
        for stage, (fan_in, fan_out) in enumerate(pairwise(channels), start=1):
            size = image.divided(2 ** (stages - stage))
            self.layers.append(layer(own, fan_in, fan_out, style_dim, size, doubles=True))
            self.layers.append(layer(own, fan_out, fan_out, style_dim, size, doubles=False))
            self.to_image.append(ToRGB(fan_out, image.channels, style_dim))
        self.to(memory_format=torch.channels_last)

    def mapping(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        z = self.enter(z, labels)  # (N, width)
        return self.to_style(z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt())  # (N, style_dim)

    def styles(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """z (N, latent_dim) -> (N, style_layers, style_dim), mixed in training."""
        w = self.mapping(z, labels)
        styles = self.broadcast(w)  # (N, style_layers, style_dim)
        if not self.training:
            return styles
        self.mean.update(w, labels)
        if not self.style_mixing:
            return styles
        other = self.broadcast(self.mapping(rng.randn_like(z), labels))  # (N, style_layers, style_dim)
        # Each image switches to the other w at a random layer after the first, or not at all.
        begins = rng.randint(1, self.style_layers, (len(z), 1), device=z.device)
        mixed = rng.rand(len(z), 1, device=z.device) < self.style_mixing
        takes_other = mixed & (torch.arange(self.style_layers, device=z.device) >= begins)  # (N, style_layers)
        return torch.where(takes_other[:, :, None], other, styles)

    def synthesis(self, styles: Tensor) -> Tensor:
        w = styles.unbind(1)
        x = self.layers[0](self.start.expand(styles.shape[0], -1, -1, -1), w[0])  # (N, channels[0], H/2^k, W/2^k)
        image = self.to_image[0](x, w[0])
        for number, to_image in enumerate(self.to_image[1:]):
            for layer in (2 * number + 1, 2 * number + 2):
                x = self.layers[layer](x, w[layer])  # (N, channels[i], 2H', 2W')
            image = upsample(image) + to_image(x, w[layer])  # (N, C, 2H', 2W')
        return image.tanh()  # (N, C, H, W)

    def truncate(self, w: Tensor, psi: float | Tensor, labels: Tensor | None = None) -> Tensor:
        mean = self.mean(labels)  # (N, style_dim) or (1, style_dim)
        return torch.lerp((mean[:, None] if w.ndim == 3 else mean).expand_as(w), w, psi)

    def first_weight(self) -> Tensor:
        modules = (*self.layers.modules(), *self.to_image.modules())
        return torch.cat([module.weight for module in modules if isinstance(module, Affine)])  # (outputs, style_dim)


class StyleBody(Body):
    """Residual blocks that halve the image, one more convolution and dense layers, to features.

    With `minibatch_std` the last convolution sees the batch's standard deviation as a channel.
    """

    has_minibatch_std = True

    def __init__(self, settings: StyleSettings, image: ImageShape, channels: int) -> None:
        super().__init__()
        own = settings.critic
        last = own.channels[-1]
        self.minibatch_std = own.minibatch_std
        self.from_image = nn.Sequential(FromRGB(channels, own.channels[0]), *activation_and_dropout(own))
        self.down = nn.Sequential(*(DownBlock(own, a, b) for a, b in pairwise(own.channels)))
        self.finish = nn.Sequential(same_conv(last + self.minibatch_std, last, KERNEL), *activation_and_dropout(own))
        smallest = image.divided(2 ** (len(own.channels) - 1))
        self.dense = nn.Sequential(*hidden_layer(own, ImageToVector((last, *smallest), own.dense[0])))
        self.dense.extend(dense_layers(own, own.dense))
        self.width = own.dense[-1]
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(self.from_image(x))  # (N, channels[-1], H/2^k, W/2^k) for k blocks
        x = self.finish(append_minibatch_std(x) if self.minibatch_std else x)  # (N, channels[-1], H/2^k, W/2^k)
        return self.dense(x)  # (N, dense[-1])

    def output_layer(self, outputs: int) -> nn.Linear:
        layer = super().output_layer(outputs)
        set_init_gain(layer, 1.0)
        return layer


class DownBlock(nn.Module):
    """(branch(x) + shortcut(x)) / sqrt(2), both at half the size, for `init: equalised` and a (leaky) ReLU.

    The division is part of the gains of their last layers; other initializations don't divide the branch.
    """

    def __init__(self, own: LayerSettings, fan_in: int, fan_out: int) -> None:
        super().__init__()
        pooled = BlurPoolConv2d(fan_in, fan_out, KERNEL, BLURS)
        self.shortcut = BlurPoolConv2d(fan_in, fan_out, kernel=1, bias=False)
        set_init_gain(pooled, 1.0)
        set_init_gain(self.shortcut, math.sqrt(0.5))
        self.branch = nn.Sequential(same_conv(fan_in, fan_in, KERNEL), *activation_and_dropout(own))
        self.branch.extend([pooled, *activation_and_dropout(own)])

    def forward(self, x: Tensor) -> Tensor:
        return self.branch(x) + self.shortcut(x)  # (N, fan_out, H/2, W/2)
