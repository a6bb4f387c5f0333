"""The part of the page that follows a run."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from wgan_cli.errors import WganError
from wgan_cli.explore import html_parts
from wgan_cli.explore.component import Answer, Part, answering, html
from wgan_cli.explore.live import Mark, Seen, look

EVERY = 2.0  # seconds between two looks


class Training(Part):
    """Looks into the run's folder until it is over; where nothing is new there, nothing is read, drawn or sent."""

    def __init__(self, page: gr.Blocks, run: Path, has_generator: bool) -> None:
        super().__init__()
        self.run, self.has_generator = run, has_generator
        self.shown = html(elem_id="training")
        self.known = gr.State(None)
        self.timer = gr.Timer(EVERY)
        parts = [self.shown, self.known, self.timer, self.said]
        quietly = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": 4}
        page.load(self.begin, None, parts, **quietly)
        self.timer.tick(self.refresh, self.known, parts, **quietly)

    @answering
    def begin(self) -> Answer:
        return self._now(None)

    @answering
    def refresh(self, known: Mark | None) -> Answer:
        return self._now(known)

    def _now(self, known: Mark | None) -> Answer:
        try:
            seen = look(self.run, known)
        except WganError as error:  # it may be back at the next look
            return {self.said: html_parts.notice(error.message, error.hint), self.known: None}
        if seen is None:
            return {self.known: known}
        return {self.shown: html_parts.training(seen), self.known: seen.mark, self.said: self._words(seen),
                self.timer: gr.Timer(active=not seen.over)}  # fmt: skip

    def _words(self, seen: Seen) -> str:
        if self.has_generator:
            return ""
        if seen.mark.has_generator:
            return html_parts.notice(
                "The run has its first generator", "Start wgan explore again to draw with it.", "note"
            )
        words = "The generator comes with the run's first checkpoint"
        return html_parts.notice(words, "Until then this page follows the training.", "note")
