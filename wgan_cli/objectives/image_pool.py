"""Images that a critic saw before, shown again so that it does not forget what the generator used to make."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.distributed.collectives import all_gather
from wgan_cli.recipe import ImageShape


class ImagePool(nn.Module):
    """The last `size` fakes, of which one in two gives way to an older one (Shrivastava et al. 2017, section 2.3).

    Until the pool is full, every image is kept and shown as it is. From then on each is, with probability 1/2, swapped
    for one of the pool at random: the old one is shown, and the new one is kept in its place. The images of a batch
    meet different places, so that their order has no say. Draws come from torch's random state on the pool's device,
    and nothing waits for it.

    Args:
        size: 0 keeps nothing and shows every image as it is; of a batch larger than the pool, parts take turns.
    """

    def __init__(self, size: int, image: ImageShape) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("images", torch.zeros(size, image.channels, image.size, image.size))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def exchange(self, fresh: Tensor) -> Tensor:
        """New images (N, C, H, W) -> what the critic is to see of them, the same shape; the pool changes in place."""
        if not self.size:
            return fresh
        whole = all_gather(fresh)  # every process keeps the same pool
        return current_shard().local(
            torch.cat([self._exchanged(part) for part in whole.split(self.size)])
        )  # (N, C, H, W)

    def _exchanged(self, fresh: Tensor) -> Tensor:
        """Of at most as many images as the pool has places."""
        count, device = len(fresh), fresh.device
        filling = self.seen < self.size
        in_turn = (self.seen + torch.arange(count, device=device)) % self.size
        places = torch.where(filling, in_turn, torch.rand(self.size, device=device).argsort()[:count])  # (N,)
        swapped = ~filling & (torch.rand(count, device=device) < 0.5)  # (N,)
        old = self.images.index_select(0, places)  # (N, C, H, W)
        self.images.index_copy_(0, places, torch.where(_rows(swapped | filling), fresh, old))
        self.seen += count
        return torch.where(_rows(swapped), old, fresh)


def _rows(chosen: Tensor) -> Tensor:
    """(N,) -> (N, 1, 1, 1)."""
    return chosen[:, None, None, None]
