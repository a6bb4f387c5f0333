"""Options that several commands share."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from wgan_cli.cli.arguments.completion import complete_checkpoint, complete_recipe
from wgan_cli.errors import WganError
from wgan_cli.recipe.recipe_files import DEFAULT_RECIPE
from wgan_cli.utils.cores import leave_busy_cores

if TYPE_CHECKING:
    import torch

MAX_SEED = 2**63 - 1
Command = TypeVar("Command", bound=Callable[..., Any])

_run_or_ckpt = typer.Argument(
    metavar="RUN|CKPT|NAME",
    help="Run folder, checkpoint, bundled generator, or hf:OWNER/NAME.",
    autocompletion=complete_checkpoint,
)
seed_option = partial(typer.Option, "--seed", min=0, max=MAX_SEED, help="Random seed.")

RunOrCkpt = Annotated[Path, _run_or_ckpt]
OptionalRunOrCkpt = Annotated[Path | None, _run_or_ckpt]
Targets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RECIPE|DATA...",
        help="Recipe, or images: folders, archives, files such as .npz, .h5 or .parquet, or a dataset.",
        autocompletion=complete_recipe,
    ),
]
RecipeOption = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        metavar="NAME|FILE",
        help=rf"Recipe. \[default: {DEFAULT_RECIPE}]",
        autocompletion=complete_recipe,
    ),
]
Images = Annotated[
    list[str] | None, typer.Option("--data", metavar="PATH", help="Images to train the recipe on; repeatable.")
]
Device = Annotated[str, typer.Option("--device", metavar="DEVICE", help="Device: auto, cpu, cuda, cuda:N or mps.")]
Seed = Annotated[int, seed_option()]
OptionalSeed = Annotated[int | None, seed_option()]
DataRoot = Annotated[
    Path | None, typer.Option("--data-root", help=r"Folder of datasets. \[default: $WGAN_DATA, else a cache folder]")
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Recipe setting to change; repeatable.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def is_given(context: typer.Context, name: str) -> bool:
    """Return True if the option of a parameter was typed, also with its default value."""
    return getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"


def given_options(context: typer.Context, names: Iterable[str]) -> list[str]:
    """Return the words that give some parameters again, for a command to type next."""
    options = {parameter.name: parameter.opts[0] for parameter in context.command.params}
    return [word for name in names if is_given(context, name) for word in (options[name], str(context.params[name]))]


def refuse_given(context: typer.Context, names: Iterable[str], reason: str, instead: str = "") -> None:
    """Raise a WganError for the first of some parameters whose option was typed.

    Args:
        reason: why it has no effect; follows the option's name. instead: end of the hint.
    """
    options = {parameter.name: parameter.opts[0] for parameter in context.command.params}
    for name in names:
        if is_given(context, name):
            raise WganError(f"{options[name]} {reason}", f"remove {options[name]}{instead}")


def examples(*lines: str) -> Callable[[Command], Command]:
    """Decorate a command with example command lines for the end of its help."""

    def add_examples(command: Command) -> Command:
        command.__doc__ = "\n".join((f"{command.__doc__}\n", "[bold]Examples[/bold]", *lines))
        return command

    return add_examples


def command_device(name: str) -> "torch.device":
    """Return the device of `--device`; on a CPU, use only the cores that other processes leave. Raises: WganError."""
    from wgan_cli.runs.environment import resolve_device

    device = resolve_device(name)
    if device.type == "cpu":
        leave_busy_cores()
    return device
