"""Registry of network families, and construction of a recipe's networks."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import nn

from wgan_cli.errors import WganError
from wgan_cli.networks import dcgan, mlp, resnet, sequential, stylegan, translator
from wgan_cli.networks.critic import Critic
from wgan_cli.networks.encoder import Classifier, Encoder
from wgan_cli.networks.layers import initialize, normalize_weights
from wgan_cli.recipe import ImageShape, Recipe
from wgan_cli.recipe.data_settings import SIDES
from wgan_cli.recipe.decoding_types import DIVISOR, LARGEST, SMALLEST, is_supported, size_text
from wgan_cli.recipe.layer_settings import CriticLayerSettings
from wgan_cli.recipe.settings import registered

Builder = Callable[[Any, ImageShape], nn.Module]  # from the family's settings and the image shape


def family(generator: Builder, body: Callable[..., Any]) -> dict[str, Builder]:
    """Return builders by role for a family whose critic, encoder and classifier share the layers of a body."""
    return {
        "generator": generator,
        "critic": partial(Critic, body),
        "encoder": partial(Encoder, body),
        "classifier": partial(Classifier, body),
    }


FAMILIES: dict[str, Mapping[str, Builder]] = {
    "mlp": family(mlp.Generator, mlp.MlpBody),
    "dcgan": family(dcgan.Generator, dcgan.DcganBody),
    "resnet": family(resnet.Generator, resnet.ResnetBody),
    "style": family(stylegan.Generator, stylegan.StyleBody),
    "sequential": {
        "generator": sequential.Generator,
        "critic": partial(Critic, sequential.body("critic")),
        "encoder": partial(Encoder, sequential.body("encoder")),
        "classifier": partial(Classifier, sequential.body("classifier")),
    },
    "translation": {"generator": translator.Generator, "critic": translator.Critic},
}


def build_network(role: str, recipe: Recipe, image: ImageShape) -> nn.Module:
    """Build one network of a recipe, with weights drawn from torch's global random generator.

    Raises: WganError if the settings do not fit the image size.
    """
    _check_fits(recipe, image)
    builders = registered(FAMILIES, "model.name", recipe.model.name, "wgan_cli.networks.build.FAMILIES")
    build = registered(builders, "role", role, f"wgan_cli.networks.build.FAMILIES[{recipe.model.name!r}]")
    network = initialize(build(recipe.model, image), recipe.model.init)
    options = recipe.model.critic_options if role == "critic" else CriticLayerSettings.default()
    return normalize_weights(network, options.spectral_norm, options.weight_norm)


def _check_fits(recipe: Recipe, image: ImageShape) -> None:
    """Refuse images that the networks cannot process. Raises: WganError naming the setting to change."""
    nearest = size_text(recipe.model.nearest_size(image.size))
    sides = [f"data.{side}" for side in SIDES] if recipe.translates else ["data"]
    resize = f"resize with {' '.join(f'--set {data}.image_size={nearest}' for data in sides)}"
    if not is_supported(image.size):
        raise WganError(
            f"images of {recipe.data.title} are {image.height}x{image.width} pixels; networks take sides from "
            f"{SMALLEST} to {LARGEST}, divisible by {DIVISOR}",
            resize,
        )
    if recipe.model.conditional and image.num_classes < 2:
        raise WganError(
            f"`model.conditional` is true, but the images of {recipe.data.title} have no classes",
            f"{recipe.data.how_to_label}, or --set model.conditional=false",
        )
    if problem := recipe.model.size_problem(image.size):
        message, fix = problem
        raise WganError(message, f"{fix}, or {resize}")
