"""The part of the page that draws samples: a grid, controls that move it, and walks between images."""

from pathlib import Path
from typing import Any

import gradio as gr

from wgan_cli.explore import html_parts
from wgan_cli.explore.component import ONE_BY_ONE, GeneratorComponent, Updates, handler, html
from wgan_cli.explore.session import MAX_IMAGES, MAX_SEED, MAX_SHIFT, SamplingSession, View
from wgan_cli.explore.source import Source

_SCRIPT = Path(__file__).parent / "templates" / "grid.js"
_ALL_CLASSES = -1
_NO_WALK = html_parts.placeholder("Click two images above to interpolate between them.")
#: Raw control values go to the session, which reports invalid ones on the page instead of in the terminal.
_RAW = {**ONE_BY_ONE, "preprocess": False}


class SamplingTab(GeneratorComponent):
    """Samples of a generator that starts from noise."""

    def __init__(self, page: gr.Blocks, source: Source) -> None:
        self.session = SamplingSession(source)
        super().__init__(source)
        with gr.Row(elem_classes="desk"):
            with gr.Column(scale=3, min_width=300):
                self.grid = html(elem_id="grid", js_on_load=_SCRIPT.read_text(encoding="utf-8"))
                self.walk = html(_NO_WALK, elem_id="walk")
            with gr.Column(scale=1, min_width=300, elem_classes="controls"):
                self._create_controls()
        controls = [self.seed, self.count, self.label, self.psi, *self.shifts]
        drawn = [self.grid, *self.outputs]
        page.load(self.draw, controls, drawn, **_RAW)
        gr.on([control.input for control in controls], self.draw, controls, drawn, **_RAW)
        self.next.click(self.draw_next, controls, [self.seed, *drawn], **_RAW)
        self.reset.click(self.draw_reset, controls, [self.psi, *self.shifts, *drawn], **_RAW)
        self.reload_button.click(self.draw_reloaded, controls, [self.head, *drawn], **_RAW)
        self.grid.pick(self.draw_walk, controls, [self.walk, *self.outputs], **_RAW)

    def _create_controls(self) -> None:
        session = self.session
        html("<h2>Images</h2>")
        with gr.Row(elem_classes="seed"):
            self.seed = gr.Number(0, label="Seed", precision=0, min_width=120)
            self.next = gr.Button("Next seed", min_width=100)
        self.count = gr.Slider(1, MAX_IMAGES, View.count, step=1, label="Count")
        choices = [("all in turn", _ALL_CLASSES), *((name, i) for i, name in enumerate(session.class_names))]
        self.label = gr.Dropdown(choices, value=_ALL_CLASSES, label="Class", visible=bool(session.class_names))
        html("<p>The same seed gives the same images here and with <code>wgan sample</code>.</p>")
        self.psi = gr.Slider(0.0, 1.5, 1.0, step=0.05, label="Truncation", visible=session.has_styles)
        if session.has_styles:
            html("<p>Below 1: closer to the average image, cleaner and less varied.</p>")
        html(
            "<h2>Directions</h2><p>Each slider shifts all images along one direction of the latent space, ordered by "
            "how strongly the generator's first layer responds.</p>"
        )
        self.shifts = [
            gr.Slider(-MAX_SHIFT, MAX_SHIFT, 0.0, step=0.1, label=f"Direction {number}")
            for number in range(1, len(session.directions) + 1)
        ]
        html("<p>In standard deviations: most samples are between -2 and 2.</p>")
        self.reset = gr.Button("Reset sliders")

    def view(self, seed: Any, count: Any, label: Any, psi: Any, *shifts: Any) -> View:
        """Return the view that the controls describe."""
        return View(
            seed=seed,
            count=count,
            label=None if label == _ALL_CLASSES else label,
            psi=None if not self.session.has_styles or psi == 1 else psi,
            shifts=shifts if any(shifts) else (),
        )

    @handler
    def draw(self, *values: Any) -> Updates:
        return self._draw(self.view(*values))

    @handler
    def draw_next(self, seed: Any, *values: Any) -> Updates:
        following = min((seed or 0) + 1, MAX_SEED)
        return {self.seed: following, **self._draw(self.view(following, *values))}

    @handler
    def draw_reset(self, seed: Any, count: Any, label: Any, *_: Any) -> Updates:
        defaults = [1.0, *[0.0] * len(self.shifts)]
        sliders = dict(zip([self.psi, *self.shifts], defaults, strict=True))
        return sliders | self._draw(self.view(seed, count, label, *defaults))

    @handler
    def draw_reloaded(self, *values: Any) -> Updates:
        self.session.reload()
        return {self.head: html_parts.head(self.source), **self._draw(self.view(*values))}

    @handler
    def draw_walk(self, picked: gr.EventData, *values: Any) -> Updates:
        ends: list[Any] = [getattr(picked, end, None) for end in ("first", "second")]
        first, second = ends
        images = self.session.walk(self.view(*values), first, second)
        return self.done({self.walk: html_parts.walk(images, first, second, bool(self.session.class_names))})

    def _draw(self, view: View) -> Updates:
        images, labels = self.session.images(view), self.session.labels(view, range(view.count))
        return self.done({self.grid: html_parts.grid(images, view, self.session.class_names, labels)})
