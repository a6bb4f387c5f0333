"""Fully connected generator and critic on the flattened image (Goodfellow et al. 2014)."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from wgan_cli.networks.conditioning import ConditionalCritic, Judgement, LabelledLatent, LabelPlane
from wgan_cli.networks.layers import hidden
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.model_settings import LayerSettings, MlpSettings


def _hidden_layers(settings: LayerSettings, widths: tuple[int, ...]) -> nn.Sequential:
    return nn.Sequential(
        *(
            module
            for fan_in, width in pairwise(widths)
            for module in hidden(settings, nn.Linear(fan_in, width), width, spatial=False)
        )
    )


class Generator(nn.Module):
    """z through hidden layers to an image in [-1, 1]."""

    def __init__(self, settings: MlpSettings, image: ImageShape) -> None:
        super().__init__()
        own = settings.generator
        self.image = image
        self.enter = LabelledLatent(settings, image)
        self.body = _hidden_layers(own, (self.enter.width, *own.widths))
        self.to_image = nn.Linear(own.widths[-1], image.pixels)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """z (N, latent_dim) -> images (N, C, H, W) in [-1, 1]."""
        x = self.body(self.enter(z, labels))  # (N, widths[-1])
        x = self.to_image(x).tanh()  # (N, C*H*W)
        return x.unflatten(1, (self.image.channels, self.image.size, self.image.size))  # (N, C, H, W)


class Critic(ConditionalCritic):
    """An image through hidden layers to one score: no sigmoid."""

    def __init__(self, settings: MlpSettings, image: ImageShape) -> None:
        super().__init__()
        own = settings.critic
        self.enter = LabelPlane(settings, image)
        self.body = _hidden_layers(own, (self.enter.channels * image.size**2, *own.widths))
        self.end(settings, image, lambda outputs: nn.Linear(own.widths[-1], outputs))

    def forward(self, images: Tensor, labels: Tensor | None = None, classify: bool = False) -> Judgement:
        """images (N, C, H, W) -> scores (N,); with `classify` also logits of the classes (N, num_classes)."""
        x = self.body(self.enter(images, labels).flatten(1))  # (N, widths[-1])
        return self.judge(x, labels, classify)
