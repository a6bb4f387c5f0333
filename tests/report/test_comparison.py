"""Several runs side by side."""

from __future__ import annotations

import json
import re

import pytest
from PIL import Image

from wgan_cli.errors import WganError
from wgan_cli.report.comparison import compare_runs
from wgan_cli.report.comparison_image import _curves
from wgan_cli.runs.run_dir import RunDir


@pytest.fixture(scope="module")
def other(tmp_path_factory, trainer) -> RunDir:
    recipe = trainer.recipe("steps=8", "objective.gp_weight=3", "optim.critic.lr=0.002")
    return trainer.run(recipe, tmp_path_factory.mktemp("<b>odd") / "tiny")


def test_only_what_differs_is_said_and_every_loss_stands_beside_its_like(tiny_run, other):
    compared = compare_runs([tiny_run.path, other.path])
    assert compared.settings == {"objective.gp_weight": (10.0, 3.0), "optim.critic.lr": (0.005, 0.002)}
    assert list(compared.losses) == ["critic_loss", "wasserstein", "gradient_penalty", "generator_loss"]
    last = [json.loads(run.metrics_file.read_text().splitlines()[-1]) for run in (tiny_run, other)]
    for name, values in compared.losses.items():
        assert values == tuple(record[name] for record in last)
    assert compared.grids == (tiny_run.sample_file(12), other.sample_file(8))
    first, second = compared.names
    assert first != second and first.endswith("/tiny") and second.endswith("/tiny")


def test_names_come_first_and_what_is_off_wherever_it_exists_is_left_out(trainer, tiny_run, tmp_path):
    recipe = trainer.recipe("steps=2", "objective={name: gan, n_critic: 1}", "optim.critic.lr=0.002")
    settings = compare_runs([tiny_run.path, trainer.run(recipe, tmp_path / "gan").path]).settings
    assert settings["objective.name"] == ("wgan_gp", "gan")
    ours = [name for name in settings if name.startswith("objective.")]
    assert ours[0] == "objective.name" and "objective.gp_weight" in ours
    assert not {"objective.label_smoothing", "objective.saturating"} & set(ours)  # of the second alone, and off


def test_a_run_has_one_colour_in_every_panel(trainer, tiny_run, tmp_path):
    recipe = trainer.recipe("steps=2", "objective={name: gan, n_critic: 1}")
    compared = compare_runs([tiny_run.path, trainer.run(recipe, tmp_path / "gan").path])
    lines = [line for axes in _curves(compared).axes for line in axes.get_lines()]
    colours = {(line.get_label(), line.get_color()) for line in lines}
    assert len({label for label, _ in colours}) == len({colour for _, colour in colours}) == len(colours) == 2
    assert len(lines) > len(colours)  # and some terms are of the second run alone


def test_a_table_a_picture_and_a_page(wgan, tiny_run, other):
    shown = wgan("compare", tiny_run.path, other.path, "--out", "both.png")
    assert shown.status == 0
    rows = {line.split()[0]: line.split()[1:] for line in shown.stdout.splitlines()[1:]}
    assert rows["objective.gp_weight"] == ["10", "3"]
    assert rows["step"] == ["12", "of", "12", "8", "of", "8"]
    with Image.open("both.png") as picture:
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 10
    assert wgan("compare", tiny_run.path, other.path, "--out", "new/both.html", "--json").status == 0
    with open("new/both.html", encoding="utf-8") as file:
        page = file.read()
    assert "&lt;b&gt;odd" in page and "<b>odd" not in page
    assert len(re.findall(r'<img src="data:image/', page)) == 2  # the grids; `wgan report` writes the same page


def test_what_cannot_be_compared_is_refused(wgan, tiny_run, other, tmp_path):
    for words, error in [
        ((tiny_run.path,), "1 run to compare: give 2 to 12"),
        ((tiny_run.path, tiny_run.path / "."), f"{tiny_run.path} is given twice"),
        ((tiny_run.path, tmp_path), f"{tmp_path} is no run folder: it holds no recipe.yaml"),
        ((tiny_run.path, other.path, "--out", "x.pdf"), "--out x.pdf ends in neither .png nor .html"),
    ]:
        refused = wgan("compare", *words)
        assert (refused.status, refused.error) == (2, error)
    with pytest.raises(WganError, match="13 runs"):
        compare_runs([tmp_path / str(number) for number in range(13)])


def test_a_run_before_its_first_record_and_a_broken_grid(trainer, tiny_run, wgan, tmp_path):
    new = trainer.run(trainer.recipe("steps=5"), tmp_path / "new", stop_after=0)
    assert wgan("compare", new.path, tiny_run.path, "--out", "new.png").status == 0
    assert wgan("compare", new.path, new.path.parent / "new/../new", "--out", "new.png").status == 2
    new.sample_files()[-1].write_bytes(b"no picture")
    broken = wgan("compare", new.path, tiny_run.path, "--out", "broken.html")
    assert broken.status == 0 and "step_00000000.png" in (tmp_path / "broken.html").read_text()  # named as missing
    broken = wgan("compare", new.path, tiny_run.path, "--out", "broken.png")
    assert broken.status == 2 and broken.error.endswith("is not an image that can be read")
