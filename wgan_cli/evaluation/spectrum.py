"""Power spectra of generated images next to those of real ones.

Upsampling leaves traces that features hardly see, such as a checkerboard, but that stand out at single frequencies
(Durall et al. 2020, Frank et al. 2020, Schwarz et al. 2021).
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from wgan_cli.utils.pixels import num_colors, to_unit_range

ROUNDING = 1 / 12  # power of rounding to whole gray levels; no frequency counts as having less


class Peak(NamedTuple):
    """The largest ratio of two spectra, and where: (f_y, f_x) in cycles per image, f_x >= 0."""

    ratio: float
    frequency: tuple[int, int]

    @property
    def text(self) -> str:
        """The peak in words, without the sign of f_y, which tells the two diagonal directions apart."""
        f_y, f_x = map(abs, self.frequency)
        return f"{self.ratio:.3g} times the power of real images at {f_y} vertical and {f_x} horizontal cycles"


class MeanSpectrum:
    """Mean power spectrum of images as gray, in squared gray levels (0-255) per frequency.

    P(f) = mean_n |FFT(w * (g_n - mean(g_n)))(f)|^2 / sum(w^2): white noise of standard deviation s has s^2 everywhere.
    A Hann window w keeps the jump from one edge to the opposite one from covering the axes with power, ten times that
    of CIFAR-10 at the highest horizontal frequency.

    Args:
        bands: four channels are bands of their own, not RGBA, whose transparency is left out.
    """

    def __init__(self, bands: bool = False) -> None:
        self._sum, self._count, self._bands = torch.zeros(()), 0, bands

    def of(self, batches: Iterable[Tensor]) -> Iterator[Tensor]:
        """Pass stored batches (n, C, H, W) through, and add their images."""
        for batch in batches:
            self.add(batch)
            yield batch

    def add(self, batch: Tensor) -> None:
        """Add stored images (n, C, H, W)."""
        gray = to_unit_range(batch[:, : num_colors(batch.shape[1], self._bands)]).mean(1) * 127.5  # (n, H, W)
        rows, columns = (torch.hann_window(side) for side in gray.shape[1:])
        window = rows[:, None] * columns  # (H, W)
        waves = torch.fft.rfft2((gray - gray.mean((1, 2), keepdim=True)) * window)  # (n, H, W//2+1)
        power = waves.abs().square().sum(0, dtype=torch.float64) / window.square().sum(dtype=torch.float64)
        self._sum, self._count = self._sum + power, self._count + len(batch)

    def power(self) -> Tensor:
        """Return the spectrum (H, W//2+1) float64; row f_y is at index f_y modulo H."""
        return self._sum / self._count


def mean_power(batches: Iterable[Tensor], bands: bool = False) -> Tensor:
    """Return the mean power spectrum (H, W//2+1) of stored batches (n, C, H, W); see `MeanSpectrum`."""
    mean = MeanSpectrum(bands)
    for batch in batches:
        mean.add(batch)
    return mean.power()


def peak(generated: Tensor, real: Tensor) -> Peak:
    """Return the largest ratio of two spectra (H, W//2+1), without the mean brightness at (0, 0).

    Where both are below ROUNDING it is 1; the power of real images is at least that.
    """
    ratios = generated.clamp(min=ROUNDING) / real.clamp(min=ROUNDING)  # (H, W//2+1)
    ratios[0, 0] = 0
    row, column = divmod(int(ratios.argmax()), ratios.shape[1])
    height = len(ratios)
    return Peak(float(ratios.max()), (row if 2 * row <= height else row - height, column))


def radial_mean(power: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Average the spectrum (H, W//2+1) of images of a width over all directions (Durall et al. 2020, eq. 2).

    Returns: (R,) distances from frequency 0, rounded to whole cycles per shorter side, and (R,) the mean power at each.
    """
    radius = frequency_radius(len(power), width).round().long()  # (H, W//2+1)
    counts = torch.full_like(power, 2)  # (f_y, f_x) stands for (-f_y, -f_x) too, which only some columns hold
    counts[:, 0] = 1
    if width % 2 == 0:
        counts[:, -1] = 1
    totals, counts = (torch.bincount(radius.flatten(), each.flatten()) for each in (counts * power, counts))
    present = counts.nonzero().squeeze(1)[1:]  # without 0
    return present, totals[present] / counts[present]


def frequency_radius(height: int, width: int) -> Tensor:
    """Return the distance of each frequency of an image from 0, in cycles per shorter side: (H, W//2+1) float64."""
    rows, columns = torch.fft.fftfreq(height, dtype=torch.float64), torch.fft.rfftfreq(width, dtype=torch.float64)
    return torch.hypot(rows[:, None], columns) * min(height, width)
