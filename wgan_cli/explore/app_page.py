"""Layout and appearance of the whole page."""

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.themes import Base

from wgan_cli.explore.sampling_tab import SamplingTab
from wgan_cli.explore.source import Source
from wgan_cli.explore.training_tab import TrainingTab
from wgan_cli.explore.translation_tab import TranslationTab
from wgan_cli.report.templating import TEMPLATES

#: gradio's theme variables in terms of page.css, which follows the light or dark scheme.
_THEME = {
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


def build(source: Source | None, run: Path | None) -> gr.Blocks:
    """Build the page of a generator, a run, or both. Raises: WganError if there is no page for the generator."""
    name = source.generator.recipe.name if source else run.resolve().name if run else "wgan"
    with gr.Blocks(title=f"{name} - wgan explore", analytics_enabled=False, fill_width=True) as page:
        tab = None
        if source is not None:
            tab = (TranslationTab if source.generator.recipe.translates else SamplingTab)(page, source)
        if run is not None:
            training = TrainingTab(page, run, has_generator=source is not None)
            if tab is not None:
                tab.watch_file(training.timer)
    return page


def appearance() -> dict[str, Any]:
    """Return gradio's theme and the style sheet; nothing is loaded from elsewhere."""
    both_schemes = {f"{name}{scheme}": value for name, value in _THEME.items() for scheme in ("", "_dark")}
    theme = Base(
        primary_hue="blue", neutral_hue="stone", font=("system-ui", "sans-serif"), font_mono=("ui-monospace",)
    ).set(**both_schemes)
    charts, page = (TEMPLATES.get_template(f"{part}/templates/page.css").render() for part in ("report", "explore"))
    return {"theme": theme, "head": f"<style>\n{page}\n.training {{\n{charts}\n}}\n</style>"}
