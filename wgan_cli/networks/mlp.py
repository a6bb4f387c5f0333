"""Fully connected networks on the flattened image (Goodfellow et al. 2014)."""

from typing import cast

from torch import Tensor, nn

from wgan_cli.networks.conditioning import ConditionalLatent
from wgan_cli.networks.critic import Body
from wgan_cli.networks.layers import LatentGenerator, dense_layers
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.model_settings import MlpSettings


class Generator(LatentGenerator):
    """Hidden layers from z to an image in [-1, 1]."""

    def __init__(self, settings: MlpSettings, image: ImageShape) -> None:
        super().__init__()
        own = settings.generator
        self.image = image
        self.enter = ConditionalLatent(settings, image)
        self.body = dense_layers(own, (self.enter.width, *own.widths))
        self.to_image = nn.Linear(own.widths[-1], image.pixels)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        x = self.body(self.enter(z, labels))  # (N, widths[-1])
        x = self.to_image(x).tanh()  # (N, C*H*W)
        return x.unflatten(1, (self.image.channels, *self.image.size))  # (N, C, H, W)

    def first_weight(self) -> Tensor:
        return self.enter.z_columns(cast(nn.Linear, self.body[0]).weight)  # (widths[0], latent_dim)


class MlpBody(Body):
    """Hidden layers from an image to features."""

    def __init__(self, settings: MlpSettings, image: ImageShape, channels: int) -> None:
        super().__init__()
        widths = settings.critic.widths
        self.layers = dense_layers(settings.critic, (channels * image.height * image.width, *widths))
        self.width = widths[-1]

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.flatten(1))  # (N, widths[-1])
