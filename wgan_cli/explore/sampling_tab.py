"""The part of the page that draws: samples, sliders that move them, and walks from one to another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from wgan_cli.explore import html_parts
from wgan_cli.explore.component import ONE_BY_ONE, Answer, OfGenerator, answering, html
from wgan_cli.explore.session import MOST_IMAGES, MOST_MOVE, MOST_SEED, Studio, View
from wgan_cli.explore.source import Source

_SCRIPT = Path(__file__).parent / "grid.js"
_IN_TURN = -1  # of the classes: all of them
#: What the controls hold goes to the studio as it is: what is wrong with it is said on the page, not in the terminal.
_AS_IT_IS = {**ONE_BY_ONE, "preprocess": False}


class Drawing(OfGenerator):
    """Of a generator that starts from noise."""

    def __init__(self, page: gr.Blocks, source: Source) -> None:
        self.studio = Studio(source)
        super().__init__(source)
        with gr.Row(elem_classes="desk"):
            with gr.Column(scale=3, min_width=300):
                self.grid = html(elem_id="grid", js_on_load=_SCRIPT.read_text(encoding="utf-8"))
                self.walk = html(html_parts.no_walk(), elem_id="walk")
            with gr.Column(scale=1, min_width=300, elem_classes="controls"):
                self._place_controls()
        controls = [self.seed, self.count, self.label, self.psi, *self.moves]
        on_samples = [self.grid, *self.always]
        page.load(self.draw, controls, on_samples, **_AS_IT_IS)
        gr.on([each.input for each in controls], self.draw, controls, on_samples, **_AS_IT_IS)
        self.next.click(self.draw_next, controls, [self.seed, *on_samples], **_AS_IT_IS)
        self.back.click(self.draw_unmoved, controls, [self.psi, *self.moves, *on_samples], **_AS_IT_IS)
        self.newer.click(self.draw_newer, controls, [self.head, *on_samples], **_AS_IT_IS)
        self.grid.pick(self.go, controls, [self.walk, *self.always], **_AS_IT_IS)

    def _place_controls(self) -> None:
        studio = self.studio
        html("<h2>Which images</h2>")
        with gr.Row(elem_classes="seed"):
            self.seed = gr.Number(0, label="Seed", precision=0, min_width=120)
            self.next = gr.Button("Next seed", min_width=100)
        self.count = gr.Slider(1, MOST_IMAGES, View.count, step=1, label="How many")
        choices = [("all in turn", _IN_TURN), *((name, number) for number, name in enumerate(studio.class_names))]
        self.label = gr.Dropdown(choices, value=_IN_TURN, label="Class", visible=bool(studio.class_names))
        html("<p>A seed always draws the same images, here and with <code>wgan sample</code>.</p>")
        self.psi = gr.Slider(0.0, 1.5, 1.0, step=0.05, label="Truncation", visible=studio.has_styles)
        if studio.has_styles:
            html("<p>Below 1: nearer to the average image, cleaner and more alike. 1: as they are.</p>")
        html(
            "<h2>What changes them most</h2><p>Each slider moves all images one way through the space that they come "
            "from. The first is the way that the generator's first layer answers to most. "
            "No one named them: slide, and see.</p>"
        )
        self.moves = [
            gr.Slider(-MOST_MOVE, MOST_MOVE, 0.0, step=0.1, label=f"Direction {number}")
            for number in range(1, len(studio.directions) + 1)
        ]
        html("<p>In standard deviations: most images lie between -2 and 2.</p>")
        self.back = gr.Button("All sliders back")

    def view(self, seed: Any, count: Any, label: Any, psi: Any, *moves: Any) -> View:
        """What the controls ask for."""
        return View(
            seed=seed,
            count=count,
            label=None if label == _IN_TURN else label,
            psi=None if not self.studio.has_styles or psi == 1 else psi,
            moves=moves if any(moves) else (),
        )

    @answering
    def draw(self, *given: Any) -> Answer:
        return self._drawn(self.view(*given))

    @answering
    def draw_next(self, seed: Any, *given: Any) -> Answer:
        following = min((seed or 0) + 1, MOST_SEED)
        return {self.seed: following, **self._drawn(self.view(following, *given))}

    @answering
    def draw_unmoved(self, seed: Any, count: Any, label: Any, *_: Any) -> Answer:
        moved = [self.psi, *self.moves]
        still = [1.0, *[0.0] * len(self.moves)]
        return dict(zip(moved, still, strict=True)) | self._drawn(self.view(seed, count, label, *still))

    @answering
    def draw_newer(self, *given: Any) -> Answer:
        self.studio.reload()
        return {self.head: html_parts.head(self.source), **self._drawn(self.view(*given))}

    @answering
    def go(self, picked: gr.EventData, *given: Any) -> Answer:
        first, second = (picked._data.get(end) for end in ("first", "second"))
        images = self.studio.walk(self.view(*given), first, second)
        return self.done({self.walk: html_parts.walk(images, first, second, bool(self.studio.class_names))})

    def _drawn(self, view: View) -> Answer:
        images, labels = self.studio.images(view), self.studio.labels(view, range(view.count))
        return self.done({self.grid: html_parts.grid(images, view, self.studio.class_names, labels)})
