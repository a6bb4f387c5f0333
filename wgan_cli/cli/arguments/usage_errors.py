"""Usage errors, with a hint about what was typed."""

import difflib
import re
from collections.abc import Sequence
from itertools import pairwise

import typer
import typer.core

from wgan_cli.cli.arguments.foreign_names import ALIASES, COMMANDS, OPTIONS, POSITIONAL, SETTINGS
from wgan_cli.errors import WganError, did_you_mean


def explain_usage(error: typer.TyperException, arguments: Sequence[str]) -> tuple[str, str]:
    """Return message and hint of a usage error of a command line.

    An unknown option gets the nearest one, or the setting of that name; a wrong value, an example of its option.
    """
    context: typer.Context | None = getattr(error, "ctx", None)
    if context is None:  # an option without its value
        command = next((f" {word}" for word in arguments if not word.startswith("-")), "")
        return error.format_message(), f"see `wgan{command} --help`"
    if option := getattr(error, "option_name", None):
        return f"no such option: {option}", _about_option(option, context)
    if context.command.name == "evaluate" and "unexpected extra argument" in error.format_message():
        return error.format_message(), "compare generated images with real ones: wgan evaluate FAKE --against REAL"
    names = getattr(getattr(error, "param", None), "opts", [])
    examples = [line for line in (context.command.help or "").splitlines() if line.startswith(context.command_path)]
    examples.sort(key=lambda line: not set(names) & set(line.split()))  # those with the option first
    hint = ", for example: ".join((f"see `{context.command_path} --help`", *examples[:1]))
    for before, word in pairwise(arguments):
        if before in names and str(error):
            return f"invalid {before} {word[:40]}: {_plain(str(error))}", hint
    return error.format_message(), hint


def refuse_empty(arguments: Sequence[str]) -> None:
    """Raise a WganError for an empty argument, which an unset shell variable leaves; as a path, it is this folder."""
    for before, word in pairwise(["", *arguments]):
        if word.startswith("--") and word.find("=") == len(word) - 1:
            empty = word.removesuffix("=")
        elif word:
            continue
        else:
            empty = before if before.startswith("-") else "an argument"
        raise WganError(f"{empty} is empty", "give a value or leave it out; a shell variable may be unset")


def check_command(name: str, group: typer.core.TyperGroup) -> None:
    """Raise a WganError with the command that is meant, if there is no command of a name."""
    if name in group.commands or name in ALIASES or name.startswith("-"):
        return
    other = COMMANDS.get(name.replace("_", "-"))
    meant = f"`wgan {other}` does this; " if other else did_you_mean(name, group.commands)
    raise WganError(f"no such command: {name[:40]}", f"{meant}see `wgan --help`")


def _about_option(option: str, context: typer.Context) -> str:
    options = [name for parameter in context.command.params for name in parameter.opts if name.startswith("--")]
    name = option.lstrip("-").replace("_", "-").lower()
    trains = context.command.name in ("train", "tune")
    if name in ("tensorboard", "logger") and trains:
        return "every run writes RUN/tensorboard/; other trackers: --track wandb"
    if metavar := _positional(name, context):
        return f"name it without an option: `{context.command_path} {metavar}`"
    if trains and name in SETTINGS:
        return f"it is a setting: --set {SETTINGS[name]}"
    similar = _elsewhere(name, options, context) or _near(name, options, 0.8)
    if not similar and (near := difflib.get_close_matches(name, OPTIONS, n=1, cutoff=0.9)):  # a typo in such a name
        similar = _elsewhere(near[0], options, context)
    if trains and not similar:
        from wgan_cli.recipe.validation_errors import setting_named

        if setting := setting_named(name.replace("-", "_")):
            return f"it is a setting: --set {setting}=VALUE"
    similar = similar or _near(name, options, 0.7)
    meant = f"did you mean {' or '.join(f'`{name}`' for name in similar)}? " if similar else ""
    return f"{meant}see `{context.command_path} --help`"


def _near(name: str, options: list[str], cutoff: float) -> list[str]:
    """Return the options of a similar name, apart from the dashes."""
    bare = {option[2:]: option for option in options}
    return [bare[near] for near in difflib.get_close_matches(name, bare, n=1 if cutoff > 0.75 else 2, cutoff=cutoff)]


def _positional(name: str, context: typer.Context) -> str | None:
    """Return the argument of a command that stands for what `name` would name as an option."""
    arguments = [each for each in context.command.params if each.param_type_name == "argument"]
    metavars = [word for each in arguments for word in re.findall(r"\w+", each.metavar or "")]
    return next((metavar for metavar in POSITIONAL.get(name, ()) if metavar in metavars), None)


def _elsewhere(name: str, options: list[str], context: typer.Context) -> list[str]:
    """Return the options that other programs call `name`; --set only where it changes settings."""
    changes = context.command.name in ("train", "tune", "evaluate")
    found = (meant for meant in OPTIONS.get(name, ()) if changes or not meant.startswith("--set"))
    return [meant for meant in found if meant.split()[0] in options]


def _plain(problem: str) -> str:
    """Return what pydantic says about a value in plain words: `must be at least 10`."""
    problem = problem.partition(", unable to parse")[0].replace("Input should be", "must be")
    problem = problem.replace("greater than or equal to", "at least").replace("less than or equal to", "at most")
    return problem[:1].lower() + problem[1:]
