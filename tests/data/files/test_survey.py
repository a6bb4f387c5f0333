"""Survey of image headers, and threads."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from wgan_cli.data.containers.folders import open_container
from wgan_cli.data.files import parallel, survey
from wgan_cli.data.files.parallel import parallel_map
from wgan_cli.data.files.survey import survey_container, survey_values
from wgan_cli.recipe.data_settings import DataSettings


def test_survey(tmp_path):
    for number in range(9):
        Image.new("RGB", (16, 16)).save(tmp_path / f"{number}.png")
    Image.new("L", (8, 20)).save(tmp_path / "gray.png")
    for name in ("bad00.jpg", "bad01.jpg"):
        (tmp_path / name).write_text("not an image")
    found = survey_container(open_container(tmp_path))
    assert found.sizes == {(16, 16): 9, (8, 20): 1} and found.modes == {"RGB": 9, "L": 1} and found.channels == 3
    assert len(found.good) == 10 and [name for name, _ in found.bad] == ["bad00.jpg", "bad01.jpg"]


def test_pages_share_the_sample_of_values(tmp_path, monkeypatch):
    kept = []
    monkeypatch.setattr(survey, "choose_range", kept.extend)
    monkeypatch.setattr(survey, "SAMPLED", 6000)
    first, *others = [Image.fromarray(np.full((32, 32), page, np.uint16)) for page in range(30)]
    first.save(tmp_path / "stack.tif", save_all=True, append_images=others)
    survey_values([tmp_path / "stack.tif"], lambda path: path.read_bytes(), DataSettings())
    assert len(kept) == 30 and 3000 < sum(len(page.sample) for page in kept) < 9000


def test_parallel_map_keeps_the_order_and_works_a_little_ahead():
    taken = []

    def items():
        for number in range(1000):
            taken.append(number)
            yield number

    results = parallel_map(lambda number: number * number, items(), threads=2, chunk=5)
    assert next(results) == 0 and len(taken) <= 30
    assert list(results) == [number * number for number in range(1, 1000)]
    with pytest.raises(ZeroDivisionError):
        list(parallel_map(lambda number: 1 // number, [3, 2, 1, 0]))


def test_large_results_are_not_computed_far_ahead(monkeypatch):
    """Files with many images: some of them are more than everything that should be in memory."""
    monkeypatch.setattr(parallel, "MAX_AHEAD", 100)
    sizes, done = [10] * 100 + [1000] * 20 + [0] * 20, []
    results = parallel_map(lambda number: done.append(number) or number, range(140), 2, size_of=sizes.__getitem__)
    for number in results:
        ahead = sum(sizes[other] for other in done if other > number)
        assert ahead <= (200 if number < 60 else 2000)
    assert sorted(done) == list(range(140))
