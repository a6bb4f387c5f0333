"""The HTML report: complete for whole, live and damaged runs, self-contained, and safe against hostile files."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
from PIL import Image

from wgan_cli.evaluation.evaluate import make_reference
from wgan_cli.outputs.sampling import open_generator
from wgan_cli.recipe import load_recipe
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.report import pictures
from wgan_cli.report.facts import gather
from wgan_cli.report.html_page import render_page
from wgan_cli.report.pictures import MAX_FRAMES, read_frames
from wgan_cli.report.real_comparison import compare_with_real_images
from wgan_cli.report.recipe_table import changes, shipped_settings, yaml_lines
from wgan_cli.runs.checkpoint import BestScore, load_checkpoint
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.utils.format import no_log

VOID = {"meta", "img", "input"}  # tags without an end


class Outline(HTMLParser):
    """Check that tags are closed, and collect attributes and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
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


def script_data(page: str) -> dict:
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


@pytest.fixture
def copy(tiny_run, tmp_path) -> RunDir:
    return RunDir(Path(shutil.copytree(tiny_run.path, tmp_path / "copy")))


@pytest.fixture(scope="module")
def page(tiny_run) -> str:
    return render_page(gather([tiny_run.path]))


def test_page_loads_nothing(page):
    outline = Outline(page)
    addresses = [a[name] for _, a in outline.tags for name in ("src", "href", "action", "data") if a.get(name)]
    assert addresses and all(address.startswith("data:image/") for address in addresses)
    assert all(a["xlink:href"].startswith("#") for _, a in outline.tags if "xlink:href" in a)
    style, script = re.search(r"<style>(.*?)</style>", page, re.S)[1], page.rpartition("<script>")[2]
    assert not re.search(r"url\(|@import|http", style)
    assert not re.search(r"fetch|XMLHttp|import\(|https", script.replace("http://www.w3.org/2000/svg", ""))


def test_page_is_complete(page, tiny_run):
    outline = Outline(page)
    environment = json.loads(tiny_run.environment_file.read_text())
    for words in (
        "tiny", "finished: 12 steps", "Losses", "Speed", "images/s", "Recipe", "latent_dim: 16", "critic loss",
        "wasserstein", "gradient penalty", "generator loss", "No shipped recipe is named tiny", "wgan evaluate",
        environment["device_name"], environment["versions"]["torch"],
    ):  # fmt: skip
        assert words in outline.text
    for meaning in gather([tiny_run.path]).runs[0].meanings.values():
        assert meaning in outline.text
    assert all(image["alt"] for image in outline.all("img"))
    assert all(picture["aria-label"] for picture in outline.all("svg"))


def test_slider_has_every_grid(page):
    (run,) = script_data(page)["runs"]
    assert run["steps"] == [0, 6, 12] and len(run["frames"]) == 3
    outline = Outline(page)
    (image,) = outline.all("img")
    assert image["src"] == run["frames"][-1]  # shown without scripts
    assert "hidden" in next(a for _, a in outline.tags if a.get("class") == "time")


def test_curves_hold_the_records(page, tiny_run):
    records = [json.loads(line) for line in tiny_run.metrics_file.read_text().splitlines()]
    panels = {panel["curves"][0]["name"]: panel for panel in script_data(page)["panels"]}
    points = panels["images per second"]["curves"][0]["points"]
    assert points == [[record["step"], pytest.approx(record["images_per_second"], rel=1e-4)] for record in records]
    assert panels["critic loss"]["steps"] == [4, 12]
    assert len(Outline(page).all("figure")) == 1 + len(panels)


def test_several_runs(tiny_run, trainer, tmp_path, wgan):
    other = trainer.run(trainer.recipe("steps=6", "objective.gp_weight=3"), tmp_path / "<b>other")
    shown = wgan("report", tiny_run.path, other.path, "--out", "new/both.html")
    assert shown.status == 0, shown.stderr
    page = (tmp_path / "new/both.html").read_text(encoding="utf-8")
    outline = Outline(page)
    assert "<b>other" not in page and "<b>other" in outline.text
    assert "objective.gp_weight 10 3" in outline.text
    data = script_data(page)
    assert [run["steps"] for run in data["runs"]] == [[0, 6, 12], [0, 6]]
    losses = [panel for panel in data["panels"] if len(panel["curves"]) == 2]
    assert losses and all([c["name"] for c in panel["curves"]] == ["tiny", "<b>other"] for panel in losses)


def test_hostile_text_is_escaped(copy):
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m"
    environment = {"command": evil, "versions": {evil: evil}, "device_name": [1], evil: evil, "resumed": evil}
    copy.environment_file.write_text(json.dumps(environment))
    line = {"step": 12, evil: 1.0, "kimg": 0.1, "seconds": 3.0, "images_per_second": 9.0}
    copy.metrics_file.write_text(json.dumps(line) + "\n")
    page = render_page(gather([copy.path]))
    outline = Outline(page)
    assert [tag for tag, _ in outline.tags].count("script") == 2
    assert not [attributes for _, attributes in outline.tags if "onerror" in attributes]
    assert evil.partition("\x1b")[0] in unescape(outline.text)
    assert "\x1b" not in page


@pytest.mark.parametrize("value", [1e299, 1e-310, 0.0])
def test_any_number_can_be_drawn(copy, value):
    lines = [{"step": step, "loss": number, "fd": abs(number)} for step, number in ((1, value), (2, -value))]
    for count in (1, 2):
        copy.metrics_file.write_text("".join(json.dumps(line) + "\n" for line in lines[:count]))
        assert "nan" not in re.sub(r"base64,[^\"]*", "", render_page(gather([copy.path])))


