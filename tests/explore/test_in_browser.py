"""The page in a real browser, from a click to the pixels, without contacting other machines."""

from __future__ import annotations

import base64
import io
import json
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from wgan_cli.explore import html_parts
from wgan_cli.explore.address import listen, url_of
from wgan_cli.explore.session import SamplingSession, View
from wgan_cli.explore.source import Source
from wgan_cli.explore.temp_folder import gradio_temp_folder
from wgan_cli.runs.lock import only_trainer
from wgan_cli.runs.run_dir import is_run
from wgan_cli.utils.pixels import to_uint8

pytestmark = [
    pytest.mark.skipif(find_spec("gradio") is None, reason="gradio is not installed: pip install 'wgan[web]'"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:gradio"),  # of packages that it is not up to
]
HERE = {"127.0.0.1", "::1", "localhost"}
SRCS = "[...document.querySelectorAll('#grid img')].map(image => image.src)"


@pytest.fixture(scope="module", autouse=True)
def no_other_machine() -> Iterator[None]:
    """Neither may the server ask another machine for anything."""
    asked, watching = [], [True]

    def watch(event: str, arguments: tuple) -> None:
        if watching and event == "socket.connect" and isinstance(arguments[1], tuple):
            asked.append(arguments[1][0])
        elif watching and event == "socket.getaddrinfo":
            asked.append(arguments[0])

    sys.addaudithook(watch)
    yield
    watching.clear()
    assert set(asked) <= HERE


@contextmanager
def serving(path: Path, has_generator: bool = True) -> Iterator[str]:
    """The page of a run or a file, as long as the block runs."""
    from wgan_cli.explore.server import Server, application, build

    source = Source(path, torch.device("cpu")) if has_generator else None
    with gradio_temp_folder(), listen("127.0.0.1", None) as opened:
        ready = threading.Event()
        server = Server(application(build(source, path if is_run(path) else None)), ready.set)
        thread = threading.Thread(target=server.run, args=([opened],))
        thread.start()
        assert ready.wait(30)
        yield url_of(opened)
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def tiny_url(browser, tiny_run) -> Iterator[str]:
    """The page of the finished run, for all tests that leave it as it is."""
    with serving(tiny_run.path) as url:
        yield url


@pytest.fixture
def visit(open_page) -> Callable:
    """Open a page; nothing may go wrong in it, and nothing be asked of another machine."""
    return lambda url, **options: open_page(
        url, allows=lambda asked: asked.split("/")[2] == url.split("/")[2], **options
    )


@pytest.fixture
def show(visit) -> Iterator[Callable]:
    """Serve a run or a file for this test alone, and open its page."""
    with ExitStack() as stack:
        yield lambda path, *has, **options: visit(stack.enter_context(serving(path, *has)), **options)


def sampled(run, seed: int = 0, count: int = 36) -> Tensor:
    """Images as `wgan sample` draws them: (count, C, H, W) uint8."""
    return to_uint8(Source(run.path, torch.device("cpu")).generator.sample(count, seed=seed))


def wait_for_grid(page, images: Tensor) -> None:
    """Wait until the page shows exactly these."""
    wanted = json.dumps([html_parts.png_uri(image) for image in images], separators=(",", ":"))
    page.wait_for_function(f"wanted => JSON.stringify({SRCS}) === wanted", arg=wanted)


def set_slider(page, name: str, value: float) -> None:
    box = page.get_by_label(f"number input for {name}", exact=True)
    box.fill(str(value))
    box.press("Enter")
    box.blur()


def test_grid_equals_wgan_sample(visit, tiny_url, tiny_run):
    page, images = visit(tiny_url), sampled(tiny_run)
    wait_for_grid(page, images)
    shown = [np.asarray(Image.open(io.BytesIO(base64.b64decode(src.split(",")[1])))) for src in page.evaluate(SRCS)]
    np.testing.assert_array_equal(np.stack(shown), images[:, 0].numpy())
    page.get_by_role("button", name="Next seed").click()
    wait_for_grid(page, sampled(tiny_run, seed=1))
    assert page.get_by_label("Seed", exact=True).input_value() == "1"
    page.get_by_label("Seed", exact=True).fill("7")
    wait_for_grid(page, sampled(tiny_run, seed=7))
    set_slider(page, "Count", 2)
    wait_for_grid(page, sampled(tiny_run, seed=7, count=2))
    with page.expect_download() as download:
        page.get_by_role("link", name="Save as PNG").click()
    with Image.open(download.value.path()) as picture:
        assert (picture.format, picture.size) == ("PNG", (2 * 30 + 2, 32))
        np.testing.assert_array_equal(np.asarray(picture)[2:30, 32:60, 0], sampled(tiny_run, seed=7)[1, 0].numpy())


def test_direction_sliders(visit, tiny_url, tiny_run):
    page, session = visit(tiny_url), SamplingSession(Source(tiny_run.path, torch.device("cpu")))
    still = session.images(View())
    wait_for_grid(page, still)
    moved = session.images(View(shifts=(3.0,)))
    assert not moved.equal(still)
    set_slider(page, "Direction 1", 3)
    wait_for_grid(page, moved)
    page.get_by_role("button", name="Reset sliders").click()
    wait_for_grid(page, still)
    # By the keyboard, many events at once: the last one counts.
    page.get_by_label("range slider for Direction 2", exact=True).focus()
    for _ in range(15):
        page.keyboard.press("ArrowRight")
    wait_for_grid(page, session.images(View(shifts=(0.0, 1.5))))


def test_walk_between_picked_images(visit, tiny_url, tiny_run):
    page, images = visit(tiny_url), sampled(tiny_run)[:, 0].numpy()
    buttons = page.locator("#grid button")
    buttons.nth(4).click()
    assert buttons.nth(4).get_attribute("aria-pressed") == "true"
    buttons.nth(4).click()  # never mind
    assert buttons.nth(4).get_attribute("aria-pressed") == "false"
    buttons.nth(0).focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowRight", "Enter"):  # to image 7
        page.keyboard.press(key)
    buttons.nth(20).click()
    page.get_by_text("From image 7 to image 20 and back").wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="Save as GIF").click()
    assert download.value.suggested_filename == "walk_7_20.gif"
    with Image.open(download.value.path()) as animation:
        assert animation.format == "GIF" and animation.n_frames == 48 and animation.info["loop"] == 0
        np.testing.assert_array_equal(np.asarray(animation.convert("L"))[::8, ::8], images[7])
        animation.seek(24)
        np.testing.assert_array_equal(np.asarray(animation.convert("L"))[::8, ::8], images[20])


