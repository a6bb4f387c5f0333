"""`objective:` in a recipe: one class per objective, told apart by `name`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from wgan_cli.recipe.base import Settings


class TwoPlayerSettings(Settings):
    """What every objective of one critic and one generator has."""

    n_critic: int = Field(1, ge=1, le=100, description="critic steps before each generator step")
    class_weight: float = Field(
        1.0, ge=0.0, le=1e6, description="of the critic's naming of classes, with `model.condition: classifier`"
    )
    generator_class_weight: float = Field(
        0.1, ge=0.0, le=1e6, description="of how it names the generator's images, with `model.condition: classifier`"
    )


class WganGpSettings(TwoPlayerSettings):
    """Wasserstein GAN with gradient penalty."""

    paper: ClassVar[str] = "Gulrajani et al. 2017, Improved Training of Wasserstein GANs"
    scores_each_image_alone: ClassVar[bool] = True  # the penalty is per image, so batch norm in the critic breaks it

    name: Literal["wgan_gp"] = "wgan_gp"
    gp_weight: float = Field(10.0, ge=0.0, le=1e6, description="the paper's lambda")
    n_critic: int = Field(5, ge=1, le=100, description="critic steps before each generator step")
    gp_every: int = Field(1, ge=1, le=100, description="penalise every so many critic steps, as many times as hard")


ObjectiveSettings = WganGpSettings
