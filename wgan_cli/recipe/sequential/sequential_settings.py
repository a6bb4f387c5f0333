"""`model: {name: sequential}`: networks as lists of layers."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from wgan_cli.recipe.layer_settings import ALL_ROLES, ConditionalLatentSettings, CriticLayerSettings, CriticTrait, Init
from wgan_cli.recipe.sequential import layer_types as layers
from wgan_cli.recipe.sequential.layer_list import LayerList, last_layer, output_layer
from wgan_cli.recipe.sequential.layer_types import BATCH_NORMS, Conv2d, Layer, Linear, Sigmoid, Tanh
from wgan_cli.recipe.settings import invalid


class SequentialSettings(ConditionalLatentSettings):
    """Networks as lists of layers, as in torch.nn.Sequential; the last one is the output."""

    roles: ClassVar[tuple[str, ...]] = ALL_ROLES
    #: Layers by trait of a critic, see `critic_setting`.
    traits: ClassVar[dict[str, tuple[type[Layer], ...]]] = {
        "batch_norm": BATCH_NORMS,
        "minibatch_features": (layers.MinibatchDiscrimination,),
        "minibatch_std": (layers.MinibatchStdDev,),
        "dropout": (layers.Dropout, layers.Dropout2d),
    }

    name: Literal["sequential"] = "sequential"
    init: Init = "torch"
    generator: LayerList
    critic: LayerList
    encoder: LayerList | None = Field(None, description="Layers, the last with 2 * latent_dim outputs.")
    classifier: LayerList | None = Field(None, description="Layers, the last with one output per class.")

    @model_validator(mode="after")
    def _check_outputs(self) -> SequentialSettings:
        if not isinstance(last := self.output_activation, Tanh | Sigmoid):
            raise invalid(
                f"`model.generator` ends in {type(last).__name__}, which doesn't limit images to [-1, 1]",
                "end it with Tanh, or with Sigmoid for images in [0, 1], which are mapped to [-1, 1]",
            )
        for role in ("critic", "encoder", "classifier"):
            if (own := getattr(self, role)) and not isinstance(last := output_layer(own), Linear | Conv2d):
                activation = isinstance(last, Sigmoid | Tanh)
                raise invalid(
                    f"`model.{role}` ends in {type(last).__name__}, not in Linear or Conv2d",
                    f"leave out {type(last).__name__}: the loss takes scores" if activation else "add Linear: 1",
                )
        return self

    @model_validator(mode="after")
    def _check_independent_images(self) -> SequentialSettings:
        for i, layer in enumerate(self.generator):
            if isinstance(layer, layers.MinibatchDiscrimination | layers.MinibatchStdDev):
                raise invalid(
                    f"`model.generator[{i}]` is {type(layer).__name__}, which makes an image depend on its batch",
                    "leave it out, or use it in `model.critic`",
                )
        return self

    @property
    def output_activation(self) -> Layer:
        """Last layer of the generator that isn't a change of shape."""
        return last_layer(self.generator, layers.RESHAPES)

    @property
    def generator_batch_norm(self) -> str | None:
        """Layer of the generator with batch norm, or None."""
        norms = (f"model.generator[{i}]" for i, layer in enumerate(self.generator) if isinstance(layer, BATCH_NORMS))
        return next(norms, None)

    @property
    def critic_options(self) -> CriticLayerSettings:
        """The defaults: a list has layers instead."""
        return CriticLayerSettings.default()

    def critic_setting(self, trait: CriticTrait) -> str | None:
        """Return the layer that gives the critic a trait, or None."""
        return self._layer_with(trait, "critic")

    def classifier_setting(self, trait: CriticTrait) -> str | None:
        """Return the layer that gives the classifier's own list a trait, or None."""
        return self._layer_with(trait, "classifier")

    def _layer_with(self, trait: CriticTrait, role: str) -> str | None:
        for i, layer in enumerate(getattr(self, role) or ()):
            normalized = trait == "spectral_norm" and getattr(layer, trait, False)
            if normalized or isinstance(layer, self.traits.get(trait, ())):
                return f"model.{role}[{i}]"
        return None
