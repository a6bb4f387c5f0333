"""`model:` in a recipe: the network families."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from wgan_cli.recipe.base import invalid
from wgan_cli.recipe.layer_settings import (
    ALL_ROLES,
    INIT,
    Activation,
    ConditionalLatentSettings,
    CriticLayerSettings,
    FamilySettings,
    Init,
    LatentSettings,
    LayerSettings,
    Norm,
    SizeLimit,
    Width,
)


def _few(role: str, halvings: int, smallest: int = 1) -> SizeLimit:
    setting = f"model.{role}.channels"
    return SizeLimit(setting, halvings, smallest, f"give `{setting}` fewer values")


class MlpGeneratorSettings(LayerSettings):
    widths: tuple[Width, ...] = Field(
        (128, 256, 512, 1024), min_length=1, max_length=32, description="Widths of the hidden layers, in order."
    )
    norm: Norm = "batch"


class MlpCriticSettings(CriticLayerSettings):
    widths: tuple[Width, ...] = Field(
        (512, 256), min_length=1, max_length=32, description="Widths of the hidden layers, in order."
    )


class MlpSettings(ConditionalLatentSettings):
    """Fully connected networks on the flattened image (Goodfellow et al. 2014)."""

    roles: ClassVar[tuple[str, ...]] = ALL_ROLES

    name: Literal["mlp"] = "mlp"
    init: Init = Field("torch", description=INIT)
    generator: MlpGeneratorSettings = MlpGeneratorSettings.default()
    critic: MlpCriticSettings = MlpCriticSettings.default()


class DcganGeneratorSettings(LayerSettings):
    channels: tuple[Width, ...] = Field(
        (64, 32), min_length=1, max_length=5, description="Channels before each doubling of the size, in order."
    )
    kernel: int = Field(4, ge=2, le=9, description="Kernel size of the transposed convolutions.")
    norm: Norm = "batch"
    activation: Activation = "relu"


class DcganCriticSettings(CriticLayerSettings):
    channels: tuple[Width, ...] = Field(
        (32, 64), min_length=1, max_length=5, description="Channels after each halving of the size, in order."
    )
    kernel: int = Field(5, ge=2, le=9, description="Kernel size of the convolutions.")
    dense: tuple[Width, ...] = Field((), max_length=8, description="Widths of the fully connected layers that follow.")


class DcganSettings(ConditionalLatentSettings):
    """Strided convolutions (Radford et al. 2016)."""

    roles: ClassVar[tuple[str, ...]] = ALL_ROLES

    name: Literal["dcgan"] = "dcgan"
    generator: DcganGeneratorSettings = DcganGeneratorSettings.default()
    critic: DcganCriticSettings = DcganCriticSettings.default()

    def size_limits(self) -> list[SizeLimit]:
        return [
            _few(role, len(layers.channels), 2 if layers.norm == "instance" else 1)
            for role, layers in (("generator", self.generator), ("critic", self.critic))
        ]


class ResnetGeneratorSettings(LayerSettings):
    channels: tuple[Width, ...] = Field(
        (128, 128, 128, 128),
        min_length=2,
        max_length=6,
        description="Channels at the smallest size and after each doubling.",
    )
    norm: Norm = Field("batch", description="Normalization before each activation.")
    activation: Activation = Field("relu", description="Activation before each convolution of a block.")


class ResnetCriticSettings(CriticLayerSettings):
    channels: tuple[Width, ...] = Field(
        (128, 128, 128, 128), min_length=1, max_length=16, description="Channels after each block, in order."
    )
    halvings: int = Field(2, ge=1, le=5, description="Number of leading blocks that halve the size.")
    norm: Norm = Field("none", description="Normalization before each activation, except in the first block.")
    activation: Activation = Field("relu", description="Activation before each convolution of a block.")

    @model_validator(mode="after")
    def _check_halvings(self) -> ResnetCriticSettings:
        if self.halvings > len(self.channels):
            raise invalid(
                f"`model.critic.halvings` is {self.halvings}, but `model.critic.channels` defines only "
                f"{len(self.channels)} blocks",
                "lower `model.critic.halvings`, or give `model.critic.channels` more values",
            )
        return self


class ResnetSettings(LatentSettings):
    """Residual networks (Gulrajani et al. 2017, appendix F)."""

    roles: ClassVar[tuple[str, ...]] = ALL_ROLES

    name: Literal["resnet"] = "resnet"
    latent_dim: int = Field(128, ge=1, le=4096, description="Length of z.")
    init: Init = Field("glorot", description=INIT)
    generator: ResnetGeneratorSettings = ResnetGeneratorSettings.default()
    critic: ResnetCriticSettings = ResnetCriticSettings.default()

    def size_limits(self) -> list[SizeLimit]:
        halvings = self.critic.halvings
        at_smallest = halvings < len(self.critic.channels)  # blocks, and so norms, at the smallest size
        return [
            _few("generator", len(self.generator.channels) - 1, 2 if self.generator.norm == "instance" else 1),
            SizeLimit(
                "model.critic.halvings",
                halvings,
                2 if self.critic.norm == "instance" and at_smallest else 1,
                "lower `model.critic.halvings`",
            ),
        ]


_NO_NORM = "Always none: styles, or equalized weights, control the scale of activations."


class StyleGeneratorSettings(LayerSettings):
    channels: tuple[Width, ...] = Field(
        (64, 32, 16), min_length=2, max_length=6, description="Channels at the smallest size and after each doubling."
    )
    mapping_layers: int = Field(4, ge=1, le=32, description="Number of fully connected layers from z to w.")
    mapping_lr: float = Field(
        0.01, gt=0.0, le=1.0, description="Learning rate multiplier of the mapping layers, with `init: equalised`."
    )
    styling: Literal["demodulate", "adain"] = Field(
        "demodulate",
        description="Use of w: demodulate (modulated weights, Karras et al. 2020) or adain (modulated outputs, 2019).",
    )
    noise: bool = Field(True, description="Noise of learned strength after each convolution.")
    style_mixing: float = Field(
        0.9, ge=0.0, le=1.0, description="Probability of style mixing: a second w for the last layers, in training."
    )
    norm: Literal["none"] = Field("none", description=_NO_NORM)


class StyleCriticSettings(CriticLayerSettings):
    channels: tuple[Width, ...] = Field(
        (16, 32, 64), min_length=2, max_length=6, description="Channels at full size and after each halving."
    )
    dense: tuple[Width, ...] = Field(
        (128,), min_length=1, max_length=8, description="Widths of the fully connected layers that follow."
    )
    norm: Literal["none"] = Field("none", description=_NO_NORM)


class StyleSettings(ConditionalLatentSettings):
    """Style-based generator and residual critic (Karras et al. 2019 and 2020)."""

    has_style_space: ClassVar[bool] = True

    name: Literal["style"] = "style"
    latent_dim: int = Field(64, ge=1, le=4096, description="Length of z.")
    style_dim: int = Field(64, ge=1, le=4096, description="Length of w.")
    init: Init = Field("equalised", description=INIT)
    generator: StyleGeneratorSettings = StyleGeneratorSettings.default()
    critic: StyleCriticSettings = StyleCriticSettings.default()

    def size_limits(self) -> list[SizeLimit]:
        adain = self.generator.styling == "adain"  # an instance norm
        return [
            _few("generator", len(self.generator.channels) - 1, 2 if adain else 1),
            _few("critic", len(self.critic.channels) - 1),
        ]


class TranslatorSettings(LayerSettings):
    channels: Width = Field(64, description="Channels after the first convolution; each halving doubles them.")
    halvings: int = Field(2, ge=1, le=4, description="Number of halvings before the blocks, and doublings after them.")
    blocks: int = Field(6, ge=1, le=32, description="Number of residual blocks at the smallest size.")
    norm: Norm = Field("instance", description="Normalization after each convolution.")
    activation: Activation = Field("relu", description="Activation after each convolution except a block's last.")


class PatchCriticSettings(LayerSettings):
    channels: tuple[Width, ...] = Field(
        (64, 128, 256),
        min_length=2,
        max_length=6,
        description="Channels after each convolution; all but the last halve the size.",
    )
    kernel: int = Field(4, ge=3, le=9, description="Kernel size of the convolutions.")
    norm: Norm = Field("instance", description="Normalization after each convolution except the first.")
    spectral_norm: bool = Field(False, description="Spectral normalization of every layer (Miyato et al. 2018).")

    @property
    def halvings(self) -> int:
        """Number of times the size is halved."""
        return len(self.channels) - 1

    @property
    def batch_coupling(self) -> str | None:
        """Setting that makes an image's scores depend on the rest of its batch, or None."""
        return "norm" if self.norm == "batch" else None

    @property
    def penalty_conflict(self) -> str | None:
        """Setting that invalidates a per-sample gradient penalty, or None."""
        return self.batch_coupling


class TranslationSettings(FamilySettings):
    """Two residual translators with a patch critic for each side (Zhu et al. 2017)."""

    translates: ClassVar[bool] = True
    latent_dim: ClassVar[int] = 0
    conditional: ClassVar[bool] = False

    name: Literal["translation"] = "translation"
    init: Init = Field("normal", description=INIT)
    generator: TranslatorSettings = TranslatorSettings.default()
    critic: PatchCriticSettings = PatchCriticSettings.default()

    def size_limits(self) -> list[SizeLimit]:
        # A block mirrors one pixel at each edge; after its halvings the critic loses one pixel twice.
        return [
            SizeLimit("model.generator.halvings", self.generator.halvings, 2, "lower `model.generator.halvings`"),
            _few("critic", self.critic.halvings, 3),
        ]
