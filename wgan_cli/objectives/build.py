"""Objectives by name: each turns its settings into phases."""

from __future__ import annotations

from wgan_cli.objectives.base import Objective
from wgan_cli.objectives.cvae_gan import cvae_gan
from wgan_cli.objectives.cyclegan import cyclegan
from wgan_cli.objectives.gan import gan
from wgan_cli.objectives.hinge import hinge
from wgan_cli.objectives.lsgan import lsgan
from wgan_cli.objectives.r3gan import r3gan
from wgan_cli.objectives.wgan import wgan, wgan_gp
from wgan_cli.recipe import ImageShape, Recipe
from wgan_cli.recipe.registry import registered

OBJECTIVES = {
    "wgan_gp": wgan_gp,
    "wgan": wgan,
    "gan": gan,
    "lsgan": lsgan,
    "hinge": hinge,
    "r3gan": r3gan,
    "cvae_gan": cvae_gan,
    "cyclegan": cyclegan,
}
#: Those that remember images, and so must know of what shape they are.
REMEMBER_IMAGES = {cyclegan}


def build_objective(recipe: Recipe, image: ImageShape | None = None) -> Objective:
    """The objective that a recipe names, as its networks need it.

    Args:
        image: the data's shape, which those of REMEMBER_IMAGES ask for.
    """
    build = registered(OBJECTIVES, "objective.name", recipe.objective.name, "wgan_cli.objectives.OBJECTIVES")
    return build(recipe, image) if build in REMEMBER_IMAGES else build(recipe)
