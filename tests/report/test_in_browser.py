"""The page in a real browser: the slider, the keyboard, the curves, narrow and wide, light and dark, and no network."""

from __future__ import annotations

from pathlib import Path

import pytest

from wgan_cli.report.facts import gather
from wgan_cli.report.html_page import write_page


@pytest.fixture(scope="module")
def pages(tmp_path_factory, tiny_run, trainer) -> dict[str, Path]:
    """The page of one run, and of two."""
    folder = tmp_path_factory.mktemp("pages")
    recipe = trainer.recipe("steps=6", "objective.gp_weight=3")
    other = trainer.run(recipe, folder / ("a_run_with_a_rather_long_name" * 2))
    pages = {"one": folder / "one.html", "two": folder / "two.html"}
    write_page(gather([tiny_run.path]), pages["one"])
    write_page(gather([tiny_run.path, other.path]), pages["two"])
    return pages


@pytest.fixture
def show(open_page, pages):
    """Open one of the pages; nothing may leave it."""
    return lambda name, **options: open_page(pages[name].as_uri(), **options)


def test_slider(show):
    page = show("one")
    image, slider = page.locator("figure.grid img"), page.get_by_label("Training step")
    last = image.get_attribute("src")
    assert slider.get_attribute("aria-valuetext") == "step 12"
    slider.focus()
    page.keyboard.press("Home")
    first = image.get_attribute("src")
    assert slider.get_attribute("aria-valuetext") == "step 0" and first != last
    assert page.locator(".reading").first.text_content().startswith("step 4: ")  # the first that was logged
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "step 6"
    slider.blur()
    page.keyboard.press("ArrowRight")  # anywhere on the page
    assert (slider.get_attribute("aria-valuetext"), image.get_attribute("src")) == ("step 12", last)
    assert page.locator(".reading").first.text_content().startswith("step 12: ")
    page.get_by_label("Play").click()
    assert slider.get_attribute("aria-valuetext") == "step 0"
    page.get_by_label("Play").wait_for()  # the label returns at the end
    assert slider.get_attribute("aria-valuetext") == "step 12"


def test_pointer_shows_values(show):
    page = show("one")
    chart = page.locator(".chart").first
    box = chart.locator("svg").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.13, box["y"] + 20)
    assert chart.locator(".reading").text_content().startswith("step 4: ")
    assert chart.locator(".cursor line").count() == 1
    page.mouse.move(0, 0)
    assert chart.locator(".reading").text_content().startswith("step 12: ")


def test_two_runs(show):
    page = show("two")
    slider = page.get_by_label("Training step")
    slider.focus()
    page.keyboard.press("Home")
    captions = page.locator("figure.grid figcaption span")
    assert captions.all_text_contents() == ["step 0", "step 0"]
    page.keyboard.press("End")
    assert captions.all_text_contents() == ["step 12", "step 6"]


@pytest.mark.parametrize("name", ["one", "two"])
@pytest.mark.parametrize("width", [320, 360, 1280])
def test_page_fits_its_window(show, name, width):
    page = show(name, viewport={"width": width, "height": 800})
    for summary in page.locator("summary").all():
        if summary.is_visible():
            summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def luminance(color: str) -> float:
    """Return the relative luminance of "rgb(r, g, b)", by the W3C's definition."""
    channels = [int(part) / 255 for part in color[4:-1].split(",")[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(show, scheme):
    page = show("two", color_scheme=scheme)

    def style(selector: str, name: str) -> list[float]:
        script = f"elements => elements.map(element => getComputedStyle(element).{name})"
        return [luminance(color) for color in page.locator(selector).evaluate_all(script)]

    paper, card = style("body", "backgroundColor")[0], style(".chart", "backgroundColor")[0]
    assert (paper > 0.5) == (scheme == "light")
    for selector, name, ground, least in (
        (".lead", "color", paper, 4.5), ("h1", "color", paper, 4.5), ("figcaption", "color", paper, 4.5),
        (".chart figcaption p", "color", card, 4.5), ("svg text", "fill", card, 4.5),
        (".curve path", "stroke", card, 3.0),
    ):  # fmt: skip
        for color in style(selector, name)[: None if name == "stroke" else 1]:
            assert (max(color, ground) + 0.05) / (min(color, ground) + 0.05) >= least, selector


def test_without_scripts(show):
    page = show("one", java_script_enabled=False)
    assert page.locator("figure.grid img").is_visible() and page.locator("figure.grid figcaption").is_visible()
    assert page.locator(".curve path").count() >= 5
    assert not page.locator(".time").is_visible()
