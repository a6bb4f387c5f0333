"""The part of the page that translates a user's own images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from wgan_cli.explore import html_parts
from wgan_cli.explore.component import ONE_BY_ONE, Answer, OfGenerator, answering, html
from wgan_cli.explore.source import Source
from wgan_cli.explore.translation_session import MOST_FILES, Desk


class Translating(OfGenerator):
    """Of a generator that translates between two sides of images."""

    def __init__(self, page: gr.Blocks, source: Source) -> None:
        self.desk = Desk(source)
        super().__init__(source)
        with gr.Row(elem_classes="desk"):
            with gr.Column(scale=3, min_width=300):
                self.pairs = html(html_parts.no_pairs())
            with gr.Column(scale=1, min_width=300, elem_classes="controls"):
                html("<h2>Your images</h2>")
                self.files = gr.File(
                    label=f"Up to {MOST_FILES} images", file_count="multiple", file_types=["image"], height=180
                )
                a, b = (self.desk.side(name) for name in "ab")
                self.to = gr.Radio([(f"from {a} to {b}", "b"), (f"from {b} to {a}", "a")], value="b", label="Way")
                shape = source.generator.image
                html(f"<p>They become {shape} first, as the images that it learnt from. They stay here.</p>")
        given = [self.files, self.to]
        shown = [self.pairs, *self.always]
        gr.on([self.files.change, self.to.input], self.translate, given, shown, **ONE_BY_ONE)
        self.newer.click(self.translate_newer, given, [self.head, *shown], **ONE_BY_ONE)

    @answering
    def translate(self, files: Any, to: Any) -> Answer:
        if not files:
            return self.done({self.pairs: html_parts.no_pairs()})
        made = self.desk.translate([Path(file) for file in files], to)
        return self.done({self.pairs: html_parts.translations(made)})

    @answering
    def translate_newer(self, files: Any, to: Any) -> Answer:
        self.desk.reload()
        return {self.head: html_parts.head(self.source), **self.translate(files, to)}
