"""Networks of layer lists."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from wgan_cli.errors import WganError
from wgan_cli.networks.conditioning import ConditionalLatent
from wgan_cli.networks.critic import Body
from wgan_cli.networks.layers import WEIGHT_LAYERS, LatentGenerator
from wgan_cli.networks.sequential.layer_builders import build_layers, build_one
from wgan_cli.networks.sequential.own_layers import FromUnitRange
from wgan_cli.networks.sequential.shapes import Shape, per_direction, shape_text
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.sequential.layer_list import output_layer
from wgan_cli.recipe.sequential.layer_types import Conv2d, ConvTranspose2d, Layer, Linear, Sigmoid
from wgan_cli.recipe.sequential.sequential_settings import SequentialSettings

_SIZED = (Linear, Conv2d, ConvTranspose2d)


class Generator(LatentGenerator):
    """Layers from z to an image."""

    def __init__(self, settings: SequentialSettings, image: ImageShape) -> None:
        super().__init__()
        layers = settings.generator
        self.image_shape = (image.channels, *image.size)
        self.enter = ConditionalLatent(settings, image)
        self.from_pixel = isinstance(layers[0], Conv2d | ConvTranspose2d)
        inputs = (self.enter.width, 1, 1) if self.from_pixel else (self.enter.width,)
        self.layers, shape = build_layers(layers, inputs, "generator")
        if tuple(shape) not in (self.image_shape, (image.pixels,)):
            i = max([0, *(i for i, layer in enumerate(layers) if isinstance(layer, _SIZED))])
            sizes = f"output {shape_text(shape)}, expected {shape_text(self.image_shape)}"
            raise WganError(f"generator layer {i}, {layers[i]}: {sizes}", _resize_hint(shape, self.image_shape))
        self.finish = FromUnitRange() if isinstance(settings.output_activation, Sigmoid) else None
        self.to(memory_format=torch.channels_last)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        x = self.layers(self._as_input(self.enter(z, labels)))  # (N, C, H, W) or (N, C*H*W)
        x = x.unflatten(1, self.image_shape) if x.ndim == 2 else x  # (N, C, H, W)
        return x if self.finish is None else self.finish(x)

    def _as_input(self, x: Tensor) -> Tensor:
        return x[:, :, None, None] if self.from_pixel else x  # (N, F, 1, 1) or (N, F)

    def first_weight(self) -> Tensor:
        # The first weight layer is linear in z, whatever reshapes z before it: its columns are images of unit vectors.
        end = next(i for i, layer in enumerate(self.layers, 1) if isinstance(layer, WEIGHT_LAYERS))
        weight = next(self.layers.parameters())
        units = torch.eye(self.enter.width, dtype=weight.dtype, device=weight.device)
        inputs = self._as_input(torch.cat([units, torch.zeros_like(units[:1])]))
        *columns, bias = self.layers[:end](inputs).flatten(1)  # (F + 1, outputs)
        return self.enter.z_columns((torch.stack(columns) - bias).T)  # (outputs, latent_dim)


def _resize_hint(shape: Shape, wanted: Shape) -> str:
    if len(shape) == 1:
        return f"give the last Linear {math.prod(wanted)} outputs"
    if shape[0] != wanted[0]:
        return f"give the last layer {wanted[0]} channels"
    return (
        "add Crop, or change a stride or padding"
        if math.prod(shape) > math.prod(wanted)
        else "add Upsample, or change a stride"
    )


class SequentialBody(Body):
    """Layers from an image to the input of the output layer, which the network's head builds with `output_layer`.

    Args:
        role: critic, encoder or classifier; without a list of their own, the last two have the critic's layers.
    """

    def __init__(self, role: str, settings: SequentialSettings, image: ImageShape, channels: int) -> None:
        super().__init__()
        own = getattr(settings, role)
        layers = own or settings.critic
        self.last = output_layer(layers)
        index = max(i for i, layer in enumerate(layers) if layer is self.last)
        self.place = f"{role} layer {index}"
        self.layers, self.shape = build_layers(layers[:index], (channels, *image.size), role)
        self.width = math.prod(self.shape)
        outputs = {"critic": 1, "encoder": 2 * settings.latent_dim, "classifier": image.num_classes}[role]
        if own and _outputs(self.last) != outputs:
            message = f"{self.place}, {self.last}: {_outputs(self.last)} outputs, expected {outputs}"
            raise WganError(message, f"give it {outputs}, or add Linear: {outputs}")
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)  # (N, F) or (N, C, H, W)

    def output_layer(self, outputs: int) -> nn.Linear:
        last = self.last
        if isinstance(last, Conv2d):  # over the whole image, which is a linear layer
            if per_direction(last.kernel_size) != tuple(self.shape[1:]) or last.padding:
                raise WganError(
                    f"{self.place}, {last}: expected one output pixel of {shape_text(self.shape)}",
                    f"set kernel_size to {[*self.shape[1:]]} and padding to 0, or end with Linear: {outputs}",
                )
            last = Linear(out_features=outputs, bias=last.bias, spectral_norm=last.spectral_norm)
        built, _ = build_one(last.model_copy(update={"out_features": outputs}), self.shape, self.place)
        return cast(nn.Linear, built)


def body(role: str) -> Callable[..., SequentialBody]:
    """Return the body of a role's network, as the registry of families takes it."""
    return partial(SequentialBody, role)


def _outputs(layer: Layer) -> int:
    return layer.out_features if isinstance(layer, Linear) else cast(Conv2d, layer).out_channels
