"""The page about runs: what it tells of whole, live and damaged ones, and that nothing in them gets out of its text."""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from html.parser import HTMLParser

import pytest
from PIL import Image

from wgan_cli.errors import WganError
from wgan_cli.recipe import load_recipe
from wgan_cli.report.facts import gather
from wgan_cli.report.html_page import html
from wgan_cli.report.pictures import MOST_FRAMES, read_frames
from wgan_cli.report.recipe_table import changes, lines, shipped_settings
from wgan_cli.report.text import verdict
from wgan_cli.runs.checkpoint import BestScore, load_checkpoint
from wgan_cli.runs.run_dir import RunDir

ALONE = {"meta", "img", "input", "line", "path", "circle"}  # that need no end


class Outline(HTMLParser):
    """Follows tags to their ends, and gathers attributes and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.loader(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ALONE:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def told(page: str) -> dict:
    """What the page's script reads."""
    return json.loads(re.search(r'id="told">(.*?)</script>', page, re.DOTALL)[1])


@pytest.fixture
def copy(tiny_run, tmp_path) -> RunDir:
    """A copy of the tiny run to change."""
    shutil.copytree(tiny_run.path, tmp_path / "copy")
    return RunDir(tmp_path / "copy")


@pytest.fixture(scope="module")
def page(tiny_run) -> str:
    return html(gather([tiny_run.path]))


def test_one_file_that_loads_nothing(page):
    outline = Outline(page)
    addresses = [a[name] for _, a in outline.tags for name in ("src", "href", "action", "data") if a.get(name)]
    assert addresses
    assert all(address.startswith("data:image/") for address in addresses)
    style, script = re.search(r"<style>(.*?)</style>", page, re.S)[1], page.rpartition("<script>")[2]
    assert not re.search(r"url\(|@import|http", style)
    assert not re.search(r"fetch|XMLHttp|import\(|https", script.replace("http://www.w3.org/2000/svg", ""))


def test_everything_of_a_run_is_on_its_page(page, tiny_run):
    outline = Outline(page)
    for words in ("tiny", "finished: 12 steps", "Losses", "Speed", "images a second", "Recipe", "latent_dim: 16"):
        assert words in outline.text
    for term in ("critic loss", "wasserstein", "gradient penalty", "generator loss"):
        assert term in outline.text
    assert "its level alone means nothing" in outline.text
    assert tiny_run.read_recipe().name not in ("digits_dcgan",)
    assert "none to compare with" in outline.text  # no recipe of this name is shipped
    environment = json.loads(tiny_run.environment_file.read_text())
    assert environment["device_name"] in outline.text and environment["versions"]["torch"] in outline.text
    assert "was not measured" in outline.text and "wgan evaluate" in outline.text
    assert all(image["alt"] for image in outline.all("img"))
    assert all(picture["aria-label"] for picture in outline.all("svg"))


def test_the_slider_has_every_grid_and_the_last_is_shown_without_a_script(page, tiny_run):
    steps = [0, 6, 12]
    (run,) = told(page)["runs"]
    assert run["steps"] == steps and len(run["frames"]) == 3
    (image,) = Outline(page).all("img")
    assert image["src"] == run["frames"][-1]
    assert "hidden" in next(a for _, a in Outline(page).tags if a.get("class") == "time")


def test_curves_say_what_was_logged(page, tiny_run):
    records = [json.loads(line) for line in tiny_run.metrics_file.read_text().splitlines()]
    panels = {panel["curves"][0]["name"]: panel for panel in told(page)["panels"]}
    points = panels["images per second"]["curves"][0]["points"]
    assert points == [[record["step"], pytest.approx(record["images_per_second"], rel=1e-4)] for record in records]
    assert panels["critic loss"]["steps"] == [4, 12]
    assert len(Outline(page).all("figure")) == 1 + len(panels)


