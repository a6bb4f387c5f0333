"""Encoders and classifiers of every family, what they share with its critic, and the centers of classes."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from torch import nn

from wgan_cli.networks import build_network
from wgan_cli.networks.encoder import ClassCenters
from wgan_cli.recipe import ImageShape, Recipe, recipe_from_dict

CLASSES = 5
LATENT = 3
LABELS = torch.tensor([0, 4, 2, 2])
SMALL = {
    "mlp": {"generator": {"widths": [6]}, "critic": {"widths": [7, 6]}},
    "dcgan": {"generator": {"channels": [6]}, "critic": {"channels": [5, 6], "norm": "layer"}},
    "dcgan, dense": {"generator": {"channels": [6]}, "critic": {"channels": [6], "dense": [12, 10]}},
    "resnet": {"generator": {"channels": [9, 8]}, "critic": {"channels": [8, 9], "halvings": 1}},
}
CASES = list(product(SMALL, ((8, 1), (12, 3))))


def recipe_of(case: str, condition: str = "projection", **more: object) -> Recipe:
    model = {"name": case.partition(",")[0], "latent_dim": LATENT, "conditional": True, "condition": condition}
    return recipe_from_dict({"model": {**model, **SMALL[case], **more}, "steps": 1, "batch_size": 4}, "a test")


def built(role: str, recipe: Recipe, size: int = 8, channels: int = 1, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return build_network(role, recipe, ImageShape(size, size, channels, CLASSES))


def images(size: int, channels: int) -> torch.Tensor:
    return torch.rand(4, channels, size, size, generator=torch.Generator().manual_seed(3)) * 2 - 1


def assert_all_learn(network: nn.Module, loss: torch.Tensor) -> None:
    loss.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.isfinite().all() and (parameter.dim() == 1 or parameter.grad.any()), name


@pytest.mark.parametrize(("case", "shape"), CASES)
def test_encoder(case, shape):
    encoder, x = built("encoder", recipe_of(case), *shape), images(*shape)
    mean, log_variance = encoder(x, LABELS)
    assert mean.shape == log_variance.shape == (4, LATENT)
    alone = torch.cat([encoder(one, label)[0] for one, label in zip(x.split(1), LABELS.split(1), strict=True)])
    torch.testing.assert_close(alone, mean, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(encoder(x, LABELS.flip(0))[0], mean, atol=0.0), "it is shown the class"
    assert_all_learn(encoder, mean.square().sum() + log_variance.exp().sum())
    same = built("encoder", recipe_of(case), *shape)
    assert all(torch.equal(p, q) for p, q in zip(same.parameters(), encoder.parameters(), strict=True))


@pytest.mark.parametrize("case", SMALL)
def test_unconditional_encoder(case):
    encoder = built("encoder", recipe_of(case, conditional=False))
    assert encoder(images(8, 1))[0].shape == (4, LATENT)
    assert not any("embedding" in name for name, _ in encoder.named_parameters())


@pytest.mark.parametrize(("case", "shape"), CASES)
def test_classifier_features(case, shape):
    classifier, x = built("classifier", recipe_of(case), *shape), images(*shape)
    logits, features = classifier(x, features=True)
    assert logits.shape == (4, CLASSES) and features.shape == classifier.real_centers.centers[:4].shape
    torch.testing.assert_close(classifier(x), logits)
    weight, bias = classifier.head.weight, classifier.head.bias
    torch.testing.assert_close(features @ weight.T + bias, logits, rtol=1e-4, atol=1e-6)
    assert_all_learn(classifier, nn.functional.cross_entropy(logits, LABELS))


@pytest.mark.parametrize("condition", ["embedding", "projection", "classifier"])
@pytest.mark.parametrize("case", SMALL)
def test_critic_features(case, condition):
    critic, x = built("critic", recipe_of(case, condition)), images(8, 1)
    scores, features = critic(x, LABELS, features=True)
    torch.testing.assert_close(critic(x, LABELS), scores)
    expected = (features @ critic.head.to_score.weight.T + critic.head.to_score.bias).squeeze(1)
    if condition == "projection":
        rows = features @ critic.head.to_classes.weight.T + critic.head.to_classes.bias
        expected = expected + rows[torch.arange(4), LABELS]
    torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-6)


def test_class_centers(monkeypatch):
    monkeypatch.setattr("wgan_cli.networks.encoder.CENTER_DECAY", 0.75)
    centers, noise = ClassCenters(3, 2), np.random.default_rng(0)
    batches = [(noise.normal(size=(6, 2)), np.array([0, 0, 1, 1, 1, 0])) for _ in range(7)]
    expected = np.zeros((3, 2))
    for number, (features, labels) in enumerate(batches, start=1):
        for label in (0, 1):
            expected[label] += max(0.25, 1 / number) * (features[labels == label].mean(0) - expected[label])
        found = centers.update(torch.tensor(features).float(), torch.tensor(labels))
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)
        if number == 3:  # young, it is the plain mean
            means = np.mean([features[labels == 1].mean(0) for features, labels in batches[:3]], axis=0)
            np.testing.assert_allclose(found[1].numpy(), means, rtol=1e-5)
    assert centers.batches.tolist() == [7, 7, 0]
    assert not centers.centers[2].any()
    before = centers.centers.clone()
    centers.update(torch.ones(2, 2), torch.tensor([2, 2]))
    assert torch.equal(centers.centers[:2], before[:2]) and torch.equal(centers.centers[2], torch.ones(2))


def test_gradient_of_class_centers():
    centers = ClassCenters(3, 2)
    labels, aim = torch.tensor([0, 0, 2, 0]), torch.randn(3, 2)
    for _ in range(9):
        centers.update(torch.randn(4, 2), labels)
    features = torch.randn(4, 2, requires_grad=True)
    (centers.update(features, labels) * aim).sum().backward()
    expected = torch.stack([aim[label] / (3 if label == 0 else 1) for label in labels])
    torch.testing.assert_close(features.grad, expected)


def test_class_centers_are_float32():
    centers = ClassCenters(2, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = centers.update(torch.full((3, 4), 1.001), torch.tensor([0, 0, 1]))
    torch.testing.assert_close(found, torch.full((2, 4), 1.001))
