"""Augmentation of real images against closed forms and torchvision's own functions."""

from __future__ import annotations

import copy

import pytest
import torch
from torchvision.transforms.v2 import functional as transforms

from wgan_cli.data import augmentation as module
from wgan_cli.data.augmentation import color_jitter, make_augment, mirror, random_crop, shifted
from wgan_cli.errors import WganError
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.data_settings import AugmentSettings

EVERYTHING = {"mirror": True, "random_crop": 2, "color_jitter": 0.4}


def noise(count: int = 32, channels: int = 3, size: int = 8) -> torch.Tensor:
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1


def dots(count: int, size: int, row: int, column: int) -> torch.Tensor:
    """Black images with one white pixel."""
    images = torch.full((count, 1, size, size), -1.0)
    images[:, :, row, column] = 1.0
    return images


@pytest.fixture(autouse=True)
def same_numbers_each_time():
    torch.manual_seed(0)


def always(monkeypatch, value: float) -> None:
    """All factors become `value`."""
    monkeypatch.setattr(module, "uniform", lambda images, low, high: torch.full((len(images), 1, 1, 1), value))


def test_nothing_asked_for_is_nothing_done():
    assert make_augment(AugmentSettings(), ImageShape(28, 1)) is None


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_everything_keeps_shape_type_and_range_and_leaves_its_input_alone(channels):
    images = noise(channels=channels)
    before = images.clone()
    changed = make_augment(AugmentSettings(**EVERYTHING), ImageShape(8, channels))(images)
    assert changed.shape == images.shape and changed.dtype == torch.float32
    assert changed.abs().max() <= 1
    assert not torch.equal(changed, images)
    assert torch.equal(images, before)


@pytest.mark.parametrize("name", EVERYTHING)
def test_each_setting_turns_on_its_own_change(name):
    augment = make_augment(AugmentSettings(**{name: EVERYTHING[name]}), ImageShape(8, 3))
    images = noise()
    torch.manual_seed(1)
    changed = augment(images)
    torch.manual_seed(1)
    alone = {
        "mirror": mirror,
        "random_crop": lambda x: random_crop(x, 2),
        "color_jitter": lambda x: color_jitter(x, 0.4),
    }
    assert torch.equal(changed, alone[name](images))


def test_mirror_flips_about_half_of_the_images_and_no_other_way():
    images = noise(400)
    changed = mirror(images)
    same = [torch.equal(a, b) for a, b in zip(changed, images, strict=True)]
    flipped = [torch.equal(a, b.flip(2)) for a, b in zip(changed, images, strict=True)]
    assert all(one is not other for one, other in zip(same, flipped, strict=True))
    assert 160 < sum(flipped) < 240  # four standard deviations


def test_mirrored_twice_with_the_same_draw_is_as_before():
    images = noise()
    torch.manual_seed(5)
    once = mirror(images)
    torch.manual_seed(5)
    assert torch.equal(mirror(once), images)


def test_a_dot_moves_by_what_it_is_told():
    down, right = torch.tensor([0, 1, -2, 3, 0]), torch.tensor([0, -1, 2, 0, -3])
    moved = shifted(dots(5, 8, 4, 3), down, right)
    expected = torch.cat([dots(1, 8, 4 + d, 3 + r) for d, r in zip(down.tolist(), right.tolist(), strict=True)])
    assert torch.equal(moved, expected)


def test_edges_are_repeated():
    columns = torch.tensor([0.1, 0.2, 0.3, 0.4]).expand(2, 1, 3, 4)
    moved = shifted(columns, torch.tensor([1, 0]), torch.tensor([2, -3]))
    assert torch.equal(moved[0, 0], torch.tensor([0.1, 0.1, 0.1, 0.2]).expand(3, 4))
    assert torch.equal(moved[1, 0], torch.tensor([0.4, 0.4, 0.4, 0.4]).expand(3, 4))
    far = shifted(noise(), torch.full((32,), 99), torch.full((32,), -99))
    assert torch.equal(far, noise()[:, :, :1, -1:].expand(-1, -1, 8, 8))


