"""Survey of image headers, and threads."""

from __future__ import annotations

import pytest
from PIL import Image

from wgan_cli.data.containers.folders import open_container
from wgan_cli.data.files.parallel import parallel_map
from wgan_cli.data.files.survey import survey_container


def test_survey(tmp_path):
    for number in range(9):
        Image.new("RGB", (16, 16)).save(tmp_path / f"{number}.png")
    Image.new("L", (8, 20)).save(tmp_path / "gray.png")
    for name in ("bad00.jpg", "bad01.jpg"):
        (tmp_path / name).write_text("not an image")
    found = survey_container(open_container(tmp_path))
    assert found.sizes == {(16, 16): 9, (8, 20): 1} and found.modes == {"RGB": 9, "L": 1} and found.channels == 3
    assert len(found.good) == 10 and [name for name, _ in found.bad] == ["bad00.jpg", "bad01.jpg"]


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
