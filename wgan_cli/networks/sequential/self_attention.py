"""Self-attention between the pixels of an image (Zhang et al. 2019)."""

import torch
from torch import Tensor, nn

REDUCTION = 8  # k in the paper: the attention runs on C/k channels


class SelfAttention(nn.Module):
    """x + gain * v(sum over pixels i of beta_ji h(x_i)), beta_j = softmax_i f(x_i)^T g(x_j) (equations 1 to 3).

    f, g, h and v are 1x1 convolutions. The gain is learned and starts at 0, so the layer starts as the identity.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(1, channels // REDUCTION)
        self.key, self.query, self.value = (nn.Conv2d(channels, inner, 1, bias=False) for _ in range(3))
        self.out = nn.Conv2d(inner, channels, 1, bias=False)
        self.gain = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        key, query, value = (layer(x).flatten(2) for layer in (self.key, self.query, self.value))  # (N, C/k, H*W)
        attention = (query.transpose(1, 2) @ key).softmax(2)  # (N, H*W, H*W), rows sum to 1
        mixed = (value @ attention.transpose(1, 2)).unflatten(2, x.shape[2:])  # (N, C/k, H, W)
        return x + self.gain * self.out(mixed)  # (N, C, H, W)
