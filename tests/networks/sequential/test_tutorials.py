"""Weights of tutorials' own classes in the recipes that transcribe them: the same images to 1e-6."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from wgan_cli.outputs.imported.import_weights import import_checkpoint
from wgan_cli.outputs.sampling import generator_of
from wgan_cli.recipe import ImageShape, Recipe, load_recipe, recipe_from_dict
from wgan_cli.recipe.yaml import parse_yaml

DIGITS = ImageShape(28, 28, 1, 10)


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
    "tutorial_pool_gan": PoolGenerator,
    "tutorial_mlp_gan": SmallMlpGenerator,
    "tutorial_dcgan": DcganGenerator,
    "tutorial_cgan": CganGenerator,
    "tutorial_cvae_gan": CvaeDecoder,
}


#: Recipes whose generator another one has, too.
EQUAL = {
    "tutorial_pool_wgan": "tutorial_pool_gan",
    "tutorial_pool_wgan_gp": "tutorial_pool_gan",
    "tutorial_mlp_wgan": "tutorial_mlp_gan",
}


class UpsamplingGenerator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.l1 = nn.Sequential(nn.Linear(100, 16 * 8**2))
        self.conv_blocks = nn.Sequential(
            nn.BatchNorm2d(16), nn.Upsample(scale_factor=2), nn.Conv2d(16, 16, 3, stride=1, padding=1),
            nn.BatchNorm2d(16, 0.8), nn.LeakyReLU(0.2, inplace=True), nn.Upsample(scale_factor=2),
            nn.Conv2d(16, 8, 3, stride=1, padding=1), nn.BatchNorm2d(8, 0.8), nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(8, 1, 3, stride=1, padding=1), nn.Tanh(),
        )  # fmt: skip

    def forward(self, z: Tensor) -> Tensor:
        return self.conv_blocks(self.l1(z).view(len(z), 16, 8, 8))


class LayerNormGenerator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(62, 32), nn.LayerNorm(32), nn.ReLU(), nn.Linear(32, 48), nn.LayerNorm([48], eps=1e-6), nn.ELU(),
            nn.Dropout(0.3), nn.Linear(48, 28 * 28), nn.Unflatten(1, (1, 28, 28)), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, z: Tensor) -> Tensor:
        return 2 * self.net(z) - 1


def spectral(norm: Callable[[nn.Module], nn.Module]) -> nn.Module:
    network = nn.Sequential(
        norm(nn.Linear(10, 64)), nn.Unflatten(1, (16, 2, 2)), nn.ReLU(),
        norm(nn.ConvTranspose2d(16, 8, 4, 2, padding=(1, 1))), nn.BatchNorm2d(8), nn.ReLU(),
        norm(nn.ConvTranspose2d(8, 1, 4, 2, 1, bias=False)), nn.Tanh(),
    )  # fmt: skip
    network(torch.randn(4, 10))  # an iteration of the power method
    return network


UPSAMPLING = """
    - Linear: 1024
    - Unflatten: [16, 8, 8]
    - BatchNorm2d
    - Upsample: [scale_factor=2]
    - Conv2d: [16, 3, stride=1, padding=1]
    - BatchNorm2d: 0.8
    - LeakyReLU: [0.2, inplace=True]
    - Upsample: {scale_factor: 2}
    - Conv2d: [8, 3, stride: 1, padding: 1]
    - BatchNorm2d: 0.8
    - LeakyReLU: [0.2, inplace: true]
    - Conv2d: [1, 3, 1, 1]
    - Tanh
"""
LAYER_NORM = """
    - Linear: 32
    - LayerNorm
    - ReLU
    - Linear: 48
    - LayerNorm: 1e-6
    - ELU
    - Dropout: 0.3
    - Linear: 784
    - Unflatten: [1, 28, 28]
    - Sigmoid
"""
SPECTRAL = """
    - spectral_norm: {Linear: 64}
    - Unflatten: [1, [16, 2, 2]]
    - ReLU
    - spectral_norm: {ConvTranspose2d: [8, 4, 2, padding: [1, 1]]}
    - BatchNorm2d
    - ReLU
    - spectral_norm: {ConvTranspose2d: [1, 4, 2, 1, bias=False]}
    - Tanh
"""
#: Networks without a packaged recipe: their class, their layers in a recipe, latent_dim, and size of the images.
TRANSCRIBED: dict[str, tuple[Callable[[], nn.Module], str, int, int]] = {
    "upsampling": (UpsamplingGenerator, UPSAMPLING, 100, 32),
    "layer norm": (LayerNormGenerator, LAYER_NORM, 62, 28),
    "spectral norm": (lambda: spectral(nn.utils.spectral_norm), SPECTRAL, 10, 8),
    "parametrized": (lambda: spectral(nn.utils.parametrizations.spectral_norm), SPECTRAL, 10, 8),
}


def case(name: str) -> tuple[nn.Module, Recipe, ImageShape]:
    """A generator as the tutorial has it, the recipe, and the shape of the images."""
    torch.manual_seed(0)
    if name in GENERATORS:
        return GENERATORS[name](), load_recipe(name), DIGITS
    make, layers, latent_dim, size = TRANSCRIBED[name]
    model = {"name": "sequential", "latent_dim": latent_dim, "critic": [{"Linear": 1}]}
    model["generator"] = parse_yaml(layers, "a test")
    return make(), recipe_from_dict({"model": model, "steps": 1}, "a test"), ImageShape(size, size, 1)


def trained(network: nn.Module) -> nn.Module:
    """The network with weights and statistics as after some training, in evaluation mode."""
    torch.manual_seed(0)
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2)
        elif tensor.is_floating_point() and tensor.ndim == 1:
            tensor.uniform_(-0.5, 1.5)
    return network.eval()


@pytest.mark.parametrize("name", EQUAL)
def test_equal_generators(name):
    ours, other = (load_recipe(each).model for each in (name, EQUAL[name]))
    assert (ours.generator, ours.latent_dim) == (other.generator, other.latent_dim)


@pytest.mark.parametrize(
    ("name", "wrapped"),
    [
        *((name, False) for name in (*GENERATORS, *TRANSCRIBED)),
        *((name, True) for name in ("tutorial_mlp_gan", "tutorial_cgan", "spectral norm", "parametrized")),
    ],
)
@torch.no_grad()
def test_same_images(name, wrapped, tmp_path):
    theirs, recipe, shape = case(name)
    theirs = trained(theirs)
    content = nn.DataParallel(theirs).state_dict() if wrapped else theirs.state_dict()
    torch.save({"generator": content, "epoch": 3} if wrapped else content, tmp_path / "theirs.pth")
    checkpoint, _ = import_checkpoint(tmp_path / "theirs.pth", recipe, shape)
    ours, theirs = generator_of(checkpoint, "theirs.pth", torch.device("cpu")).double(), theirs.double()
    z, labels = torch.randn(4, recipe.model.latent_dim, dtype=torch.float64), torch.tensor([3, 0, 9, 3])
    given = (z, labels) if recipe.model.conditional else (z,)
    torch.testing.assert_close(ours(*given), theirs(*given), rtol=0, atol=1e-6)
    assert theirs(*given).std() > 0.01
