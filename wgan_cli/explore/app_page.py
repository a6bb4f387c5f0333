"""The page as a whole: which parts it has, and how it looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from wgan_cli.explore.sampling_tab import Drawing
from wgan_cli.explore.source import Source
from wgan_cli.explore.training_tab import Training
from wgan_cli.explore.translation_tab import Translating
from wgan_cli.recipe import Recipe

HERE = Path(__file__).parent
#: Of gradio's own names for looks, by those of page.css, which know light from dark.
_LOOKS = {
    "body_background_fill": "var(--paper)",
    "body_text_color": "var(--ink)",
    "body_text_color_subdued": "var(--soft)",
    "block_background_fill": "var(--card)",
    "block_border_color": "var(--line)",
    "block_label_text_color": "var(--ink)",
    "block_title_text_color": "var(--ink)",
    "border_color_primary": "var(--line)",
    "button_border_width": "1px",
    "button_secondary_background_fill": "var(--card)",
    "button_secondary_background_fill_hover": "var(--paper)",
    "button_secondary_border_color": "var(--line)",
    "button_secondary_text_color": "var(--accent)",
    "input_background_fill": "var(--paper)",
    "input_border_color": "var(--line)",
    "slider_color": "var(--accent)",
}
_IN_BOTH = {f"{name}{scheme}": value for name, value in _LOOKS.items() for scheme in ("", "_dark")}


def build(source: Source | None, run: Path | None) -> gr.Blocks:
    """The page of a generator, or of a run, or of both.

    Args:
        source: None for a run that has no generator yet.
    Raises: WganError where there is nothing that such a generator could do here.
    """
    name = source.generator.recipe.name if source else run.resolve().name
    with gr.Blocks(title=f"{name} - wgan explore", analytics_enabled=False, fill_width=True) as page:
        if source is not None:
            works = (Translating if _translates(source.generator.recipe) else Drawing)(page, source)
        if run is not None:
            follows = Training(page, run, has_generator=source is not None)
        if source is not None and run is not None:
            works.look_with(follows.timer)
    return page


def _translates(recipe: Recipe) -> bool:
    return recipe.translates


def look() -> dict[str, Any]:
    """The page's looks, as gradio takes them: fonts of the machine, and nothing that lies elsewhere."""
    theme = gr.themes.Base(
        primary_hue="blue", neutral_hue="stone", font=("system-ui", "sans-serif"), font_mono=("ui-monospace",)
    ).set(**_IN_BOTH)
    charts = (HERE.parent / "report" / "page.css").read_text(encoding="utf-8")
    own = (HERE / "page.css").read_text(encoding="utf-8")
    return {"theme": theme, "head": f"<style>\n{own}\n.training {{\n{charts}\n}}\n</style>"}
