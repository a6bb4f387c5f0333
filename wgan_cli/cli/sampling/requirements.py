"""Options that not every generator supports."""

from collections.abc import Mapping, Sequence

from wgan_cli.errors import WganError
from wgan_cli.outputs.sampling import parse_classes
from wgan_cli.runs.checkpoint import Checkpoint


def chosen_classes(texts: Sequence[str] | None, checkpoint: Checkpoint) -> list[int] | None:
    """Return the classes of --class, or None. Raises: WganError for a generator without classes, or another name."""
    if texts is None:
        return None
    if not checkpoint.recipe.model.conditional:
        hint = "remove --class, or train with --set model.conditional=true"
        raise WganError("--class needs a conditional generator", hint)
    return parse_classes(texts, checkpoint.class_names)


def check_style_options(options: Mapping[str, object], checkpoint: Checkpoint) -> None:
    """Raise a WganError for the first option with a value if the generator has no style space."""
    model = checkpoint.recipe.model
    for option, value in options.items():
        if value is not None and not model.has_style_space:
            raise WganError(
                f"{option} needs a style space, which {model.name} does not have",
                f"remove {option}, or train a style-based generator such as mnist_style",
            )
