"""Usage errors, with a hint about what was typed."""

import difflib
import itertools

import typer

from wgan_cli.errors import did_you_mean


def explain_usage(error: typer.TyperException) -> tuple[str, str]:
    """Return message and hint of a usage error; an unknown option gets the nearest one, or the setting of that name."""
    context: typer.Context | None = getattr(error, "ctx", None)
    if context is None:
        return error.format_message(), "see `wgan --help`"
    if option := getattr(error, "option_name", None):
        return f"no such option: {option}", _about_option(option, context)
    examples = (line for line in (context.command.help or "").splitlines() if line.startswith(context.command_path))
    return error.format_message(), ", for example: ".join(
        (f"see `{context.command_path} --help`", *itertools.islice(examples, 1))
    )


def _about_option(option: str, context: typer.Context) -> str:
    options = [name for parameter in context.command.params for name in parameter.opts if name.startswith("--")]
    similar = difflib.get_close_matches(option, options, n=1, cutoff=0.8)
    if (
        context.command.name in ("train", "tune")
        and not similar
        and (setting := _setting(option.lstrip("-").replace("-", "_")))
    ):
        return f"it is a setting: --set {setting}=VALUE"
    return f"{did_you_mean(option, similar or options)}see `{context.command_path} --help`"


def _setting(name: str) -> str | None:
    """Return the dotted name of the setting with a name, or nearly so."""
    from wgan_cli.recipe.validation_errors import setting_named

    return setting_named(name)
