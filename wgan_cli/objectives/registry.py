"""Registry of objectives by name."""

from collections.abc import Callable

from wgan_cli.objectives.cvae_gan import cvae_gan
from wgan_cli.objectives.cyclegan import cyclegan
from wgan_cli.objectives.gan import gan
from wgan_cli.objectives.hinge import hinge
from wgan_cli.objectives.lsgan import lsgan
from wgan_cli.objectives.objective import Objective
from wgan_cli.objectives.r3gan import r3gan
from wgan_cli.objectives.wgan import wgan, wgan_gp
from wgan_cli.recipe import ImageShape, Recipe
from wgan_cli.recipe.settings import registered

OBJECTIVES: dict[str, Callable[[Recipe, ImageShape], Objective]] = {
    "wgan_gp": wgan_gp,
    "wgan": wgan,
    "gan": gan,
    "lsgan": lsgan,
    "hinge": hinge,
    "r3gan": r3gan,
    "cvae_gan": cvae_gan,
    "cyclegan": cyclegan,
}


def build_objective(recipe: Recipe, image: ImageShape) -> Objective:
    """Build the objective that a recipe names, for images of a shape.

    Raises: WganError if an objective has settings but no entry in OBJECTIVES.
    """
    build = registered(OBJECTIVES, "objective.name", recipe.objective.name, "wgan_cli.objectives.registry.OBJECTIVES")
    return build(recipe, image)
