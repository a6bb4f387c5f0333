"""`model:` in a recipe: the network families."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from wgan_cli.recipe import layer_settings as layers
from wgan_cli.recipe.layer_settings import Activation, Init, LatentDim, Norms, Width
from wgan_cli.recipe.sequential.sequential_settings import SequentialSettings
from wgan_cli.recipe.settings import invalid

_Widths = tuple[Width, ...]
_Hidden = Annotated[_Widths, Field(min_length=1, max_length=32, description="Widths of the hidden layers.")]
_Levels = Annotated[_Widths, Field(min_length=2, max_length=8, description="Channels at each size, in order.")]
_Kernel = Annotated[int, Field(ge=2, le=9, description="Kernel size of the convolutions.")]
_Dense = Annotated[_Widths, Field(max_length=8, description="Widths of fully connected layers after the convolutions.")]
_Unused = Annotated[Literal["none"], Field(description="Always none: styles or equalized weights control the scale.")]


class MlpGeneratorSettings(layers.LayerSettings):
    """Hidden layers of the generator."""

    widths: _Hidden = (128, 256, 512, 1024)
    norm: Norms = "batch"

    @property
    def layers_with_norm(self) -> int:
        return len(self.widths)


class MlpCriticSettings(layers.CriticLayerSettings):
    """Hidden layers of the critic."""

    widths: _Hidden = (512, 256)

    @property
    def layers_with_norm(self) -> int:
        return len(self.widths)


class MlpSettings(layers.ConditionalLatentSettings):
    """Fully connected networks on the flattened image (Goodfellow et al. 2014)."""

    roles: ClassVar[tuple[str, ...]] = layers.ALL_ROLES

    name: Literal["mlp"] = "mlp"
    init: Init = "torch"
    generator: MlpGeneratorSettings = MlpGeneratorSettings.default()
    critic: MlpCriticSettings = MlpCriticSettings.default()


class DcganGeneratorSettings(layers.LayerSettings):
    """Convolutions that double the size."""

    channels: _Widths = Field((64, 32), min_length=1, max_length=7, description="Channels before each doubling.")
    upsample: layers.Upsample = "transpose"
    kernel: _Kernel = 4
    norm: Norms = "batch"
    activation: Activation = "relu"

    @property
    def layers_with_norm(self) -> int:
        return len(self.channels)

    @model_validator(mode="after")
    def _check_kernel(self) -> DcganGeneratorSettings:
        if self.upsample in ("nearest", "bilinear") and self.kernel % 2 == 0:
            problem = (
                f"`model.generator.kernel` is {self.kernel}, and a convolution after interpolation has an odd kernel"
            )
            raise invalid(problem, "set `model.generator.kernel` to 3, or `model.generator.upsample` to icnr")
        return self


class DcganCriticSettings(layers.CriticLayerSettings):
    """Strided convolutions."""

    channels: _Widths = Field((32, 64), min_length=1, max_length=7, description="Channels after each halving.")
    kernel: _Kernel = 5
    dense: _Dense = ()

    @property
    def layers_with_norm(self) -> int:
        return len(self.channels) + len(self.dense)


class DcganSettings(layers.ConditionalLatentSettings):
    """Strided convolutions (Radford et al. 2016)."""

    roles: ClassVar[tuple[str, ...]] = layers.ALL_ROLES

    name: Literal["dcgan"] = "dcgan"
    generator: DcganGeneratorSettings = DcganGeneratorSettings.default()
    critic: DcganCriticSettings = DcganCriticSettings.default()

    def size_limits(self) -> list[tuple[str, int, int]]:
        generator, critic = self.generator, self.critic
        smallest = {"generator": generator.norm_of(0), "critic": critic.norm_of(len(critic.channels) - 1)}
        return [
            (f"model.{role}.channels", len(own.channels), 2 if smallest[role] == "instance" else 1)
            for role, own in (("generator", generator), ("critic", critic))
        ]


class ResnetGeneratorSettings(layers.LayerSettings):
    """Residual blocks, the first at the smallest size."""

    channels: _Levels = (128,) * 4
    norm: Norms = "batch"
    activation: Activation = "relu"

    @property
    def layers_with_norm(self) -> int:
        return 2 * (len(self.channels) - 1) + 1  # two in each block, and one after the last


class ResnetCriticSettings(layers.CriticLayerSettings):
    """Residual blocks, of which the first ones halve the size."""

    channels: _Widths = Field((128,) * 4, min_length=1, max_length=16, description="Channels after each block.")
    halvings: int = Field(2, ge=1, le=7, description="Number of leading blocks that halve the size.")
    activation: Activation = "relu"

    @property
    def layers_with_norm(self) -> int:
        return 2 * (len(self.channels) - 1)  # two in each block but the first

    @model_validator(mode="after")
    def _check_halvings(self) -> ResnetCriticSettings:
        if self.halvings > (blocks := len(self.channels)):
            problem = f"`model.critic.halvings` is {self.halvings}, and `model.critic.channels` has {blocks} blocks"
            raise invalid(problem, "lower `model.critic.halvings`, or give `model.critic.channels` more values")
        return self


class ResnetSettings(layers.LatentSettings):
    """Residual networks (Gulrajani et al. 2017, appendix F)."""

    roles: ClassVar[tuple[str, ...]] = layers.ALL_ROLES

    name: Literal["resnet"] = "resnet"
    latent_dim: LatentDim = 128
    init: Init = "glorot"
    generator: ResnetGeneratorSettings = ResnetGeneratorSettings.default()
    critic: ResnetCriticSettings = ResnetCriticSettings.default()

    def size_limits(self) -> list[tuple[str, int, int]]:
        generator, critic = self.generator, self.critic
        at_smallest = map(critic.norm_of, range(2 * (critic.halvings - 1), critic.layers_with_norm))
        return [
            ("model.generator.channels", len(generator.channels) - 1, 2 if generator.norm_of(0) == "instance" else 1),
            ("model.critic.halvings", critic.halvings, 2 if "instance" in at_smallest else 1),
        ]


class StyleGeneratorSettings(layers.LayerSettings):
    """Mapping from z to a style w, and styled convolutions."""

    channels: _Levels = (64, 32, 16)
    mapping_layers: int = Field(4, ge=1, le=32, description="Number of fully connected layers from z to w.")
    mapping_lr: float = Field(
        0.01, gt=0.0, le=1.0, description="Mapping's learning rate multiplier (`init: equalised`)."
    )
    styling: Literal["demodulate", "adain"] = Field(
        "demodulate", description="Styles modulate weights (demodulate, Karras et al. 2020) or outputs (adain, 2019)."
    )
    noise: bool = Field(True, description="Noise of learned strength after each convolution.")
    style_mixing: float = Field(0.9, ge=0.0, le=1.0, description="Probability of a second w for the last layers.")
    norm: _Unused = "none"


class StyleCriticSettings(layers.CriticLayerSettings):
    """Residual blocks that halve the size."""

    channels: _Levels = (16, 32, 64)
    dense: Annotated[_Dense, Field(min_length=1)] = (128,)
    norm: _Unused = "none"


class StyleSettings(layers.ConditionalLatentSettings):
    """Style-based generator and residual critic (Karras et al. 2019 and 2020)."""

    has_style_space: ClassVar[bool] = True

    name: Literal["style"] = "style"
    latent_dim: LatentDim = 64
    style_dim: int = Field(64, ge=1, le=4096, description="Length of w.")
    init: Init = "equalised"
    generator: StyleGeneratorSettings = StyleGeneratorSettings.default()
    critic: StyleCriticSettings = StyleCriticSettings.default()

    @model_validator(mode="after")
    def _check_mapping_lr(self) -> StyleSettings:
        default = StyleGeneratorSettings.model_fields["mapping_lr"].default
        if self.init != "equalised" and self.generator.mapping_lr != default:
            raise invalid(
                "`model.generator.mapping_lr` has no effect without `model.init: equalised`",
                "leave out `model.generator.mapping_lr`, or set `model.init` to equalised",
            )
        return self

    @property
    def style_layers(self) -> int:
        """Number of layers that take a style each."""
        return 2 * len(self.generator.channels) - 1

    def size_limits(self) -> list[tuple[str, int, int]]:
        adain = self.generator.styling == "adain"  # an instance norm
        return [
            ("model.generator.channels", len(self.generator.channels) - 1, 2 if adain else 1),
            ("model.critic.channels", len(self.critic.channels) - 1, 1),
        ]


class TranslatorSettings(layers.LayerSettings):
    """Residual blocks between halvings and doublings of the size."""

    channels: Width = Field(64, description="Channels after the first convolution; each halving doubles them.")
    halvings: int = Field(2, ge=1, le=4, description="Number of halvings before the blocks, and doublings after them.")
    blocks: int = Field(6, ge=1, le=32, description="Number of residual blocks at the smallest size.")
    upsample: layers.Upsample = "transpose"
    norm: Norms = "instance"
    activation: Activation = "relu"

    @property
    def layers_with_norm(self) -> int:
        return 1 + 2 * self.halvings + 2 * self.blocks  # two in each block


class PatchCriticSettings(layers.LayerSettings):
    """Critic that scores patches of an image."""

    channels: _Widths = Field(
        (64, 128, 256), min_length=2, max_length=6, description="Channels; all but the last convolution halve the size."
    )
    kernel: int = Field(4, ge=3, le=9, description="Kernel size of the convolutions.")
    norm: Norms = "instance"
    spectral_norm: layers.SpectralNorm = False
    weight_norm: layers.WeightNorm = False

    @property
    def halvings(self) -> int:
        """Number of times the size is halved."""
        return len(self.channels) - 1

    @property
    def layers_with_norm(self) -> int:
        return len(self.channels) - 1  # all but the first


class TranslationSettings(layers.FamilySettings):
    """Two residual translators with a patch critic for each side (Zhu et al. 2017)."""

    translates: ClassVar[bool] = True
    latent_dim: ClassVar[int] = 0
    conditional: ClassVar[bool] = False

    name: Literal["translation"] = "translation"
    init: Init = "normal"
    generator: TranslatorSettings = TranslatorSettings.default()
    critic: PatchCriticSettings = PatchCriticSettings.default()

    def size_limits(self) -> list[tuple[str, int, int]]:
        # A block mirrors one pixel at each edge; after its halvings the critic loses one pixel twice.
        return [
            ("model.generator.halvings", self.generator.halvings, 2),
            ("model.critic.channels", self.critic.halvings, 3),
        ]


ModelSettings = Annotated[
    MlpSettings | DcganSettings | ResnetSettings | StyleSettings | TranslationSettings | SequentialSettings,
    Field(discriminator="name"),
]
