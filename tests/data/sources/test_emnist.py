"""EMNIST: its splits in one archive, images turned upright, labels of letters from 1."""

import gzip
import io
import zipfile

import numpy as np
import pytest
from helpers.mnist_files import files_in, idx, md5
from torchvision import datasets

from wgan_cli.data.loading import load_images, native_shape
from wgan_cli.errors import WganError
from wgan_cli.recipe.data_settings import DataSettings

SPLITS = {"letters": 26, "balanced": 47, "byclass": 62, "bymerge": 47, "digits": 10, "mnist": 10}


def upright(split: str, part: str) -> np.ndarray:
    return np.random.default_rng([*f"{split}{part}".encode()]).integers(0, 256, (6, 28, 28), np.uint8)


@pytest.fixture
def archive(server, monkeypatch) -> bytes:
    """Serve an archive like EMNIST's."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        for split, classes in SPLITS.items():
            for part in ("train", "test"):
                labels = np.linspace(0, classes - 1, 6).astype(int) + (split == "letters")
                for kind, array in (("images-idx3", upright(split, part).swapaxes(1, 2)), ("labels-idx1", labels)):
                    packed.writestr(f"gzip/emnist-{split}-{part}-{kind}-ubyte.gz", gzip.compress(idx(array)))
    server.files = {"gzip.zip": content.getvalue()}
    monkeypatch.setattr(datasets.EMNIST, "url", f"{server.url}gzip.zip")
    monkeypatch.setattr(datasets.EMNIST, "md5", md5(content.getvalue()))
    return content.getvalue()


def load(root, name: str, messages, **more):
    settings = DataSettings.model_validate({"source": f"emnist_{name}", **more})
    images = load_images(settings, root, messages.append)
    assert native_shape(settings) == images.shape
    return images


def test_every_split_comes_from_one_download(tmp_path, archive, server, messages):
    for split, classes in SPLITS.items():
        for part in ("train", "test"):
            images = load(tmp_path, split, messages, split=part)
            np.testing.assert_array_equal(images.images[:, 0], upright(split, part))
            assert (images.labels[0], images.labels[-1]) == (0, classes - 1) and len(images.class_names) == classes
    assert set(server.requested) == {"gzip.zip"} and len(files_in(tmp_path)) == 24
    assert sum("downloading" in line for line in messages) == 1


def test_names_of_letters(tmp_path, archive, messages):
    images = load(tmp_path, "letters", messages)
    assert images.class_names[0] == "a" and images.class_names[-1] == "z"
    assert load(tmp_path, "letters", messages, classes=["z"]).labels.tolist() == [0]


def test_label_zero_is_no_letter(tmp_path, archive, messages):
    load(tmp_path, "letters", messages)
    file = tmp_path / "EMNIST/raw/emnist-letters-train-labels-idx1-ubyte"
    file.write_bytes(idx(np.arange(6)))
    with pytest.raises(WganError, match="has label 0"):
        load(tmp_path, "letters", messages)


def test_offline(tmp_path, messages):
    with pytest.raises(WganError, match="cannot download emnist_digits") as caught:
        load(tmp_path, "digits", messages)
    assert str(tmp_path / "EMNIST/raw") in caught.value.hint
