"""Base classes of the page's parts: error messages, and a generator whose file may change."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, TypeVar

import gradio as gr

from wgan_cli.errors import WganError, is_out_of_memory
from wgan_cli.explore import html_parts
from wgan_cli.explore.source import Source

#: One request at a time uses the generator; of queued slider events only the last one runs.
ONE_BY_ONE: dict[str, Any] = {
    "concurrency_id": "generator",
    "concurrency_limit": 1,
    "trigger_mode": "always_last",
    "show_progress": "hidden",
    "api_visibility": "private",
}
Updates = dict[Any, Any]  # new values by component; the others stay
Handler = TypeVar("Handler", bound=Callable[..., Updates])


def handler(function: Handler) -> Handler:
    """Decorate an event handler of a component: errors are shown on the page, and the rest stays."""

    @functools.wraps(function)
    def handle(component: Component, *values: Any) -> Updates:
        try:
            return function(component, *values)
        except WganError as error:
            shown = error
        except Exception as error:
            if is_out_of_memory(error):
                shown = WganError("out of memory", "use fewer images")
            elif os.environ.get("WGAN_DEBUG") == "1":
                raise
            else:
                hint = "this is a bug in wgan; report the traceback of WGAN_DEBUG=1 wgan explore"
                shown = WganError(f"{type(error).__name__}: {error}", hint)
        return {component.message: html_parts.notice(shown.message, shown.hint)}

    return handle  # pyright: ignore[reportReturnType]


def html(value: str = "", **options: Any) -> gr.HTML:
    """Create an HTML component styled by page.css instead of gradio."""
    return gr.HTML(value, apply_default_css=False, **options)


class Component:
    """A part of the page. message: where its messages appear."""

    def __init__(self) -> None:
        self.message = html(elem_classes="message")


class GeneratorComponent(Component):
    """A part of the page that uses a generator. outputs: components that every handler may update."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.head = html(html_parts.head(source))
        super().__init__()
        self.file_message = html(elem_classes="message")
        self.reload_button = gr.Button("Load the new generator", visible=False, elem_id="reload", size="sm")
        self.outputs = [self.message, self.file_message, self.reload_button]

    def watch_file(self, timer: gr.Timer) -> None:
        """Check the file whenever a timer ticks."""
        outputs = [self.file_message, self.reload_button]
        timer.tick(self.file_updates, None, outputs, show_progress="hidden", api_visibility="private")

    def done(self, shown: Updates) -> Updates:
        """Return the updates of a successful handler: what it shows, no error, and the state of the file."""
        return {self.message: "", **self.file_updates(), **shown}

    def file_updates(self) -> Updates:
        """Return the updates that show whether the file is gone or changed."""
        source, text, changed = self.source, "", self.source.changed()
        if source.newest() is None:
            text = html_parts.notice(f"{source.file} is gone", "The page keeps using the generator it loaded.", "note")
        elif changed:
            text = html_parts.notice(f"{source.path} has a new generator", "The page shows the previous one.", "note")
        return {self.file_message: text, self.reload_button: gr.update(visible=changed)}
