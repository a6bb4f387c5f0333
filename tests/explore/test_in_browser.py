"""The page in a real browser, from a click to the pixels, and without any network but this machine's own."""

from __future__ import annotations

import base64
import io
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wgan_cli.explore.address import listen, url_of
from wgan_cli.explore.folder import own_folder
from wgan_cli.outputs.sampling import to_uint8
from wgan_cli.runs.lock import only_trainer
from wgan_cli.runs.run_dir import is_run

pytest.importorskip("gradio", reason="gradio is not installed: pip install 'wgan[web]'")


@contextmanager
def serving(source, run: Path | None) -> Iterator[str]:
    from wgan_cli.explore.server import Server, application, build

    with own_folder(), listen("127.0.0.1", None) as opened:
        ready = threading.Event()
        server = Server(application(build(source, run)), ready.set)
        thread = threading.Thread(target=server.run, args=([opened],))
        thread.start()
        assert ready.wait(30)
        yield url_of(opened)
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture
def show(open_page, source) -> Iterator[Callable]:
    """Open the page of a run or a file; nothing may go wrong in it, and nothing be asked of another machine."""
    with ExitStack() as stack:

        def open_(path: Path, has_generator: bool = True, **options):
            url = stack.enter_context(serving(source(path) if has_generator else None, path if is_run(path) else None))
            return open_page(url, allows=lambda asked: asked.split("/")[2] == url.split("/")[2], **options)

        yield open_


def grid_of(page) -> np.ndarray:
    """The pixels of the grid, (N, H, W)."""
    page.wait_for_selector("#grid button img")
    found = page.locator("#grid img").evaluate_all("images => images.map(image => image.src)")
    return np.stack([np.asarray(Image.open(io.BytesIO(base64.b64decode(each.split(",")[1])))) for each in found])


def wait_for_another(page, before: np.ndarray) -> np.ndarray:
    """The grid when it is not that any more."""
    first = page.locator("#grid img").first.get_attribute("src")
    if np.array_equal(grid_of(page), before):
        page.wait_for_function("old => document.querySelector('#grid img')?.src !== old", arg=first)
    return grid_of(page)


def drawn(source, path: Path, seed: int, count: int) -> np.ndarray:
    return to_uint8(source(path).generator.sample(count, seed=seed))[:, 0].numpy()


def set_slider(page, name: str, value: float) -> None:
    box = page.get_by_label(f"number input for {name}", exact=True)
    box.fill(str(value))
    box.press("Enter")
    box.blur()


def test_the_grid_is_that_of_wgan_sample_and_changes_with_the_seed(show, source, tiny_run):
    page = show(tiny_run.path)
    first = grid_of(page)
    np.testing.assert_array_equal(first, drawn(source, tiny_run.path, 0, 36))
    page.get_by_role("button", name="Next seed").click()
    second = wait_for_another(page, first)
    np.testing.assert_array_equal(second, drawn(source, tiny_run.path, 1, 36))
    assert page.get_by_label("Seed", exact=True).input_value() == "1"
    page.get_by_label("Seed", exact=True).fill("7")
    np.testing.assert_array_equal(wait_for_another(page, second), drawn(source, tiny_run.path, 7, 36))
    with page.expect_download() as download:
        page.get_by_role("link", name="Save as PNG").click()
    with Image.open(download.value.path()) as picture:
        assert (picture.format, picture.size) == ("PNG", (6 * 30 + 2, 6 * 30 + 2))
        np.testing.assert_array_equal(np.asarray(picture)[2:30, 32:60, 0], drawn(source, tiny_run.path, 7, 2)[1])


def test_a_slider_moves_the_images_and_comes_back(show, tiny_run):
    page = show(tiny_run.path)
    still = grid_of(page)
    set_slider(page, "Direction 1", 3)
    moved = wait_for_another(page, still)
    assert not np.array_equal(moved, still)
    page.get_by_role("button", name="All sliders back").click()
    np.testing.assert_array_equal(wait_for_another(page, moved), still)
    # By the keyboard, many events at once: the last one counts.
    slider = page.get_by_label("range slider for Direction 2", exact=True)
    slider.focus()
    for _ in range(15):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)
    page.wait_for_function("() => !document.querySelector('.pending')")
    assert page.get_by_label("number input for Direction 2", exact=True).input_value() == "1.5"
    assert not np.array_equal(wait_for_another(page, still), still)


def test_two_picked_images_make_a_walk_that_can_be_saved(show, tiny_run):
    page = show(tiny_run.path)
    images = grid_of(page)
    buttons = page.locator("#grid button")
    buttons.nth(4).click()
    assert buttons.nth(4).get_attribute("aria-pressed") == "true"
    buttons.nth(4).click()  # never mind
    assert buttons.nth(4).get_attribute("aria-pressed") == "false"
    buttons.nth(0).focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowRight", "Enter"):  # to image 7
        page.keyboard.press(key)
    buttons.nth(20).click()
    page.get_by_text("From image 7 to image 20, and back").wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="Save as GIF").click()
    assert download.value.suggested_filename == "walk_7_20.gif"
    with Image.open(download.value.path()) as animation:
        assert animation.format == "GIF" and animation.n_frames == 48 and animation.info["loop"] == 0
        first = np.asarray(animation.convert("L"))[::8, ::8]
        animation.seek(24)
        np.testing.assert_array_equal(np.asarray(animation.convert("L"))[::8, ::8], images[20])
    np.testing.assert_array_equal(first, images[7])


