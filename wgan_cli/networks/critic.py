"""Critics of the families that score whole images."""

from collections.abc import Callable, Iterator
from typing import Any, cast

from torch import Tensor, nn

from wgan_cli.errors import WganError
from wgan_cli.networks.conditioning import LabelChannel
from wgan_cli.networks.layers import WEIGHT_LAYERS
from wgan_cli.networks.minibatch_layers import BatchScore
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.layer_settings import FamilySettings


class Body(nn.Module):
    """Base of a family's layers from images to features.

    Critic, encoder and classifier have a body each. A family's class is built from (settings, image, channels), where
    `channels` includes a label channel, and maps images (N, channels, H, W) to features (N, ...).
    """

    width: int  # number of features
    has_minibatch_std = False  # True for a body with a minibatch standard deviation layer of its own

    def output_layer(self, outputs: int) -> nn.Linear:
        """Return a new layer from the features to a number of outputs."""
        return nn.Linear(self.width, outputs)


BodyFactory = Callable[[FamilySettings, ImageShape, int], Body]


class Critic(nn.Module):
    """Scores of images, without a sigmoid: a stem that adds labels, a family's body, and a head."""

    def __init__(self, body: BodyFactory, settings: FamilySettings, image: ImageShape) -> None:
        super().__init__()
        self.stem = LabelChannel(settings, image, shown=settings.shows_critic("embedding"))
        self.body = body(settings, image, self.stem.channels)
        minibatch_std = settings.critic_options.minibatch_std and not self.body.has_minibatch_std
        self.head = CriticHead(settings, image, self.body.output_layer, minibatch_std)

    @property
    def bodies(self) -> tuple[nn.Module, ...]:
        """Parts whose first layers `freeze` keeps."""
        return (self.body,)

    def forward(
        self, images: Tensor, labels: Tensor | None = None, classify: bool = False, features: bool = False
    ) -> Tensor | tuple[Tensor, ...]:
        """Images (N, C, H, W) -> scores (N,).

        With `classify` also class logits (N, num_classes), or with `features` the features (N, F).
        """
        x = self.body(self.stem(images, labels))  # (N, ...)
        outputs = self.head(x, labels, classify)
        return (outputs, x.flatten(1)) if features else outputs


class CriticHead(nn.Module):
    """Scores from features and, if the critic learns classes, class logits.

    projection: score = to_score(x) + row `label` of to_classes(x) (Miyato and Koyama 2018). classifier: to_classes(x)
    are class logits, independent of the score (AC-GAN, Odena et al. 2017).
    `layer` makes a layer from the features to a number of outputs.
    """

    def __init__(
        self, settings: FamilySettings, image: ImageShape, layer: Callable[[int], nn.Linear], minibatch_std: bool
    ) -> None:
        super().__init__()
        self.projects = settings.shows_critic("projection")
        self.to_score = layer(1)
        learns_classes = self.projects or settings.shows_critic("classifier")
        self.to_classes = layer(image.num_classes) if learns_classes else None
        inputs, num_features = self.to_score.in_features, settings.critic_options.minibatch_features
        self.batch_score = BatchScore(inputs, num_features, minibatch_std) if minibatch_std or num_features else None

    def forward(self, x: Tensor, labels: Tensor | None, classify: bool) -> Tensor | tuple[Tensor, Tensor]:
        scores = self.to_score(x).squeeze(1)  # (N,)
        if self.batch_score is not None:
            scores = scores + self.batch_score(x)
        if self.to_classes is None:
            return scores
        if self.projects:
            assert labels is not None
            scores = scores + self.to_classes(x).gather(1, labels[:, None]).squeeze(1)  # (N,)
        return (scores, self.to_classes(x)) if classify else scores


def parameters_after(critic: nn.Module, count: int) -> list[nn.Parameter]:
    """Return a critic's parameters without those of the first `count` layers from the image on.

    A residual block is one layer, and a norm belongs to the layer before it.

    Raises: WganError if there are fewer layers before the head, which always learns.
    """
    if not count:
        return list(critic.parameters())
    bodies = [list(_layers(body)) for body in cast(Any, critic).bodies]
    if count > (most := min(map(len, bodies))):
        raise WganError(
            f"`freeze` is {count}, and the critic has {most} layers before its last", f"use --freeze {most} or less"
        )
    frozen = {id(parameter) for layers in bodies for layer in layers[:count] for parameter in layer}
    return [parameter for parameter in critic.parameters() if id(parameter) not in frozen]


def _layers(body: nn.Module) -> Iterator[list[nn.Parameter]]:
    """Yield the parameters of each layer."""
    layer: list[nn.Parameter] = []
    for member in _members(body):
        if layer and any(isinstance(module, WEIGHT_LAYERS) for module in member.modules()):
            yield layer
            layer = []
        layer += member.parameters()
    if layer:
        yield layer


def _members(module: nn.Module) -> Iterator[nn.Module]:
    for child in module.children():
        if isinstance(child, nn.Sequential | nn.ModuleList):
            yield from _members(child)
        else:
            yield child
