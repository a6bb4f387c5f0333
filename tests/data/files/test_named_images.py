"""Names of the results of commands that process each image of a folder."""

from pathlib import Path

import pytest
from PIL import Image

from wgan_cli.data.files.named_images import named_images
from wgan_cli.recipe.data_settings import DataSettings


def save(path: Path, pages: int = 1) -> None:
    first, *others = [Image.new("L", (8, 8), level) for level in range(pages)]
    first.save(path, **({"save_all": True, "append_images": others} if others else {}))


@pytest.mark.parametrize(
    ("files", "outputs"),
    [
        ({"cat.png": 1, "dog.bmp": 1}, ["cat.png", "dog.png"]),
        ({"cat.bmp": 1, "cat.png": 1}, ["cat.bmp.png", "cat.png.png"]),
        ({"scan.tiff": 2}, ["scan-0000.png", "scan-0001.png"]),
        (
            {"scan-0000.png": 1, "scan.tiff": 2},
            ["scan-0000.png.png", "scan.tiff-0000.png", "scan.tiff-0001.png"],
        ),
        ({"a.bmp": 1, "a.bmp.png": 1, "a.png": 1}, None),
        ({"scan.tiff": 2, "scan.tiff-0000.png": 1, "scan.bmp": 1, "scan-0001.png": 1}, None),
    ],
)
def test_output_names_are_distinct(tmp_path, files, outputs):
    for name, pages in files.items():
        save(tmp_path / name, pages)
    names = named_images([tmp_path], DataSettings(source="folder", path="x")).output_names()
    assert len(set(names)) == len(names) == sum(files.values()) and all(name.endswith(".png") for name in names)
    assert outputs is None or names == outputs


def test_names_that_print_alike(tmp_path):
    for name in ("a\x01.png", "a\x02.png"):
        save(tmp_path / name)
    assert len(set(named_images([tmp_path], DataSettings(source="folder", path="x")).output_names())) == 2
