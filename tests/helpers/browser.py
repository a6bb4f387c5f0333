"""A real browser for tests of HTML pages, if one is installed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
Allows = Callable[[str], bool]


@pytest.fixture(scope="session")
def browser() -> Iterator:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: .[browser-tests]")
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"there is none of the browsers {', '.join(BROWSERS)}")
    with playwright.sync_playwright() as started:
        yield started.chromium.launch(executable_path=found, args=["--no-sandbox"])


@pytest.fixture
def open_page(browser) -> Iterator[Callable[..., Any]]:
    """Open an address; nothing may go wrong in a page, or be asked for that `allows` does not, while it is open."""
    opened, wrong = [], []

    def open_(address: str, allows: Allows = lambda url: False, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        opened.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: None if _local(request.url, allows) else wrong.append(request.url))
        page.goto(address)
        return page

    yield open_
    for context in opened:
        context.close()
    assert wrong == []


def _local(url: str, allows: Allows) -> bool:
    return not url.startswith(("http", "ws")) or allows(url)