def test_of_a_generator_with_styles_and_classes(show, source, styled_run):
    page = show(styled_run.generator_file)
    first = grid_of(page)
    np.testing.assert_array_equal(first, drawn(source, styled_run.path, 0, 36))
    set_slider(page, "Truncation", 0)
    mean = wait_for_another(page, first)
    np.testing.assert_array_equal(mean[0], mean[10])  # the mean of a class
    page.get_by_label("Class", exact=True).click()
    page.get_by_role("option", name="3", exact=True).click()
    only = wait_for_another(page, mean)
    assert all(np.array_equal(each, mean[3]) for each in only)


def test_what_is_wrong_is_said_on_the_page(show, own_run):
    page = show(own_run.generator_file)
    before = grid_of(page)
    set_slider(page, "How many", 5)
    page.wait_for_function("() => document.querySelectorAll('#grid img').length === 5")
    page.get_by_label("Seed", exact=True).fill("-5")
    page.get_by_text("the seed is -5").wait_for()
    shutil.copy(own_run.checkpoint_file(6), own_run.generator_file)
    page.get_by_label("Seed", exact=True).fill("0")
    page.get_by_text("has another generator by now").wait_for()
    np.testing.assert_array_equal(grid_of(page), before[:5])
    page.get_by_role("button", name="Load the newer generator").click()
    page.get_by_text("step 6 of tiny").wait_for()
    assert not np.array_equal(grid_of(page), before[:5])
    own_run.generator_file.unlink()
    page.get_by_role("button", name="Next seed").click()
    page.get_by_text("is gone").wait_for()


def test_a_run_that_trains_is_followed_until_it_ends(show, own_run):
    last = json.loads(own_run.metrics_file.read_text().splitlines()[-1])
    lines = own_run.metrics_file.read_text().splitlines(keepends=True)
    own_run.metrics_file.write_text("".join(lines[:-1]))
    shutil.move(own_run.sample_file(12), own_run.path / "later.png")
    with only_trainer(own_run):
        page = show(own_run.path)
        page.get_by_text("training: 8 of 12 steps").wait_for()
        assert page.locator(".newest img").get_attribute("alt") == "Samples of step 6"
        before = page.locator(".training svg path.curve").first.get_attribute("d")
        with own_run.metrics_file.open("a") as file:
            file.write(json.dumps({**last, "step": 11}) + "\n")
        shutil.move(own_run.path / "later.png", own_run.sample_file(12))
        page.get_by_text("training: 11 of 12 steps").wait_for()
        page.get_by_alt_text("Samples of step 12").wait_for()
        assert page.locator(".training svg path.curve").first.get_attribute("d") != before
        assert page.locator(".alive").count() == 1
    with own_run.metrics_file.open("a") as file:
        file.write(json.dumps({**last, "step": 12}) + "\n")
    page.get_by_text("finished: 12 steps").wait_for()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2500)
    assert [url for url in asked if "queue/join" in url] == []  # quiet


def test_a_run_without_a_generator_is_followed_all_the_same(show, own_run):
    own_run.generator_file.unlink()
    page = show(own_run.path, has_generator=False)
    page.get_by_text("comes with the run's first checkpoint").wait_for()
    assert page.locator(".training svg").count() > 2 and page.locator("#grid").count() == 0


def test_translations_of_ones_own_images(show, translating_run, tmp_path):
    page = show(translating_run.path)
    assert page.get_by_text("Direction 1").count() == 0
    Image.linear_gradient("L").save(tmp_path / "mine.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    page.locator("input[type=file]").set_input_files([tmp_path / "mine.png", tmp_path / "broken.png"])
    page.get_by_alt_text("mine.png, translated").wait_for()
    page.get_by_text("broken.png: no image").wait_for()
    before = page.get_by_alt_text("mine.png, translated").get_attribute("src")
    page.get_by_label("from digits invert to digits").check()
    page.wait_for_function("old => document.querySelector('.pairs img + img').src !== old", arg=before)


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_page_is_wider_than_its_window(show, tiny_run, width):
    page = show(tiny_run.path, viewport={"width": width, "height": 800})
    grid_of(page)
    page.locator("#grid button").nth(0).click()
    page.locator("#grid button").nth(1).click()
    page.locator(".walk .moving").wait_for()
    page.locator(".training svg").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_small_pixels_stay_squares(show, tiny_run):
    page = show(tiny_run.path)
    grid_of(page)
    image = page.locator("#grid img").first
    assert image.evaluate("image => getComputedStyle(image).imageRendering") == "pixelated"
    assert image.bounding_box()["width"] >= 4 * 28 - 1
