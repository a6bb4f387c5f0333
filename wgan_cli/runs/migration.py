"""Conversion of checkpoints written by earlier versions to the current format.

To change what a checkpoint contains, or the name or meaning of a recipe's setting: raise VERSION, add a step to STEPS,
and keep a file written by the previous version in tests/runs/old. A new setting needs no step if its default is how it
was before.
"""

from collections.abc import Callable
from typing import Any

from wgan_cli.recipe.objective_base import without_unused
from wgan_cli.recipe.renamed import with_current_names, with_former_defaults, with_former_size

Content = dict[str, Any]

FORMAT = "wgan"
VERSION = 5


def migrated(content: Content, version: int) -> Content:
    """Return the content of a file of an earlier version in the current format, without changing the argument.

    Raises: AttributeError, KeyError, TypeError for content that no version has written.
    """
    for number in range(version, VERSION):
        content = STEPS[number](content)
    return content


#: First components of weight names before critics, encoders and classifiers were made of a stem, a body and a head;
#: all others are the body's.
_MODULES = {
    "critic": {
        "enter": "stem",
        "to_score": "head.to_score",
        "to_classes": "head.to_classes",
        "of_batch": "head.batch_score",
    },
    "encoder": {"enter": "stem", "to_moments": "head"},
    "classifier": {"to_classes": "head", "real_centres": "real_centers", "fake_centres": "fake_centers"},
}


def rename_modules(content: Content) -> Content:
    """Return the content with the current names of weights. Content that has them already stays as it is."""
    content = {**content, "networks": _rename_networks(content["networks"])}
    training = content["training"]
    best = training.get("best") if isinstance(training, dict) else None
    if isinstance(best, dict) and "others" in best:
        content["training"] = {**training, "best": {**best, "others": _rename_networks(best["others"])}}
    return content


def _rename_networks(networks: Any) -> dict[str, Any]:
    renamed = {}
    for role, weights in networks.items():
        # Current names, or those of a translation critic, are kept.
        old = role in _MODULES and not any(name.startswith(("head.", "of_a.")) for name in weights)
        renamed[role] = {_current(role, name): tensor for name, tensor in weights.items()} if old else weights
    return renamed


def _current(role: str, name: str) -> str:
    modules = {"body": "body.layers", **_MODULES[role]}
    first, _, rest = name.partition(".")
    return f"{modules.get(first, f'body.{first}')}.{rest.replace('centres', 'centers')}"


def _from_2(content: Content) -> Content:
    """Version 3 renamed settings and the weights of critics, encoders and classifiers."""
    return rename_modules({**content, "recipe": without_unused(with_current_names(content["recipe"]))})


def _from_3(content: Content) -> Content:
    """Version 4 added settings of how images are read, and their defaults differ from how it was before."""
    return {**content, "recipe": with_former_defaults(content["recipe"])}


def _from_4(content: Content) -> Content:
    """Version 5 added images that aren't square."""
    image = {**content["image"]}
    side = image.pop("size")
    recipe = with_former_size(content["recipe"], side)
    return {**content, "recipe": recipe, "image": {"height": side, "width": side, **image}}


#: Conversion of each version to the next. Version 2 added a checksum around the content.
STEPS: dict[int, Callable[[Content], Content]] = {1: lambda content: content, 2: _from_2, 3: _from_3, 4: _from_4}
