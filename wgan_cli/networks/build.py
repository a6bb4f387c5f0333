"""Networks by name: a family is a module with a class for each role, built from settings and the image's shape."""

from __future__ import annotations

from torch import nn

from wgan_cli.errors import WganError
from wgan_cli.networks import dcgan, mlp, resnet, stylegan, translator
from wgan_cli.networks.layers import apply_spectral_norm, initialize
from wgan_cli.recipe import ImageShape, Recipe
from wgan_cli.recipe.registry import registered

FAMILIES = {
    "mlp": mlp,
    "dcgan": dcgan,
    "resnet": resnet,
    "style": stylegan,
    "translation": translator,
}
ROLES = {"generator": "Generator", "critic": "Critic"}  # which every family has
FURTHER_ROLES = {"encoder": "Encoder", "classifier": "Classifier"}  # of some: their settings' `roles` say which


def build_network(role: str, recipe: Recipe, image: ImageShape) -> nn.Module:
    """Build one network of a recipe with first weights from torch's random state.

    Args:
        role: one that the family has.
        image: height, width and channels of the data.
    Raises: WganError where the settings do not fit the image's size.
    """
    check_fits(recipe, image)
    network = initialize(_class_of(recipe.model.name, role)(recipe.model, image), recipe.model.init)
    return apply_spectral_norm(network) if role == "critic" and recipe.model.critic.spectral_norm else network


def _class_of(family: str, role: str) -> type[nn.Module]:
    """A family's network. Raises: WganError for somebody who adds a family, and forgot something."""
    module = registered(FAMILIES, "model.name", family, "wgan_cli.networks.FAMILIES")
    name = (ROLES | FURTHER_ROLES)[role]
    if not hasattr(module, name):
        raise WganError(
            f"the settings of {family} name the role {role}, and {module.__name__} has no class {name}",
            f"write the class {name}, or leave {role} out of the `roles` of the settings",
        )
    return getattr(module, name)


def check_fits(recipe: Recipe, image: ImageShape) -> None:
    """Refuse an image size that the networks' stages cannot reach, naming the setting to change."""
    if image.size % 4 or not 8 <= image.size <= 128:
        raise WganError(
            f"images of {recipe.data.title} are {image.size} pixels wide, and networks take 8 to 128, divisible by 4",
            "resize them, for example --set data.image_size=32",
        )
    if recipe.model.conditional and image.num_classes < 2:
        raise WganError(
            f"`model.conditional` is true, and the images of {recipe.data.title} have no classes to learn",
            "put the images of each class into a folder of its own, or --set model.conditional=false",
        )
    problem = recipe.model.size_problem(image.size)
    if problem:
        what, repair = problem
        raise WganError(what, f"{repair}, or resize with --set data.image_size=32")
