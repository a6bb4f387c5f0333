"""Augmentation against closed forms and torchvision's own functions."""

from __future__ import annotations

import copy

import pytest
import torch
from torchvision.transforms.v2 import functional as transforms

from wgan_cli.data import augmentation
from wgan_cli.data.augmentation import color_jitter, horizontal_flip, make_augment, random_crop, shift
from wgan_cli.data.loaders.device import DeviceLoader
from wgan_cli.data.loaders.streaming import StreamingLoader
from wgan_cli.errors import WganError
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.data_settings import DataSettings

EVERYTHING = {"mirror": True, "random_crop": 2, "color_jitter": 0.4}


def augment_of(settings: dict, image: ImageShape):
    return make_augment(DataSettings.model_validate({"augment": settings}), image)


def noise(count: int = 32, channels: int = 3, size: int = 8) -> torch.Tensor:
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def always(monkeypatch, value: float) -> None:
    """Make all random factors `value`."""
    monkeypatch.setattr(augmentation, "uniform", lambda images, low, high: torch.full((len(images), 1, 1, 1), value))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_shape_type_and_range_are_kept(channels):
    images = noise(channels=channels)
    before = images.clone()
    changed = augment_of(EVERYTHING, ImageShape(8, 8, channels))(images)
    assert changed.shape == images.shape and changed.dtype == torch.float32 and changed.abs().max() <= 1
    assert not torch.equal(changed, images) and torch.equal(images, before)


def test_four_bands_have_no_transparency():
    settings, image = DataSettings.model_validate({"augment": {"color_jitter": 0.4}}), ImageShape(8, 8, 4)
    kept = [
        torch.equal(make_augment(settings, image, bands)(noise(channels=4))[:, 3], noise(channels=4)[:, 3])
        for bands in (False, True)
    ]
    assert kept == [True, False]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("mirror", horizontal_flip),
        ("random_crop", lambda x: random_crop(x, 2)),
        ("color_jitter", lambda x: color_jitter(x, 0.4)),
    ],
)
def test_each_setting(name, change):
    changed = augment_of({name: EVERYTHING[name]}, ImageShape(8, 8, 3))(noise())
    torch.manual_seed(0)
    assert torch.equal(changed, change(noise()))


def test_horizontal_flip():
    images = noise(400)
    changed = horizontal_flip(images)
    same = [torch.equal(a, b) for a, b in zip(changed, images, strict=True)]
    flipped = [torch.equal(a, b.flip(2)) for a, b in zip(changed, images, strict=True)]
    assert all(one is not other for one, other in zip(same, flipped, strict=True))
    assert 160 < sum(flipped) < 240  # four standard deviations


def test_shift_repeats_edges():
    columns = torch.tensor([0.1, 0.2, 0.3, 0.4]).expand(2, 1, 3, 4)
    moved = shift(columns, torch.tensor([1, 0]), torch.tensor([2, -3]))
    assert torch.equal(moved[0, 0], torch.tensor([0.1, 0.1, 0.1, 0.2]).expand(3, 4))
    assert torch.equal(moved[1, 0], torch.tensor([0.4, 0.4, 0.4, 0.4]).expand(3, 4))
    far = shift(noise(), torch.full((32,), 99), torch.full((32,), -99))
    assert torch.equal(far, noise()[:, :, :1, -1:].expand(-1, -1, 8, 8))


def test_random_crop_is_pad_and_crop():
    images = noise(20)
    cropped = random_crop(images, 3)
    torch.manual_seed(0)
    down, right = torch.randint(-3, 4, (2, 20))
    padded = transforms.pad(images, [3, 3, 3, 3], padding_mode="edge")
    for i in range(20):
        assert torch.equal(cropped[i], transforms.crop(padded[i], 3 - int(down[i]), 3 - int(right[i]), 8, 8))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_jitter_by_factor_one_is_the_identity(monkeypatch, channels):
    assert torch.equal(color_jitter(noise(channels=channels), 0.0), noise(channels=channels))
    always(monkeypatch, 1.0)
    assert torch.equal(color_jitter(noise(channels=channels), 0.5), noise(channels=channels))


@pytest.mark.parametrize("factor", [0.0, 0.4, 1.3, 2.0])
def test_jitter_equals_torchvision(monkeypatch, factor):
    always(monkeypatch, factor)
    expected = (noise() + 1) / 2
    for change in (transforms.adjust_brightness, transforms.adjust_contrast, transforms.adjust_saturation):
        expected = torch.stack([change(image, factor) for image in expected])
    # torchvision's color weights add up to 0.9999.
    torch.testing.assert_close(color_jitter(noise(), 1.0), expected * 2 - 1, rtol=0, atol=5e-4)


def test_jitter_draws_for_each_image_and_keeps_transparency():
    images = noise(1, channels=4).expand(6, -1, -1, -1)
    changed = color_jitter(images, 0.5)
    assert all(not torch.equal(changed[i], changed[j]) for i in range(6) for j in range(i))
    assert torch.equal(changed[:, 3], images[:, 3])


@pytest.mark.parametrize("channels", [2, 5])
def test_jitter_of_bands_changes_them_alike(monkeypatch, channels):
    monkeypatch.setattr(augmentation, "uniform", lambda images, low, high: torch.full((len(images), 1, 1, 1), 0.5))
    images = noise(1, channels=channels)
    darker = (images - 1) / 2  # brightness
    wanted = (darker + darker.mean((1, 2, 3), keepdim=True)) / 2  # contrast; bands have no saturation
    assert torch.allclose(color_jitter(images, 0.5), wanted, atol=1e-6)


def test_shift_as_wide_as_the_image_is_rejected():
    with pytest.raises(WganError, match="`data.augment.random_crop` is 8"):
        augment_of({"random_crop": 8}, ImageShape(8, 8, 1))
    augment_of({"random_crop": 7}, ImageShape(8, 8, 1))
    assert augment_of({}, ImageShape(8, 8, 1)) is None


AUGMENT = "data.augment={mirror: true, random_crop: 2, color_jitter: 0.3}"


def test_training_batches_are_augmented(trainer):
    state, plain = (trainer.prepared(trainer.recipe("steps=4", "data.limit=40", *more)) for more in ((AUGMENT,), ()))
    phase = state.objective.phases[0]
    real, unchanged = state.training_step.next_batch(phase, 0).real, plain.training_step.next_batch(phase, 0).real
    assert real.shape == unchanged.shape and not torch.equal(real, unchanged)


def test_resume_with_augmentation_is_exact(trainer):
    settings = ("data.limit=40", AUGMENT, "data.diff_augment=[color, cutout]")
    resident, streamed = (
        trainer.prepared(trainer.recipe("steps=4", *settings, f"data.memory_limit={limit}")) for limit in ("1GB", "1KB")
    )
    assert isinstance(resident.loader, DeviceLoader) and isinstance(streamed.loader, StreamingLoader)
    for step in range(2):
        resident.engine(step)
    checkpoint = copy.deepcopy(resident.full_checkpoint())
    for state in (resident, streamed):
        torch.randn(9)
        state.restore(copy.deepcopy(checkpoint))
        for step in range(2, 4):
            state.engine(step)
        state.loader.close()
    for role, network in resident.networks.items():
        weights = streamed.networks[role].state_dict()
        for name, value in network.state_dict().items():
            assert torch.equal(value, weights[name]), f"{role}.{name}"
