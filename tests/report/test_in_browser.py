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
    other = trainer.run(
        trainer.recipe("steps=6", "objective.gp_weight=3"), folder / ("a_run_with_a_rather_long_name" * 2)
    )
    made = {"one": [tiny_run.path], "two": [tiny_run.path, other.path]}
    for name, runs in made.items():
        write_page(gather(runs), folder / f"{name}.html")
    return {name: folder / f"{name}.html" for name in made}


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


def test_play(show):
    page = show("one")
    slider = page.get_by_label("Training step")
    page.get_by_label("Play").click()
    assert slider.get_attribute("aria-valuetext") == "step 0"
    page.get_by_label("Play").wait_for()  # it says so again when it has come to the end
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


def luminance(colour: str) -> float:
    """Of "rgb(r, g, b)", by the W3C's definition."""
    channels = [int(part) / 255 for part in colour[4:-1].split(",")[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(show, scheme):
    page = show("two", color_scheme=scheme)
    of = "element => [getComputedStyle(element).color, getComputedStyle(element).fill]"
    paper = luminance(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    card = luminance(page.locator(".chart").first.evaluate("element => getComputedStyle(element).backgroundColor"))
    assert (paper > 0.5) == (scheme == "light")
    for words, ground in ((".lead", paper), ("h1", paper), ("figcaption", paper), (".chart figcaption p", card)):
        colour = luminance(page.locator(words).first.evaluate(of)[0])
        assert (max(colour, ground) + 0.05) / (min(colour, ground) + 0.05) >= 4.5, words
    tick = luminance(page.locator("svg text").first.evaluate(of)[1])
    assert (max(tick, card) + 0.05) / (min(tick, card) + 0.05) >= 4.5
    for curve in page.locator(".curve path").all():
        colour = luminance(curve.evaluate("element => getComputedStyle(element).stroke"))
        assert (max(colour, card) + 0.05) / (min(colour, card) + 0.05) >= 3.0


def test_without_scripts(show):
    page = show("one", java_script_enabled=False)
    assert page.locator("figure.grid img").is_visible() and page.locator("figure.grid figcaption").is_visible()
    assert page.locator(".curve path").count() >= 5
    assert not page.locator(".time").is_visible()
