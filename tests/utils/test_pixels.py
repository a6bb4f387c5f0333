"""Conversion between stored pixels and the networks' range."""

import pytest
import torch

from wgan_cli.utils.pixels import as_uint8, from_unit_range, preview, to_16_bits, to_unit_range

EVERY = {torch.uint8: torch.arange(256).to(torch.uint8), torch.int16: torch.arange(-32768, 32768).to(torch.int16)}


@pytest.mark.parametrize("dtype", EVERY)
def test_every_level_survives(dtype):
    levels = EVERY[dtype]
    unit = to_unit_range(levels)
    assert unit.dtype == torch.float32 and (unit[0], unit[-1]) == (-1, 1) and (unit.diff() > 0).all()
    assert torch.equal(from_unit_range(unit, dtype), levels)
    assert from_unit_range(torch.tensor([-2.0, 2.0]), dtype).tolist() == [levels[0], levels[-1]]
    assert (to_16_bits(levels)[0], to_16_bits(levels)[-1]) == (0, 65535)


def test_both_types_mean_the_same():
    deep = (EVERY[torch.uint8].int() * 257 - 32768).to(torch.int16)
    assert torch.allclose(to_unit_range(deep), to_unit_range(EVERY[torch.uint8]), atol=1e-7)
    assert torch.equal(as_uint8(deep), EVERY[torch.uint8])
    assert torch.equal(to_16_bits(deep), to_16_bits(EVERY[torch.uint8]))


@pytest.mark.parametrize(
    ("channels", "bands", "shown"),
    [
        (1, None, [0]), (2, None, [0]), (3, None, [0, 1, 2]), (4, None, [0, 1, 2, 3]), (5, None, [0, 1, 2]),
        (5, (3, 2, 1), [2, 1, 0]), (5, (4,), [3]), (4, (1, 2, 3), [0, 1, 2]),
    ],
)  # fmt: skip
def test_preview(channels, bands, shown):
    for dtype in EVERY:
        pixels = torch.arange(channels, dtype=dtype).view(1, channels, 1, 1) * (1 if dtype == torch.uint8 else 257)
        pixels = pixels if dtype == torch.uint8 else pixels - 32768
        assert preview(pixels.to(dtype), bands).flatten().tolist() == shown
