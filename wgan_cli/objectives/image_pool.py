"""Pool of earlier fakes that the critic sees again, so that it does not forget them."""

import torch
from torch import Tensor, nn

from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.distributed.collectives import all_gather
from wgan_cli.recipe import ImageShape


class ImagePool(nn.Module):
    """The last `size` fakes, half of which replace new ones (Shrivastava et al. 2017, section 2.3).

    Until the pool is full, every image is stored and returned. After that, each new image is exchanged with
    probability 1/2 for a random one from the pool. The images of a batch use different places, so their order does not
    matter. Random numbers come from torch's generator on the pool's device, without synchronization.

    Args:
        size: number of images; 0 returns every image unchanged. A batch larger than the pool is exchanged in parts.
    """

    images: Tensor
    seen: Tensor

    def __init__(self, size: int, image: ImageShape) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("images", torch.zeros(size, image.channels, *image.size))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def exchange(self, fresh: Tensor) -> Tensor:
        """Return what the critic sees instead of new images (N, C, H, W); updates the pool in place."""
        if not self.size:
            return fresh
        whole = all_gather(fresh)  # every process holds the same pool
        return current_shard().local(torch.cat([self._exchange(part) for part in torch.split(whole, self.size)]))

    def _exchange(self, fresh: Tensor) -> Tensor:
        count, device = len(fresh), fresh.device
        filling = self.seen < self.size
        next_places = (self.seen + torch.arange(count, device=device)) % self.size
        places = torch.where(filling, next_places, torch.rand(self.size, device=device).argsort()[:count])  # (N,)
        exchanged = ~filling & (torch.rand(count, device=device) < 0.5)  # (N,)
        old = self.images.index_select(0, places)  # (N, C, H, W)
        self.images.index_copy_(0, places, torch.where((exchanged | filling).view(-1, 1, 1, 1), fresh, old))
        self.seen += count
        return torch.where(exchanged.view(-1, 1, 1, 1), old, fresh)