def test_a_crop_is_torchvisions_pad_and_crop():
    images = noise(20)
    torch.manual_seed(2)
    cropped = random_crop(images, 3)
    torch.manual_seed(2)
    down, right = torch.randint(-3, 4, (2, 20))
    padded = transforms.pad(images, [3, 3, 3, 3], padding_mode="edge")
    for i in range(20):
        assert torch.equal(cropped[i], transforms.crop(padded[i], 3 - int(down[i]), 3 - int(right[i]), 8, 8))


def test_all_shifts_up_to_the_most_occur_and_none_beyond():
    cropped = random_crop(dots(900, 9, 4, 4), 2)
    places = {divmod(image.argmax().item(), 9) for image in cropped}
    assert places == {(row, column) for row in range(2, 7) for column in range(2, 7)}


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_factors_of_one_change_nothing_at_all(monkeypatch, channels):
    always(monkeypatch, 1.0)
    assert torch.equal(color_jitter(noise(channels=channels), 0.5), noise(channels=channels))


def test_jitter_of_no_strength_changes_nothing():
    assert torch.equal(color_jitter(noise(), 0.0), noise())


@pytest.mark.parametrize("factor", [0.0, 0.4, 1.3, 2.0])
def test_jitter_is_torchvisions(monkeypatch, factor):
    always(monkeypatch, factor)
    expected = (noise() + 1) / 2
    for change in (transforms.adjust_brightness, transforms.adjust_contrast, transforms.adjust_saturation):
        # One image at a time: torchvision's contrast has a mean for each anyway, and this shows it.
        expected = torch.stack([change(image, factor) for image in expected])
    # Its weights of the colours add up to 0.9999.
    torch.testing.assert_close(color_jitter(noise(), 1.0), expected * 2 - 1, rtol=0, atol=5e-4)


def test_jitter_gives_each_image_its_own_numbers():
    same = noise(1).expand(6, -1, -1, -1)
    changed = color_jitter(same, 0.5)
    assert all(not torch.equal(changed[i], changed[j]) for i in range(6) for j in range(i))


def test_jitter_leaves_transparency_alone():
    images = noise(channels=4)
    assert torch.equal(color_jitter(images, 0.5)[:, 3], images[:, 3])


def test_a_shift_as_wide_as_the_images_is_refused():
    with pytest.raises(WganError, match="`data.augment.random_crop` is 8, and images are 8 pixels wide"):
        make_augment(AugmentSettings(random_crop=8), ImageShape(8, 1))
    make_augment(AugmentSettings(random_crop=7), ImageShape(8, 1))


AUGMENTED = ("data.augment={mirror: true, random_crop: 2, color_jitter: 0.3}", "data.diff_augment=[color, cutout]")


def test_a_training_step_sees_changed_images_and_samples_come_as_they_are(trainer):
    recipe = trainer.recipe("steps=4", "data.limit=40", AUGMENTED[0])
    state, plain = trainer.prepared(recipe), trainer.prepared(trainer.recipe("steps=4", "data.limit=40"))
    phase = state.objective.phases[0]
    real, unchanged = state.training_step.next_batch(phase, 0).real, plain.training_step.next_batch(phase, 0).real
    assert real.shape == unchanged.shape and not torch.equal(real, unchanged)
    assert state.training_step.next_batch(state.objective.phases[1], 0).real is None


@pytest.mark.parametrize("feed", ["1GB", "1KB"])
def test_resuming_with_every_augmentation_is_exact(trainer, loader):
    recipe = trainer.recipe("steps=8", "data.limit=40", *AUGMENTED, f"data.memory_limit={loader}")
    whole, again = trainer.prepared(recipe), trainer.prepared(recipe)
    for step in range(4):
        whole.engine(step)
    checkpoint = copy.deepcopy(whole.full_checkpoint())
    for state in (whole, again):
        torch.randn(9)
        state.restore(copy.deepcopy(checkpoint))
        for step in range(4, 8):
            state.engine(step)
        state.loader.close()
    for role, network in whole.networks.items():
        weights = again.networks[role].state_dict()
        for name, value in network.state_dict().items():
            assert torch.equal(value, weights[name]), f"{role}.{name}"
