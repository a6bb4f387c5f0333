"""The part of the page that translates the user's images."""

from pathlib import Path
from typing import Any

import gradio as gr

from wgan_cli.explore import html_parts
from wgan_cli.explore.component import ONE_BY_ONE, GeneratorComponent, Updates, handler, html
from wgan_cli.explore.source import Source
from wgan_cli.explore.translation_session import MAX_FILES, TranslationSession

_EMPTY = html_parts.placeholder("Your images appear here next to their translations.")


class TranslationTab(GeneratorComponent):
    """Translations by a generator between two image domains."""

    def __init__(self, page: gr.Blocks, source: Source) -> None:
        self.session = TranslationSession(source)
        super().__init__(source)
        with gr.Row(elem_classes="desk"):
            with gr.Column(scale=3, min_width=300):
                self.pairs = html(_EMPTY)
            with gr.Column(scale=1, min_width=300, elem_classes="controls"):
                html("<h2>Your images</h2>")
                self.files = gr.File(
                    label=f"Up to {MAX_FILES} images", file_count="multiple", file_types=["image"], height=180
                )
                a, b = map(self.session.title, "ab")
                self.to = gr.Radio([(f"from {a} to {b}", "b"), (f"from {b} to {a}", "a")], value="b", label="Direction")
                shape = source.generator.image
                html(f"<p>They are resized to {shape}, like the training images. They stay on this machine.</p>")
        inputs, outputs = [self.files, self.to], [self.pairs, *self.outputs]
        gr.on([self.files.change, self.to.input], self.translate, inputs, outputs, **ONE_BY_ONE)
        self.reload_button.click(self.translate_reloaded, inputs, [self.head, *outputs], **ONE_BY_ONE)

    @handler
    def translate(self, files: Any, to: Any) -> Updates:
        if not files:
            return self.done({self.pairs: _EMPTY})
        translated = self.session.translate([Path(file) for file in files], to)
        return self.done({self.pairs: html_parts.translations(translated)})

    @handler
    def translate_reloaded(self, files: Any, to: Any) -> Updates:
        self.session.reload()
        return {self.head: html_parts.head(self.source), **self.translate(files, to)}
