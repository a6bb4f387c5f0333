"""Power spectra: closed forms for gratings, noise and checkerboards."""

import pytest
import torch

from wgan_cli.evaluation.spectrum import MeanSpectrum, mean_power, peak, radial_mean

SHAPES = [(1, 28, 28), (3, 32, 32), (4, 16, 24), (5, 36, 20), (1, 17, 21)]


def images(count, shape, spread=20.0):
    noise = torch.randn(count, *shape, generator=torch.Generator().manual_seed(0))
    return (noise * spread + 127.5).round().clamp(0, 255).to(torch.uint8)


def spectrum(*batches):
    mean = MeanSpectrum()
    assert [id(batch) for batch in mean.of(batches)] == list(map(id, batches))
    return mean.power()


@pytest.mark.parametrize("shape", SHAPES)
def test_white_noise_has_its_variance_everywhere(shape):
    power = spectrum(images(1000, shape))
    assert power.shape == (shape[1], shape[2] // 2 + 1) and power.dtype == torch.float64
    colors = 3 if shape[0] == 4 else shape[0]  # independent ones, averaged; transparency isn't part of them
    assert power[3:-2, 3:-3].mean() == pytest.approx((400 + 1 / 12) / colors, rel=0.03)


def test_the_fourth_of_four_bands_counts():
    flat = images(1, (4, 16, 16)).expand(50, -1, -1, -1)
    noisy = torch.cat([flat[:, :3], images(50, (1, 16, 16))], 1)
    powers = [mean_power([noisy], bands) - mean_power([flat], bands) for bands in (False, True)]
    assert powers[0].abs().max() == 0 and powers[1][3:-2, 3:-3].mean() > 10


def test_identical_images_have_the_ratio_1():
    real = images(50, (3, 32, 24))
    assert peak(spectrum(real), spectrum(real[:20], real[20:])).ratio == pytest.approx(1)
    black = torch.zeros_like(real)
    assert peak(spectrum(black), spectrum(black)).ratio == 1


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("frequency", [(5, 4), (-5, 4), (0, 7), (6, 0)])
def test_a_grating_is_found_at_its_frequency(shape, frequency):
    real = images(200, shape)
    (f_y, f_x), (height, width) = frequency, shape[1:]
    phase = f_y * torch.arange(height)[:, None] / height + f_x * torch.arange(width) / width
    found = peak(spectrum(real + (8 * torch.cos(2 * torch.pi * phase)).round().to(torch.uint8)), spectrum(real))
    assert found.frequency == frequency or (not f_x and found.frequency == (-f_y, 0))
    assert found.ratio > 5
    assert f" at {abs(f_y)} vertical and {abs(f_x)} horizontal" in found.text


@pytest.mark.parametrize(("height", "width"), [(32, 32), (16, 28)])
def test_a_checkerboard_raises_the_highest_frequency_by_its_power(height, width):
    real, amplitude = images(500, (1, height, width)), 6
    signs = (-1) ** (torch.arange(height)[:, None] + torch.arange(width))
    before, after = spectrum(real), spectrum((real + amplitude * signs).to(torch.uint8))
    found = peak(after, before)
    assert found.frequency == (height // 2, width // 2)
    # |sum(w * a)|^2 / sum(w^2), where a Hann window of n values has the sums n/2 and 3n/8
    assert after[height // 2, width // 2] - before[height // 2, width // 2] == pytest.approx(
        amplitude**2 * height * width * (2 / 3) ** 2, rel=0.03
    )
    far = torch.ones_like(after, dtype=torch.bool)
    far[height // 2 - 1 : height // 2 + 2, width // 2 - 1 :] = False  # next to it, a Hann window has a quarter
    assert after[far] == pytest.approx(before[far], rel=1e-3)


def test_twice_the_contrast_has_four_times_the_power():
    real = images(200, (1, 20, 20), spread=10).float().sub(127.5).div(127.5)
    mean, double = spectrum(real), spectrum(2 * real)
    torch.testing.assert_close(double[1:], 4 * mean[1:])
    assert peak(double, mean).ratio == pytest.approx(4)


def test_frequencies_without_power_in_real_images_count_from_the_power_of_rounding():
    smooth = torch.zeros(20, 1, 16, 16) + torch.cos(2 * torch.pi * torch.arange(16) / 16) / 2
    noisy = smooth + 1.2 / 127.5 * torch.randn(smooth.shape, generator=torch.Generator().manual_seed(0))
    found = peak(spectrum(noisy), spectrum(smooth))  # a power of 1.44 where there is none
    assert 12 * 1.44 < found.ratio < 12 * 1.44 * 3
    assert peak(spectrum(smooth), spectrum(noisy)).ratio < 2


def test_radial_mean():
    power = spectrum(images(300, (1, 24, 40)))
    cycles, mean = radial_mean(power, 40)
    assert cycles[0] == 1 and cycles[-1] == 17  # 24 * sqrt(1/2)
    assert mean[2:-1] == pytest.approx(400, rel=0.05)
    ring = torch.zeros(32, 17)
    ring[3, 4] = ring[-3, 4] = ring[5, 0] = ring[-5, 0] = ring[0, 5] = 1
    cycles, mean = radial_mean(ring, 32)
    assert (mean.nonzero().squeeze(1) == 4).all() and cycles[4] == 5


def test_16_bits_are_in_the_same_units():
    eight = images(50, (1, 16, 16))
    sixteen = (eight.int() * 257 - 32768).to(torch.int16)
    torch.testing.assert_close(spectrum(sixteen), spectrum(eight), rtol=1e-5, atol=0)