def test_damaged_run(copy, wgan, tmp_path):
    copy.metrics_file.write_bytes(copy.metrics_file.read_bytes()[:-30])
    copy.environment_file.write_text("{")
    copy.sample_file(12).write_bytes(b"no picture")
    copy.generator_file.write_bytes(b"")
    shown = wgan("report", copy.path)
    assert shown.status == 0, shown.stderr
    text = Outline((tmp_path / "report.html").read_text(encoding="utf-8")).text
    assert "finished: 12 steps" in text  # as its checkpoints say
    for missing in ("step_00000012.png", "environment.json"):
        assert missing in text and missing in shown.stderr
    for path in (copy.metrics_file, copy.samples, copy.checkpoints):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    text = Outline(render_page(gather([copy.path]))).text
    assert "no sample grid" in text and "no losses" in text


def test_refused_arguments(wgan, tiny_run, tmp_path):
    (tmp_path / "file").write_text("precious")
    for words, error in [
        ((tmp_path,), "no recipe.yaml"),
        ((tiny_run.path, "--out", "a.pdf"), "--out a.pdf"),
        ((tiny_run.path, "--out", "file/report.html"), "cannot write"),
    ]:
        refused = wgan("report", *words)
        assert refused.status in (1, 2) and error in refused.error and refused.hint


def test_live_run(trainer, tmp_path):
    run = trainer.run(trainer.recipe("steps=5"), tmp_path / "new", stop_after=2)
    assert "stopped: 2 of 5 steps" in Outline(render_page(gather([run.path]))).text


def test_best_scores(copy):
    scores = {"fd": 3.0, "real_baseline": 2.0, "coverage": 0.5}
    records = [json.loads(line) | scores for line in copy.metrics_file.read_text().splitlines()]
    records[1]["fd"] = 2.2
    copy.metrics_file.write_text("".join(json.dumps(record) + "\n" for record in records))
    best = BestScore("fd", 2.2, "30 images in pixels")
    replace(load_checkpoint(copy.generator_file), step=8, score=best).save(copy.best_file)
    (run,) = gather([copy.path]).runs
    assert run.scores["fd"] == 2.2
    page = render_page(gather([copy.path]))
    outline = Outline(page)
    verdict = re.search(r'class="verdict">([^<]*)<', page)[1]
    assert all(words in verdict for words in ("step 8", "2.2", "1.1 times their distance"))
    assert "30 images in pixels" in outline.text
    assert [row.get("class") for row in outline.all("tr")].count("best") == 1
    assert any(a.get("class") == "curve baseline" for a in outline.all("g"))


def test_changed_settings():
    recipe = load_recipe("digits_dcgan", ["batch_size=32", "patience=3", "optim.critic.betas=[0.5, 0.9]"]).as_dict()
    assert changes(recipe, shipped_settings(recipe)) == {
        "optim.critic.betas": ("[0.0, 0.9]", "[0.5, 0.9]"),
        "batch_size": ("64", "32"),
        "patience": ("not set", "3"),
    }
    names = [name for _, name in yaml_lines(recipe) if name]
    assert {"optim.critic.betas", "model.generator.kernel", "batch_size"} <= set(names)
    assert len(names) == len(set(names))
    assert shipped_settings({**recipe, "name": "mine"}) is None

    recipe = load_recipe("folder_dcgan", ["data.path=mine", "batch_size=9"]).as_dict()  # of the user's own images
    assert list(changes(recipe, shipped_settings(recipe))) == ["batch_size"]


def test_grids_are_thinned_and_scaled_down(tmp_path, monkeypatch):
    files = [tmp_path / f"step_{step:08d}.png" for step in range(0, 1000, 10)]
    for file in files:
        Image.new("L", (8, 8)).save(file)
    Image.new("L", (3000, 1500)).save(files[-1])
    frames = read_frames(files, no_log)
    assert len(frames) == MAX_FRAMES
    assert [frames[0].step, frames[-1].step] == [0, 990]
    assert (frames[-1].picture.width, frames[-1].picture.height) == (1024, 512)
    monkeypatch.setattr("wgan_cli.report.pictures.MAX_LENGTH", sum(len(frame.picture.uri) for frame in frames) // 2)
    fewer = read_frames(files, no_log)
    assert len(fewer) < MAX_FRAMES and fewer[-1] == frames[-1]
    assert sum(len(frame.picture.uri) for frame in fewer) <= pictures.MAX_LENGTH


def test_nearest_training_images(wgan, tiny_run, features_root, tmp_path):
    shown = wgan("report", tiny_run.path, "--nearest", "--data-root", features_root, "--device", "cpu")
    assert shown.status == 0, shown.stderr
    outline = Outline((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "step 12 of tiny that are nearest to a training image" in outline.text
    assert "--nearest" not in outline.text.partition("Environment")[0] and len(outline.all("img")) == 2
    chart = next(each for each in outline.all("svg") if each["aria-label"].startswith("power spectra, cycles 1 to 20:"))
    assert "samples at (" in chart["aria-label"] and "real images from " in chart["aria-label"]


def test_spectrum_is_that_of_the_evaluation(tiny_run, features_root):
    cpu = torch.device("cpu")
    reference = make_reference(DataSettings(), features_root, cpu, no_log, count=60, max_training=500)
    generator, checkpoint = open_generator(tiny_run.path, cpu)
    peak = reference.evaluate(generator, checkpoint.recipe, 12).generated.peak
    found = compare_with_real_images(tiny_run.path, features_root, cpu, no_log, reference)
    assert f"{peak.text} " in found.spectra_caption and " 60 samples " in found.spectra_caption
