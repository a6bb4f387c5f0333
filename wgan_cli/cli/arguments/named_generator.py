"""Names of bundled generators in place of a run or checkpoint."""

from pathlib import Path

from wgan_cli.console import print_message
from wgan_cli.runs.pretrained import located, read_card


def locate(path: Path) -> Path:
    """Return the run or file that a path or name stands for; print which one a name stands for."""
    from wgan_cli.recipe.scores import format_score, title_of

    found = located(path)
    if found == path:
        return path
    if found.is_dir():
        print_message(f"{path}: the run {found}, not the generator that comes with wgan")
    else:
        card = read_card(path.name)
        score = f"{title_of(card.score)} {format_score(card.score, card.value)}"
        print_message(f"{path}: the generator that comes with wgan, {score} (its card: wgan inspect {path})")
    return found
