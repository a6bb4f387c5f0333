"""Weights of tutorials' own classes in the recipes named after them: the same images to 1e-6."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from wgan_cli.outputs.import_weights import import_checkpoint
from wgan_cli.outputs.sampling import generator_of
from wgan_cli.recipe import ImageShape, load_recipe

DIGITS = ImageShape(28, 1, 10)


class ConvGenerator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(100, 128 * 7 * 7)
        self.deconv1 = nn.ConvTranspose2d(128, 64, 4, 2, 1)
        self.deconv2 = nn.ConvTranspose2d(64, 1, kernel_size=4, stride=2, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        x = torch.relu(self.fc(z)).view(-1, 128, 7, 7)
        return torch.tanh(self.deconv2(torch.relu(self.deconv1(x))))


class MlpGenerator(nn.Module):
    def __init__(self) -> None:
        super().__init__()

        def block(in_feat: int, out_feat: int, normalize: bool = True) -> list[nn.Module]:
            layers: list[nn.Module] = [nn.Linear(in_feat, out_feat)]
            if normalize:
                layers.append(nn.BatchNorm1d(out_feat, 0.8))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            return layers

        self.model = nn.Sequential(
            *block(100, 128, normalize=False), *block(128, 256), *block(256, 512), *block(512, 1024),
            nn.Linear(1024, 784), nn.Tanh(),
        )  # fmt: skip

    def forward(self, z: Tensor) -> Tensor:
        return self.model(z).view(z.size(0), 1, 28, 28)


class PoolGenerator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(100, 3136)
        self.br = nn.Sequential(nn.BatchNorm2d(1), nn.ReLU(True))
        self.downsample1 = nn.Sequential(nn.Conv2d(1, 64, 3, stride=1, padding=1), nn.BatchNorm2d(64), nn.ReLU(True))
        self.downsample2 = nn.Sequential(nn.Conv2d(64, 32, 3, stride=1, padding=1), nn.BatchNorm2d(32), nn.ReLU(True))
        self.downsample3 = nn.Sequential(nn.Conv2d(32, 1, 3, stride=2, padding=1), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        x = self.br(self.fc(z).view(z.size(0), 1, 56, 56))
        return self.downsample3(self.downsample2(self.downsample1(x)))


class SmallMlpGenerator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gen = nn.Sequential(nn.Linear(100, 128), nn.ReLU(True), nn.Linear(128, 784), nn.Sigmoid())

    def forward(self, z: Tensor) -> Tensor:
        return 2 * self.gen(z).view(-1, 1, 28, 28) - 1  # [0, 1] to our [-1, 1]


def dcgan(inputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(inputs, 256, 4, 1, 0, bias=False), nn.BatchNorm2d(256), nn.ReLU(True),
        nn.ConvTranspose2d(256, 128, 4, 2, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU(True),
        nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(True),
        nn.ConvTranspose2d(64, 1, 4, 2, 3, bias=False), nn.Tanh(),
    )  # fmt: skip


class DcganGenerator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.main = dcgan(100)

    def forward(self, z: Tensor) -> Tensor:
        return self.main(z[:, :, None, None])


class CganGenerator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.label_emb = nn.Embedding(10, 100)
        self.main = dcgan(200)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.main(torch.cat([z, self.label_emb(labels)], 1)[:, :, None, None])


class CvaeDecoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(64 + 10, 32 * 7 * 7)
        self.deconv = nn.Sequential(nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(16, 1, 4, 2, 1))

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        one_hot = nn.functional.one_hot(labels, 10).float()
        x = self.fc(torch.cat([z, one_hot], 1)).view(-1, 32, 7, 7)
        return 2 * torch.sigmoid(self.deconv(x)) - 1


GENERATORS: dict[str, Callable[[], nn.Module]] = {
    "tutorial_conv_wgan_gp": ConvGenerator,
    "tutorial_mlp_wgan_gp": MlpGenerator,
    **dict.fromkeys(("tutorial_pool_gan", "tutorial_pool_wgan", "tutorial_pool_wgan_gp"), PoolGenerator),
    **dict.fromkeys(("tutorial_mlp_gan", "tutorial_mlp_wgan"), SmallMlpGenerator),
    "tutorial_dcgan": DcganGenerator,
    "tutorial_cgan": CganGenerator,
    "tutorial_cvae_gan": CvaeDecoder,
}


def trained(network: nn.Module) -> nn.Module:
    """The network with weights and statistics as after some training, in evaluation mode."""
    torch.manual_seed(0)
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2)
        elif tensor.is_floating_point() and tensor.ndim == 1:
            tensor.uniform_(-0.5, 1.5)
    return network.eval()


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("name", GENERATORS)
@torch.no_grad()
def test_same_images(name, wrapped, tmp_path):
    theirs, recipe = trained(GENERATORS[name]()), load_recipe(name)
    content = nn.DataParallel(theirs).state_dict() if wrapped else theirs.state_dict()
    torch.save({"generator": content, "epoch": 3} if wrapped else content, tmp_path / "theirs.pth")
    checkpoint, _ = import_checkpoint(tmp_path / "theirs.pth", recipe, DIGITS)
    ours, theirs = generator_of(checkpoint, "theirs.pth", torch.device("cpu")).double(), theirs.double()
    z, labels = torch.randn(4, recipe.model.latent_dim, dtype=torch.float64), torch.tensor([3, 0, 9, 3])
    given = (z, labels) if recipe.model.conditional else (z,)
    torch.testing.assert_close(ours(*given), theirs(*given), rtol=0, atol=1e-6)
    assert theirs(*given).std() > 0.01
