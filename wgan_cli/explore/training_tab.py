"""The part of the page that follows a run."""

from pathlib import Path
from typing import Any

import gradio as gr

from wgan_cli.errors import WganError
from wgan_cli.explore import html_parts
from wgan_cli.explore.component import Component, Updates, handler, html
from wgan_cli.explore.live import Fingerprint, read_snapshot

POLL_SECONDS = 2.0


class TrainingTab(Component):
    """State, grid and curves of a run, polled until it ends and sent only if something is new."""

    def __init__(self, page: gr.Blocks, run: Path, has_generator: bool) -> None:
        super().__init__()
        self.run, self.has_generator = run, has_generator
        self.shown = html(elem_id="training")
        self.known = gr.State(None)
        self.timer = gr.Timer(POLL_SECONDS)
        outputs = [self.shown, self.known, self.timer, self.message]
        options: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": 4}
        page.load(self.refresh, None, outputs, **options)
        self.timer.tick(self.refresh, self.known, outputs, **options)

    @handler
    def refresh(self, known: Fingerprint | None = None) -> Updates:
        try:
            snapshot = read_snapshot(self.run, known)
        except WganError as error:  # it may be readable the next time
            return {self.message: html_parts.notice(error.message, error.hint), self.known: None}
        if snapshot is None:
            return {self.known: known}
        notice = ""
        if not self.has_generator and snapshot.fingerprint.has_generator:
            notice = html_parts.notice("The run has saved a generator", "Restart wgan explore to use it.", "note")
        elif not self.has_generator:
            notice = html_parts.notice("No generator yet", "The run saves one with its first checkpoint.", "note")
        return {
            self.shown: html_parts.training(snapshot),
            self.known: snapshot.fingerprint,
            self.message: notice,
            self.timer: gr.Timer(active=not snapshot.ended),
        }