def test_several_runs_stand_side_by_side(tiny_run, trainer, tmp_path, wgan):
    other = trainer.run(trainer.recipe("steps=6", "objective.gp_weight=3"), tmp_path / "<b>other")
    shown = wgan("report", tiny_run.path, other.path, "--out", "new/both.html")
    assert shown.status == 0, shown.stderr
    page = (tmp_path / "new/both.html").read_text(encoding="utf-8")
    outline = Outline(page)
    assert "<b>other" not in page and "<b>other" in outline.text
    assert "objective.gp_weight 10 3" in outline.text
    content = told(page)
    assert [run["steps"] for run in content["runs"]] == [[0, 6, 12], [0, 6]]
    losses = [panel for panel in content["panels"] if len(panel["curves"]) == 2]
    assert losses and all([c["name"] for c in panel["curves"]] == ["tiny", "<b>other"] for panel in losses)


def test_what_a_run_says_cannot_leave_the_text(copy):
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    environment = {"command": evil, "versions": {evil: evil}, "device_name": [1], evil: evil, "resumed": evil}
    copy.environment_file.write_text(json.dumps(environment))
    line = {"step": 12, evil: 1.0, "kimg": 0.1, "seconds": 3.0, "images_per_second": 9.0}
    copy.metrics_file.write_text(json.dumps(line) + "\n")
    page = html(gather([copy.path]))
    outline = Outline(page)
    assert [tag for tag, _ in outline.tags].count("script") == 2
    assert not [attributes for _, attributes in outline.tags if "onerror" in attributes]
    assert evil.replace("_", " ") in unescape(outline.text)


@pytest.mark.parametrize("value", [1e299, -1e299, 1e-310, 0.0, 5.0])
def test_any_number_can_be_drawn(copy, value):
    lines = [{"step": step, "loss": number, "fd": abs(number)} for step, number in ((1, value), (2, -value))]
    copy.metrics_file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "nan" not in re.sub(r"base64,[^\"]*", "", html(gather([copy.path])))
    copy.metrics_file.write_text(json.dumps(lines[0]) + "\n")
    html(gather([copy.path]))


def test_a_damaged_run_is_told_as_far_as_it_can_be_read(copy, wgan, tmp_path):
    copy.metrics_file.write_bytes(copy.metrics_file.read_bytes()[:-30])
    copy.environment_file.write_text("{")
    copy.sample_file(12).write_bytes(b"no picture")
    copy.generator_file.write_bytes(b"")
    shown = wgan("report", copy.path)
    assert shown.status == 0, shown.stderr
    text = Outline((tmp_path / "report.html").read_text(encoding="utf-8")).text
    for words in (
        "unfinished: 8 of 12 steps",
        "a sample grid is no image that can be read: step_00000012.png",
        "environment.json cannot be read",
    ):
        assert words in text
        assert words in shown.stderr or "of 12 steps" in words
    for path in (copy.metrics_file, copy.samples, copy.checkpoints):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    text = Outline(html(gather([copy.path]))).text
    assert "there is no sample grid yet" in text and "no losses have been logged yet" in text


def test_what_is_no_run_or_no_page_is_refused(wgan, tiny_run, tmp_path):
    for words, error in [
        ((tmp_path,), f"{tmp_path} is no run folder: it holds no recipe.yaml"),
        ((tiny_run.path, "--out", "a.pdf"), "--out a.pdf does not end in .html"),
        ((tiny_run.path, tiny_run.path), f"{tiny_run.path} is given twice"),
        ((*(f"{tmp_path}/{number}" for number in range(13)),), "13 runs are too many to stand side by side"),
    ]:
        refused = wgan("report", *words)
        assert (refused.status, refused.error) == (2, error)


def test_a_run_that_trains_has_a_page(trainer, tmp_path):
    run = trainer.run(trainer.recipe("steps=5"), tmp_path / "new", stop_after=2)
    assert "unfinished: 0 of 5 steps" in Outline(html(gather([run.path]))).text


