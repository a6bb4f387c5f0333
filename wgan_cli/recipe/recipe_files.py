"""Recipe files: the packaged recipes by name, and files and run folders by path.

Imports no schema, so that help and completion start fast.
"""

import os
import shlex
from itertools import pairwise
from pathlib import Path

from wgan_cli.errors import WganError, describe_os_error, did_you_mean
from wgan_cli.utils.files import open_plain

DEFAULT_RECIPE = "digits_dcgan"
_EMNIST = ("letters", "balanced", "byclass", "bymerge", "digits", "mnist")
#: The recipe for a data set that is named instead of a recipe.
DATA_RECIPES = {
    "digits": "digits_dcgan",
    "mnist": "mnist_dcgan",
    "fashion_mnist": "fashion_dcgan",
    **dict.fromkeys(("kmnist", *map("emnist_{}".format, _EMNIST)), "mnist_dcgan"),
    **dict.fromkeys(("cifar10", "cifar100", "svhn"), "cifar10_dcgan"),
    **dict.fromkeys(("stl10", "stl10_unlabeled", "celeba"), "folder_dcgan"),
}
MAX_LENGTH = 100_000  # characters; a recipe is about a page
_PACKAGE = Path(__file__).resolve().parent.parent
#: Packaged recipes: in the installed package, or at the top of a checkout.
_FOLDER = next(filter(Path.is_dir, (_PACKAGE / "recipes", _PACKAGE.parent / "recipes")))


def recipe_names() -> list[str]:
    """Return the names of the packaged recipes, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def recipe_path(name: str) -> Path:
    """Return the file of a recipe, given the name of a packaged one, the path of a file, or a run folder.

    Raises: WganError with the nearest names.
    """
    path = Path(name)
    if name not in recipe_names() and os.path.isfile(path / "recipe.yaml"):  # a run folder
        return path / "recipe.yaml"
    if name in recipe_names():
        return _FOLDER / f"{name}.yaml"
    if os.path.isdir(path):
        raise WganError(
            f"{name} is a folder, not a recipe",
            f"to train on the images in it: --recipe folder_dcgan --set {shlex.quote(f'data.path={name}')}",
        )
    if path.suffix.lower() in (".yaml", ".yml") or os.path.dirname(name):
        if os.path.exists(path):  # False if the path itself is invalid
            return path
        raise WganError(f"recipe file {name} not found", "check the path, or choose one of `wgan recipes`")
    if usual := DATA_RECIPES.get(name.lower()):
        raise WganError(f"{name} is a data set, not a recipe", f"its recipe is {usual}; `wgan recipes` lists others")
    hint = did_you_mean(name, recipe_names()) or "give the path of a .yaml file, or choose a recipe: "
    raise WganError(f"unknown recipe {name!r}", f"{hint}`wgan recipes` lists all")


def recipe_title(path: Path) -> str:
    """Return a recipe file as errors call it: its path, or the file name of a packaged recipe."""
    return path.name if path.parent == _FOLDER else str(path)


def read_recipe_text(path: Path) -> str:
    """Return the text of a recipe file; of a file that is too long, only the start. Raises: WganError."""
    try:
        with open_plain(path) as file:
            return file.read(4 * MAX_LENGTH + 1).decode("utf-8")  # a character takes at most 4 bytes
    except OSError as error:
        message, hint = f"cannot read {path}: {describe_os_error(error)}", "give the path of a readable .yaml file"
    except UnicodeDecodeError:
        message, hint = f"{path} is not a text file", "give the path of a recipe, a .yaml file"
    raise WganError(message, hint)


def recipe_header(name: str) -> tuple[list[str], str]:
    """Return a recipe's first line as the --set settings of its command, and its purpose."""
    line = recipe_path(name).read_text(encoding="utf-8").partition("\n")[0]
    command, _, purpose = line.partition("  ")
    words = shlex.split(command)
    return [value for option, value in pairwise(words) if option == "--set"], purpose.strip()
