"""Real images of an evaluation: those trained on, and those held out."""

import numpy as np
from PIL import Image

from wgan_cli.evaluation.real_images import real_images
from wgan_cli.recipe.data_settings import DataSettings


def test_test_images_have_the_range_of_the_training_images(tmp_path):
    for part, greatest in (("train", 4000), ("test", 900)):
        (tmp_path / f"scans/{part}").mkdir(parents=True)
        for number in range(2):
            values = np.linspace(0, greatest, 256).astype(np.uint16).reshape(16, 16)
            Image.fromarray(values).save(tmp_path / f"scans/{part}/{number}.png")
    settings = DataSettings(source="folder", path=str(tmp_path / "scans"))
    found = real_images(settings, tmp_path / "root", lambda text: None)
    trained, held_out = (selection.dataset for selection in (found.training, found.held_out))
    assert trained.value_range == (0, 4095) and len(held_out) == 2
    assert int(held_out.images.max()) + 32768 == round(900 / 4095 * 65535)