def test_the_best_generators_scores_beside_real_images_in_words(copy):
    lines = copy.metrics_file.read_text().splitlines()
    scores = {"fd": 3.0, "real_baseline": 2.0, "coverage": 0.5}
    records = [json.loads(line) | scores for line in lines]
    records[1]["fd"] = 2.2
    copy.metrics_file.write_text("".join(json.dumps(record) + "\n" for record in records))
    best = load_checkpoint(copy.generator_file)
    best = type(best)(**{**vars(best), "step": 8, "score": BestScore("fd", 2.2, "30 images in pixels")})
    best.save(copy.best_file)
    (run,) = gather([copy.path]).runs
    assert run.scores["fd"] == 2.2
    said = verdict(run.facts, run.scores)
    assert said.startswith("The best generator, of step 8, has an FD of 2.2 (classifier features); held-out real")
    assert "1.1 times their distance" in said
    outline = Outline(html(gather([copy.path])))
    assert said in outline.text and "30 images in pixels" in outline.text
    assert [row.get("class") for row in outline.all("tr")].count("best") == 1
    assert any(a.get("class", "").startswith("curve floor") for a in outline.all("path"))  # real images' own distance


def test_settings_beside_the_shipped_recipe():
    recipe = load_recipe("digits_dcgan", ["batch_size=32", "patience=3", "optim.critic.betas=[0.5, 0.9]"]).as_dict()
    changed = changes(recipe, shipped_settings(recipe))
    assert changed == {
        "optim.critic.betas": ("[0.0, 0.9]", "[0.5, 0.9]"),
        "batch_size": ("64", "32"),
        "patience": ("not set", "3"),
    }
    names = [name for _, name in lines(recipe) if name]
    assert {"optim.critic.betas", "model.generator.kernel", "batch_size"} <= set(names)
    assert len(names) == len(set(names))
    assert shipped_settings({**recipe, "name": "mine"}) is None


def test_a_recipe_for_anybodys_images_is_compared_with_theirs(tmp_path):
    Image.new("L", (64, 64)).save(tmp_path / "1.png")
    recipe = load_recipe("folder_dcgan", [f"data.path={tmp_path}", "batch_size=9"]).as_dict()
    assert list(changes(recipe, shipped_settings(recipe))) == ["batch_size"]


def test_grids_are_thinned_and_small(tmp_path):
    files = [tmp_path / f"step_{step:08d}.png" for step in range(0, 1000, 10)]
    for file in files:
        Image.new("L", (8, 8)).save(file)
    Image.new("L", (3000, 1500)).save(files[-1])
    frames = read_frames(files, lambda text: None)
    assert len(frames) == MOST_FRAMES
    assert [frames[0].step, frames[-1].step] == [0, 990]
    assert (frames[-1].picture.width, frames[-1].picture.height) == (1024, 512)


def test_grids_that_are_large_are_fewer(tmp_path, monkeypatch):
    monkeypatch.setattr("wgan_cli.report.pictures.MOST_BYTES", 1500)
    files = [tmp_path / f"step_{step}.png" for step in range(9)]
    for file in files:
        Image.effect_noise((32, 32), 90).save(file)
    frames = read_frames(files, lambda text: None)
    assert len(frames) < 9 and frames[-1].step == 8
    assert sum(len(frame.picture.encoded) for frame in frames) <= 1500


def test_nearest_training_images_on_request(wgan, tiny_run, features_root, tmp_path):
    shown = wgan("report", tiny_run.path, "--nearest", "--data-root", features_root, "--device", "cpu")
    assert shown.status == 0, shown.stderr
    text = Outline((tmp_path / "report.html").read_text(encoding="utf-8")).text
    assert "the 24 nearest to a training image" in text and "step 12 of tiny" in text
    assert "Not looked for" not in text


def test_a_written_page_survives_a_full_disk_elsewhere(tiny_run, tmp_path):
    from wgan_cli.report.html_page import write_page

    (tmp_path / "file").write_text("precious")
    with pytest.raises(WganError, match="cannot write"):
        write_page(gather([tiny_run.path]), tmp_path / "file" / "report.html")
