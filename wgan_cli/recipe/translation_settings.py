"""Settings of what translates between two sides of images: its networks and its objective."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from wgan_cli.recipe.base import Settings
from wgan_cli.recipe.layer_settings import INITS, Activation, Condition, Init, LayerSettings, Norm, Width
from wgan_cli.recipe.objective_settings import AnyObjective


class TranslatorSettings(LayerSettings):
    channels: Width = Field(64, description="after the first convolution; each halving of the size doubles them")
    halvings: int = Field(2, ge=1, le=4, description="of the size before the blocks; as many doublings after them")
    blocks: int = Field(6, ge=1, le=32, description="residual blocks at the smallest size")
    norm: Norm = Field("instance", description="after each convolution")
    activation: Activation = Field("relu", description="after each convolution but a block's last")


class PatchCriticSettings(LayerSettings):
    channels: tuple[Width, ...] = Field(
        (64, 128, 256), min_length=2, max_length=6, description="after each convolution; all but the last halve"
    )
    kernel: int = Field(4, ge=3, le=9, description="of the convolutions, in pixels")
    norm: Norm = Field("instance", description="normalisation after each convolution but the first")
    spectral_norm: bool = Field(
        False, description="divide each layer's weights by their largest stretch (Miyato et al. 2018)"
    )

    @property
    def halvings(self) -> int:
        """How often it halves the size."""
        return len(self.channels) - 1

    @property
    def mixes_images(self) -> str | None:
        """The setting by which an image's scores depend on the others of its batch, or None."""
        return "norm" if self.norm == "batch" else None

    @property
    def spoils_penalties(self) -> str | None:
        """The same: the setting that leaves a penalty of each image's own gradient without meaning."""
        return self.mixes_images


class TranslationSettings(Settings):
    """Two residual translators with a patch critic for each side (Zhu et al. 2017)."""

    translates: ClassVar[bool] = True
    roles: ClassVar[tuple[str, ...]] = ("generator", "critic")
    has_style_space: ClassVar[bool] = False
    latent_dim: ClassVar[int] = 0  # its generator starts from an image
    conditional: ClassVar[bool] = False

    name: Literal["translation"] = "translation"
    init: Init = Field("normal", description=INITS)
    generator: TranslatorSettings = TranslatorSettings()
    critic: PatchCriticSettings = PatchCriticSettings()

    def shows_critic(self, way: Condition) -> bool:
        """Its critics learn of no classes."""
        return False

    def size_problem(self, image_size: int) -> tuple[str, str] | None:
        """Say which setting asks for more halvings than the size allows, and what to do; None if all fit."""
        lower, fewer = "lower `model.generator.halvings`", "give `model.critic.channels` fewer values"
        # A block mirrors one pixel at each edge; after its halvings the critic takes one pixel off twice.
        for role, halvings, least, repair in (
            ("generator", self.generator.halvings, 2, lower),
            ("critic", self.critic.halvings, 3, fewer),
        ):
            left, odd = divmod(image_size, 2**halvings)
            if odd or left < least:
                return f"the {role} halves images {halvings} times, which is too often for {image_size} pixels", repair
        return None


class CycleganSettings(AnyObjective):
    """Two translators that lead back to where they started, and a critic for each side."""

    paper: ClassVar[str] = "Zhu et al. 2017, Unpaired Image-to-Image Translation (CycleGAN)"
    translates: ClassVar[bool] = True
    penalties: ClassVar[tuple[str, ...]] = ()
    instance_noise: ClassVar[float] = 0.0  # it has none
    # Through each translator: there, back, and the side that it leaves alone; each critic sees real and fake.
    keeps: ClassVar[tuple[dict[str, int], ...]] = ({"generator": 3, "critic": 1}, {"critic": 2})

    name: Literal["cyclegan"] = "cyclegan"
    cycle_weight: float = Field(10.0, ge=0.0, le=1e6, description="of the way there and back; the paper's lambda")
    identity_weight: float = Field(
        5.0, ge=0.0, le=1e6, description="of leaving an image of the target side alone; half of lambda in the paper"
    )
    pool_size: int = Field(
        50, ge=0, le=10_000, description="translations of each side that are kept, to show critics older ones; 0 none"
    )
