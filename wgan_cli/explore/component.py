"""What the parts of a page have in common: a line for what is to be said, and a generator that may change."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import gradio as gr

from wgan_cli.errors import WganError, is_out_of_memory
from wgan_cli.explore import html_parts
from wgan_cli.explore.source import Source

#: One request at a time has the generator; of a slider's many events the last one waits, and the others are dropped.
ONE_BY_ONE = {
    "concurrency_id": "generator",
    "concurrency_limit": 1,
    "trigger_mode": "always_last",
    "show_progress": "hidden",
    "api_visibility": "private",
}
Answer = dict[Any, Any]  # by component: what it shows from now on; all others stay as they are


def answering(handler: Callable[..., Answer]) -> Callable[..., Answer]:
    """A handler of a part that says on the page what goes wrong, and leaves the rest as it was."""

    @functools.wraps(handler)
    def answer(part: Part, *given: Any) -> Answer:
        try:
            return handler(part, *given)
        except WganError as error:
            wrong = error
        except Exception as error:
            if is_out_of_memory(error):
                wrong = WganError("there is not enough memory for this", "ask for fewer images")
            else:
                if os.environ.get("WGAN_DEBUG") == "1":
                    raise
                fault = f"{type(error).__name__}: {error}"
                wrong = WganError(
                    fault, "this is a bug in wgan; run WGAN_DEBUG=1 wgan explore and report the traceback"
                )
        return {part.said: html_parts.notice(wrong.message, wrong.hint)}

    return answer


def html(value: str = "", **options: Any) -> gr.HTML:
    """A piece of the page that looks as page.css says, and not as gradio's texts."""
    return gr.HTML(value, apply_default_css=False, **options)


class Part:
    """A part of the page. said: where its messages stand."""

    def __init__(self) -> None:
        self.said = html(elem_classes="said")


class OfGenerator(Part):
    """A part that works with a source's generator. fate: where it stands what has become of the file."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.head = html(html_parts.head(source))
        super().__init__()
        self.fate = html(elem_classes="said")
        self.newer = gr.Button("Load the newer generator", visible=False, elem_id="newer", size="sm")
        self.always = [self.said, self.fate, self.newer]  # of what every handler may answer

    def look_with(self, timer: gr.Timer) -> None:
        """Look at the file again whenever a timer ticks."""
        timer.tick(self.news, None, [self.fate, self.newer], show_progress="hidden", api_visibility="private")

    def done(self, shown: Answer) -> Answer:
        """The answer of a handler that worked: what to show, nothing wrong, and how the file is."""
        return {self.said: "", **self.news(), **shown}

    def news(self) -> Answer:
        """What is to be said of the file, and whether the button that loads it anew is there."""
        source, words = self.source, ""
        changed = not source.gone() and source.changed()
        if source.gone():
            words = html_parts.notice(
                f"{source.file} is gone", "You see the generator that was in it, as long as wgan explore runs.", "note"
            )
        elif changed:
            words = html_parts.notice(f"{source.path} has another generator by now", "You see the one before.", "note")
        return {self.fate: words, self.newer: gr.update(visible=changed)}
