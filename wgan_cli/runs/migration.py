"""Content of checkpoints as earlier versions of the program wrote it, made what this one reads.

Whoever changes what a checkpoint holds, or the name or meaning of a recipe's setting, raises VERSION and adds a step
here; a file that the older program wrote goes into tests/runs/old. A setting that is only new needs none: its default
is how it was before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Content = dict[str, Any]

FORMAT = "wgan"
VERSION = 3  # raised when an older program could not read the file rightly; from 2 on a file carries its checksum


def migrated(content: Content, version: int) -> Content:
    """The content of a file of a version as the newest has it; the given content stays as it is.

    Raises: KeyError, TypeError for content that no version of the program wrote.
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
    if not isinstance(networks, dict) or not all(isinstance(weights, dict) for weights in networks.values()):
        raise TypeError("networks must be weights by role")
    return {role: _rename_weights(role, weights) if role in _MODULES else weights for role, weights in networks.items()}


def _rename_weights(role: str, weights: dict[str, Any]) -> dict[str, Any]:
    if not all(isinstance(name, str) for name in weights):
        raise TypeError("names of weights must be strings")
    if any(name.startswith(("head.", "of_a.")) for name in weights):  # new, or a translation critic
        return weights
    modules = {"body": "body.layers", **_MODULES[role]}
    renamed = {}
    for name, tensor in weights.items():
        first, _, rest = name.partition(".")
        rest = rest.replace("centres", "centers")
        renamed[f"{modules.get(first, f'body.{first}')}.{rest}"] = tensor
    return renamed


def _from_1(content: Content) -> Content:
    """Version 2 put a checksum around the content, which is the same."""
    return content


#: By version: what makes a file's content that of the next one.
STEPS: dict[int, Callable[[Content], Content]] = {1: _from_1, 2: rename_modules}