def test_styles_and_classes(show, styled_run):
    page, session = show(styled_run.generator_file), SamplingSession(Source(styled_run.path, torch.device("cpu")))
    wait_for_grid(page, sampled(styled_run))
    set_slider(page, "Truncation", 0.5)
    wait_for_grid(page, session.images(View(psi=0.5)))
    page.get_by_label("Class", exact=True).click()
    page.get_by_role("option", name="3", exact=True).click()
    wait_for_grid(page, session.images(View(psi=0.5, label=3)))
    assert page.locator("#training").count() == 0  # a file is no run


def test_errors_appear_on_the_page(show, own_run, capfd):
    page, images = show(own_run.generator_file), sampled(own_run)
    wait_for_grid(page, images)
    page.get_by_label("Seed", exact=True).fill("-5")
    page.get_by_text("seed is -5").wait_for()
    shutil.copy(own_run.checkpoint_file(6), own_run.generator_file)
    page.get_by_label("Seed", exact=True).fill("0")
    page.get_by_text("has a new generator").wait_for()
    wait_for_grid(page, images)
    page.get_by_role("button", name="Load the new generator").click()
    page.get_by_text("step 6 of tiny").wait_for()
    wait_for_grid(page, sampled(own_run))
    own_run.generator_file.unlink()
    page.get_by_role("button", name="Next seed").click()
    page.get_by_text("is gone").wait_for()
    assert capfd.readouterr() == ("", "")


def test_live_run_is_followed(show, own_run, monkeypatch):
    from wgan_cli.explore import training_tab

    monkeypatch.setattr(training_tab, "POLL_SECONDS", 0.2)
    *lines, last = own_run.metrics_file.read_text().splitlines(keepends=True)

    def log(step: int) -> None:
        with own_run.metrics_file.open("a") as file:
            file.write(json.dumps({**json.loads(last), "step": step}) + "\n")

    own_run.metrics_file.write_text("".join(lines))
    shutil.move(own_run.sample_file(12), own_run.path / "later.png")
    with only_trainer(own_run):
        page = show(own_run.path)
        page.get_by_text("training: 8 of 12 steps").wait_for()
        page.get_by_alt_text("Samples of step 6").wait_for()
        before = page.locator(".training .curve path").first.get_attribute("d")
        log(11)
        shutil.move(own_run.path / "later.png", own_run.sample_file(12))
        page.get_by_text("training: 11 of 12 steps").wait_for()
        page.get_by_alt_text("Samples of step 12").wait_for()
        assert page.locator(".training .curve path").first.get_attribute("d") != before
        assert page.locator(".alive").count() == 1
        shutil.copy(own_run.checkpoint_file(6), own_run.best_file)
        page.get_by_text("has a new generator").wait_for()
        log(12)
    page.get_by_text("finished: 12 steps").wait_for()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(5 * 1000 * training_tab.POLL_SECONDS)
    assert [url for url in asked if "queue/join" in url] == []  # quiet


def test_run_without_generator(show, own_run):
    own_run.generator_file.unlink()
    page = show(own_run.path, False)
    page.get_by_text("No generator yet").wait_for()
    assert page.locator(".training svg").count() > 2 and page.locator("#grid").count() == 0


def test_translation(show, translating_run, tmp_path):
    page = show(translating_run.path)
    assert page.get_by_text("Direction 1").count() == 0
    Image.linear_gradient("L").save(tmp_path / "mine.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    page.locator("input[type=file]").set_input_files([tmp_path / "mine.png", tmp_path / "broken.png"])
    page.get_by_alt_text("mine.png, translated").wait_for()
    page.get_by_text("broken.png: not an image").wait_for()
    before = page.get_by_alt_text("mine.png, translated").get_attribute("src")
    page.get_by_label("from digits invert to digits").check()
    page.wait_for_function("old => document.querySelector('.pairs img + img').src !== old", arg=before)


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_page_fits_its_window(visit, tiny_url, width):
    page = visit(tiny_url, viewport={"width": width, "height": 800})
    page.locator("#grid button").nth(0).click()
    page.locator("#grid button").nth(1).click()
    page.locator(".walk .moving").wait_for()
    page.locator(".training svg").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    image = page.locator("#grid img").first
    assert image.evaluate("image => getComputedStyle(image).imageRendering") == "pixelated"
    assert image.bounding_box()["width"] == 4 * 28 or width < 1280
