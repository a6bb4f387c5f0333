"""`wgan evaluate` of a generator that translates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from wgan_cli.cli.render.tables import print_rows, print_table

if TYPE_CHECKING:
    import torch
    from torch import nn

    from wgan_cli.evaluation.translation import TranslationEvaluation
    from wgan_cli.recipe import Recipe
    from wgan_cli.runs.checkpoint import Checkpoint


def evaluate_translation(
    generator: nn.Module, recipe: Recipe, checkpoint: Checkpoint, what: Path, data_root: Path, device: torch.device,
    count: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Measure both directions on images that the translators have not seen, and print what was found."""
    from wgan_cli.console import data, print_message
    from wgan_cli.evaluation.translation import make_translation_reference

    reference = make_translation_reference(recipe.data, data_root, device, print_message, count)
    found = reference.evaluate(generator, recipe, checkpoint.step)
    if as_json:
        result = {"checkpoint": str(what), "recipe": recipe.name, "step": checkpoint.step}
        shown = {"held_out": found.held_out, "seen_by_generator": found.seen, "features": found.features or None}
        data().print(json.dumps({**result, **shown, **found.as_dict()}), soft_wrap=True)
    else:
        _show(f"{what}: {checkpoint.source}", found)


def _show(title: str, found: TranslationEvaluation) -> None:
    from wgan_cli.console import data
    from wgan_cli.recipe.scores import SCORES

    seen = ", which the generator learnt from as well" if found.seen else ""
    print_rows(
        ("checkpoint", title),
        ("translated", f"a: {found.held_out['a']}; b: {found.held_out['b']}{seen}"),
        *((("features", found.features),) if found.features else ()),
    )
    directions = found.as_dict()
    names = [name for name in SCORES if all(name in scores for scores in directions.values())]
    rows = [(n, *(SCORES[n].format(scores[n]) for scores in directions.values()), SCORES[n].meaning) for n in names]
    headings = (direction.replace("_to_", " to ") for direction in directions)
    print_table(("", *headings, ""), rows, right=(1, 2))
    data().print(found.line(), soft_wrap=True)
