"""CelebA: faces in an archive or a folder, in parts that a file lists."""

import io
import sys
import urllib.request
import zipfile

import gdown
import pytest
from helpers.mnist_files import files_in, md5, write_files
from PIL import Image
from torchvision import datasets

from wgan_cli.data.loading import load_images, native_shape
from wgan_cli.errors import WganError
from wgan_cli.recipe.data_settings import DataSettings

CODES = {1: 0, 2: 0, 3: 1, 4: 2}  # number of the image: 0 training, 1 validation, 2 test


@pytest.fixture
def files() -> dict[str, bytes]:
    """Archive of four images of one level of gray each, 10 times their number, and the list of parts."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in CODES:
            content = io.BytesIO()
            Image.new("RGB", (178, 218), (10 * number,) * 3).save(content, "PNG")
            archive.writestr(f"img_align_celeba/{number:06}.jpg", content.getvalue())
    partition = "".join(f"{number:06}.jpg {code}\n" for number, code in CODES.items())
    return {"img_align_celeba.zip": packed.getvalue(), "list_eval_partition.txt": partition.encode()}


def levels(root, messages, **more) -> list[int]:
    settings = DataSettings.model_validate({"source": "celeba", **more})
    images = load_images(settings, root, messages.append)
    assert native_shape(settings) == images.shape and images.class_names == ()
    return images.images[:, 0, 0, 0].tolist()


@pytest.mark.parametrize("unpacked", [True, False], ids=["folder", "archive"])
def test_parts_and_sizes(tmp_path, files, messages, unpacked):
    write_files(tmp_path / "celeba", files)
    if unpacked:
        with zipfile.ZipFile(tmp_path / "celeba/img_align_celeba.zip") as archive:
            archive.extractall(tmp_path / "celeba")
        (tmp_path / "celeba/img_align_celeba.zip").unlink()
    assert levels(tmp_path, messages) == [10, 20] and levels(tmp_path, messages, split="test") == [40]
    assert levels(tmp_path, messages, split="all") == [10, 20, 40]
    assert levels(tmp_path, messages, limit=1, image_size=32) == [10]
    assert any("2 images" in line and "162,770" in line for line in messages)


def test_crop_or_everything(tmp_path, files, messages):
    write_files(tmp_path / "celeba", files)
    settings = DataSettings(source="celeba", fit="pad")
    padded = load_images(settings, tmp_path, messages.append).images
    assert (
        tuple(padded.shape) == (2, 3, 64, 64) and (padded[:, :, :, 0] == 0).all() and (padded[0, :, 0, 32] == 10).all()
    )


@pytest.fixture
def drive(server, files, monkeypatch):
    """Serve the files instead of Google Drive."""

    def download(id: str, output: str, **options) -> None:
        with urllib.request.urlopen(f"{server.url}{id}") as answer, open(output, "wb") as file:
            file.write(answer.read())

    rows = [(name, md5(content), name) for name, content in files.items()]
    monkeypatch.setattr(datasets.CelebA, "file_list", [*rows, ("other", "0", "list_attr_celeba.txt")])
    monkeypatch.setattr(gdown, "download", download)
    server.files = dict(files)


def test_download(tmp_path, drive, server, messages):
    assert levels(tmp_path, messages) == [10, 20]
    assert [name for name in files_in(tmp_path) if name.startswith("celeba/")] == [
        "celeba/img_align_celeba.zip", "celeba/list_eval_partition.txt"
    ]  # fmt: skip
    assert sorted(server.requested) == ["img_align_celeba.zip", "list_eval_partition.txt"]


def test_quota_of_the_server(tmp_path, drive, messages, monkeypatch):
    def refused(**options):
        raise gdown.exceptions.FileURLRetrievalError("Too many users have viewed or downloaded this file.\nmore")

    monkeypatch.setattr(gdown, "download", refused)
    with pytest.raises(WganError, match="cannot download celeba: Too many users") as caught:
        levels(tmp_path, messages)
    assert str(tmp_path / "celeba") in caught.value.hint and "\n" not in caught.value.message


def test_missing_package(tmp_path, messages, monkeypatch):
    monkeypatch.setitem(sys.modules, "gdown", None)
    with pytest.raises(WganError, match="celeba needs gdown") as caught:
        levels(tmp_path, messages)
    assert caught.value.hint == "pip install 'wgan[data]'"


def test_damaged_list(tmp_path, files, messages):
    write_files(tmp_path / "celeba", files | {"list_eval_partition.txt": b"000001.jpg\n"})
    with pytest.raises(WganError, match="list_eval_partition.txt is damaged"):
        levels(tmp_path, messages)
