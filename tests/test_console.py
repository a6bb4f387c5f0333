"""Messages and activities on a terminal and in a pipe."""

import io

import pytest
from rich.console import Console

from wgan_cli import console
from wgan_cli.utils.format import Activity

SHOW_CURSOR = "\x1b[?25h"


@pytest.fixture
def shown(monkeypatch):
    """Function that sets the console on stderr and returns what is written to it."""

    def use(terminal: bool) -> io.StringIO:
        written = io.StringIO()
        made = Console(file=written, force_terminal=terminal, width=80, color_system=None)
        monkeypatch.setattr(console, "messages", lambda: made)
        return written

    monkeypatch.setattr(console, "_shown", console._ShownActivity())
    yield use
    console.end_activity()


def test_activities_on_a_terminal_are_removed_by_the_next_message(shown):
    written = shown(terminal=True)
    console.print_message(Activity("decoded 10 of 20 photos", 10, 20))
    assert SHOW_CURSOR not in written.getvalue()
    console.print_message("done")
    before, _, after = written.getvalue().rpartition(SHOW_CURSOR)
    assert "decoded 10 of 20 photos" in before and after.strip().endswith("done")


@pytest.mark.parametrize("end", [console.data, lambda: console.print_error("no", "try")])
def test_other_output_ends_an_activity(shown, end):
    written = shown(terminal=True)
    console.print_message(Activity("importing torch"))
    end()
    assert SHOW_CURSOR in written.getvalue()


def test_activities_in_a_pipe_are_rare_lines(shown, monkeypatch):
    written, now = shown(terminal=False), [100.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    console.print_message(Activity("importing torch"))
    for done in range(20):
        console.print_message(Activity(f"decoded {done} of 20 photos", done, 20))
        now[0] += console.PLAIN_SECONDS / 5
    assert written.getvalue().splitlines() == [f"decoded {done} of 20 photos" for done in (0, 5, 10, 15)]
