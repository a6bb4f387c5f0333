"""Help pages with conventional placeholders: `--steps N`, not `--steps <int range> [1<=x]`."""

from typing import Any

import typer
import typer.core

from wgan_cli.cli.arguments.foreign_names import ALIASES
from wgan_cli.cli.arguments.usage_errors import check_command
from wgan_cli.cli.launch import is_launched
from wgan_cli.console import print_message
from wgan_cli.utils.cores import others_since_start
from wgan_cli.utils.format import Activity

_METAVARS = {"<int>": "N", "<int range>": "N", "<float>": "X", "<float range>": "X", "<path>": "PATH", "<str>": "NAME"}


def _simplify(parameters: list[Any], ctx: typer.Context) -> None:
    """Give options a short placeholder, and flags and arguments none; errors name the range of a number."""
    for parameter in parameters:
        parameter._get_number_range_help_str = lambda: None
        if parameter.metavar is None:
            parameter.metavar = _METAVARS.get(parameter.display_type(ctx), "")
        if isinstance(parameter, typer.core.TyperArgument):
            parameter.display_type_rich = lambda ctx: None


class Command(typer.core.TyperCommand):
    """Command with a simplified help page."""

    def format_help(self, ctx: typer.Context, formatter: Any) -> None:
        _simplify(self.get_params(ctx), ctx)
        super().format_help(ctx, formatter)

    def collect_usage_pieces(self, ctx: typer.Context) -> list[str]:
        arguments = (each for each in self.get_params(ctx) if isinstance(each, typer.core.TyperArgument))
        return ["[OPTIONS]", *(f"{each.metavar}" if each.required else f"[{each.metavar}]" for each in arguments)]


class SlowCommand(Command):
    """Command that says that it imports torch, which takes seconds."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        others_since_start()
        if not ctx.params.get("quiet") and not is_launched():  # by torchrun, for one of several GPUs
            print_message(Activity("importing torch"))
        return rest


class Group(typer.core.TyperGroup):
    """Group of commands with a simplified help page and aliases."""

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:
        return super().get_command(ctx, ALIASES.get(cmd_name, cmd_name))

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:
        check_command(args[0], self)
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: typer.Context, formatter: Any) -> None:
        _simplify(self.get_params(ctx), ctx)
        super().format_help(ctx, formatter)
