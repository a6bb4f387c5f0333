"""Translation of images of any size: as a whole, or in tiles if that would take too much memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wgan_cli.networks.translator import OUTER_KERNEL, Block, Translator
from wgan_cli.outputs.sampling import in_batches
from wgan_cli.utils.format import Log, log_progress, no_log
from wgan_cli.utils.machine import free_memory
from wgan_cli.utils.matmul_precision import repeatable_float32
from wgan_cli.utils.pixels import from_unit_range, to_unit_range

BATCH_PIXELS = 64 * 64 * 64  # in a batch of several images
UNKNOWN_MEMORY = 4 * 10**9  # bytes, if the system doesn't say how many are free
LEAST_TILE = 64  # pixels of a side
Layer = Callable[[Tensor], Tensor]


def most_pixels(translator: Translator) -> int:
    """Return the number of pixels to translate at once: they take half of the memory that is free."""
    free = free_memory(next(translator.parameters()).device) or UNKNOWN_MEMORY
    return free // 2 // translator.memory_per_pixel


@torch.inference_mode()
def translate_each(
    translator: Translator,
    pictures: Iterable[Tensor],
    limit: int | None = None,
    dtype: torch.dtype | None = None,
    log: Log = no_log,
) -> Iterator[Tensor]:
    """Translate stored pictures (C, H, W) of any sizes; a translation does not depend on the other pictures.

    Args:
        limit: pixels to translate at once; `most_pixels` by default.
        dtype: of the translations, as in `generate`; None: that of the pictures.
        log: receives a line about tiles, and their progress.
    Yields: translations (n, C, H, W) of one or several consecutive pictures of the same size, in their order.
    """
    limit = most_pixels(translator) if limit is None else limit
    batch: list[Tensor] = []
    for picture in pictures:
        if batch and (picture.shape != batch[0].shape or len(batch) == _batch_size(translator, batch[0], limit)):
            yield _translated(translator, torch.stack(batch), limit, dtype or batch[0].dtype, log)
            batch = []
        batch.append(picture)
    if batch:
        yield _translated(translator, torch.stack(batch), limit, dtype or batch[0].dtype, log)


def translate_whole(translator: Translator, images: Tensor) -> Tensor:
    """Translate images (N, C, H, W) in [-1, 1] of any size, padded by reflection to a size that the network takes."""
    return translator(_padded(images, translator.multiple))[..., : images.shape[2], : images.shape[3]]


def _batch_size(translator: Translator, picture: Tensor, limit: int) -> int:
    """Return the number of pictures of a size in a batch. It is constant, so that a kernel rounds in the same way."""
    height, width = (_padded_side(side, translator.multiple) for side in picture.shape[1:])
    return max(1, min(BATCH_PIXELS, limit) // (height * width))


def _translated(translator: Translator, images: Tensor, limit: int, dtype: torch.dtype, log: Log) -> Tensor:
    (height, width), device = images.shape[2:], next(translator.parameters()).device
    if height * width > limit:
        with repeatable_float32(device):
            return _in_tiles(translator, images, limit, dtype, log)[..., :height, :width]

    def translated(pixels: Tensor) -> Tensor:
        return translate_whole(translator, to_unit_range(pixels))

    found = in_batches(translated, device, _batch_size(translator, images[0], limit), images.numpy())
    return torch.cat([from_unit_range(part, dtype).cpu() for part in found])


def _in_tiles(translator: Translator, images: Tensor, limit: int, dtype: torch.dtype, log: Log) -> Tensor:
    """Translate one large picture (1, C, H, W), and return it padded; the result is that of a single pass.

    The layers before and after the blocks, whose features are largest, are computed tile by tile, each with the pixels
    around it that it depends on, so that there are no seams. Norms get the statistics of all tiles.
    """
    multiple, device = translator.multiple, next(translator.parameters()).device
    side = max(LEAST_TILE, int((limit // 4) ** 0.5)) // multiple * multiple
    height, width = images.shape[2:]
    log(f"{width}x{height} pixels don't fit into memory at once: translating tiles of {side}x{side}")
    pixels = _padded(images, multiple)
    enter = [lambda tile: to_unit_range(tile.to(device)), *translator.enter, *translator.down]
    halo = multiple * (OUTER_KERNEL // 2 // multiple + 2)
    x = _by_tiles(enter, pixels, side, halo, log)  # (1, channels*2^k, H/2^k, W/2^k) for k halvings
    low_side = max(LEAST_TILE, int(side / multiple**0.5))  # tiles of as much memory
    for block in translator.blocks:
        assert isinstance(block, Block)
        fits = height * width <= limit * multiple
        x = block(x) if fits else x + _by_tiles(list(block.branch), x, low_side, 2, log)
    leave = [*translator.up, translator.to_image, torch.tanh, lambda part: from_unit_range(part, dtype).cpu()]
    return _by_tiles(leave, x, side // multiple, 4, log)  # (1, C, H, W)


def _by_tiles(layers: Sequence[Layer], x: Tensor, side: int, halo: int, log: Log) -> Tensor:
    """Apply layers to x (1, C, H, W) tile by tile, with `halo` more pixels on each side than a tile has in the result.

    The layers keep the size, or multiply it by a power of two that divides `side` and `halo`.
    """
    layers = list(layers)
    for place, norm in enumerate(layers):
        if isinstance(norm, nn.GroupNorm):
            layers[place] = _with_statistics(norm, (part for _, part in _tiles(layers[:place], x, side, halo, log)))
    whole = None
    for (top, left, scale), part in _tiles(layers, x, side, halo, log):
        if whole is None:
            whole = part.new_empty(1, part.shape[1], *(int(length * scale) for length in x.shape[2:]))
        whole[:, :, top : top + part.shape[2], left : left + part.shape[3]] = part
    assert whole is not None
    return whole


def _tiles(
    layers: Sequence[Layer], x: Tensor, side: int, halo: int, log: Log
) -> Iterator[tuple[tuple[int, int, float], Tensor]]:
    """Yield the place in the result (top, left, scale of sizes) and the pixels of each tile."""
    height, width = x.shape[2:]
    corners = [(top, left) for top in range(0, height, side) for left in range(0, width, side)]
    for top, left in log_progress(corners, len(corners), "translated", log, unit="tiles"):
        y, x0 = max(0, top - halo), max(0, left - halo)
        part = x[:, :, y : top + side + halo, x0 : left + side + halo]
        size = part.shape[2]
        for layer in layers:
            part = layer(part)
        scale = part.shape[2] / size
        start, end = (int((top - y) * scale), int((left - x0) * scale)), int(side * scale)
        inner = part[:, :, start[0] : start[0] + end, start[1] : start[1] + end]
        yield (int(top * scale), int(left * scale), scale), inner


def _with_statistics(norm: nn.GroupNorm, parts: Iterable[Tensor]) -> Layer:
    """Return a norm with the statistics of all parts (1, C, h, w) of an image."""
    sums = squares = torch.zeros(norm.num_groups, dtype=torch.float64)
    count = 0
    for part in parts:
        doubles = part.cpu().double()  # MPS has no float64
        grouped = doubles.unflatten(1, (norm.num_groups, -1)).flatten(2)[0]  # (groups, n)
        sums, squares, count = sums + grouped.sum(1), squares + grouped.square().sum(1), count + grouped.shape[1]
    mean = sums / count
    variance, each = (squares / count - mean.square()).clamp(min=0), norm.num_channels // norm.num_groups
    means, variances = (values.float().repeat_interleave(each) for values in (mean, variance))  # (C,)

    def normalized(part: Tensor) -> Tensor:
        device = part.device
        return F.batch_norm(part, means.to(device), variances.to(device), norm.weight, norm.bias, eps=norm.eps)

    return normalized


def _padded_side(side: int, multiple: int) -> int:
    return multiple * max(2, -(-side // multiple))


def _padded(images: Tensor, multiple: int) -> Tensor:
    """Extend images (N, C, H, W) downwards and to the right by reflection."""
    for dim in (2, 3):
        side = images.shape[dim]
        whole = _padded_side(side, multiple)
        if whole != side:
            places = np.pad(np.arange(side), (0, whole - side), "reflect" if side > 1 else "edge")
            images = images.index_select(dim, torch.from_numpy(places).to(images.device))
    return images
