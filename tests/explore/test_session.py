"""Sampling for the page: the images of `wgan sample`, shifts along directions, and walks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from wgan_cli.errors import WganError
from wgan_cli.explore import session as sessions
from wgan_cli.explore.session import FRAMES_PER_LEG, MAX_IMAGES, MAX_SEED, SamplingSession, View, save_grid, save_walk
from wgan_cli.explore.source import Source
from wgan_cli.utils.pixels import to_uint8
from wgan_cli.utils.seeds import latent_vectors


@pytest.fixture(scope="module")
def plain(tiny_run) -> SamplingSession:
    return SamplingSession(Source(tiny_run.path, torch.device("cpu")))


@pytest.fixture(scope="module")
def styled(styled_run) -> SamplingSession:
    return SamplingSession(Source(styled_run.path, torch.device("cpu")))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, ()),
        ({"label": 3}, ("--class", 3)),
        ({"psi": 0.3}, ("--truncation", 0.3)),
        ({"label": 0, "psi": 0.3}, ("--class", 0, "--truncation", 0.3)),
    ],
)
def test_images_equal_wgan_sample(wgan, plain, styled, options, words, tmp_path):
    for number, session in enumerate([styled] if options else [plain, styled]):
        for out in (f"{number}.npy", f"{number}.png"):
            shared = ("--seed", 5, "-n", 7, "--device", "cpu", "--out", out)
            assert wgan("sample", "--ckpt", session.source.path, *shared, *words).status == 0
        images = session.images(View(seed=5, count=7, **options))
        np.testing.assert_array_equal(images.numpy(), np.load(f"{number}.npy").transpose(0, 3, 1, 2))
        save_grid(images, tmp_path / "ours.png")
        assert (tmp_path / "ours.png").read_bytes() == (tmp_path / f"{number}.png").read_bytes()
        unmoved = View(seed=5, count=7, shifts=(0.0,) * len(session.directions), **options)
        assert session.images(unmoved).equal(images)


def test_shifts_of_z(plain):
    z = torch.from_numpy(latent_vectors(3, range(2), 16))
    n = torch.from_numpy(plain.directions)
    assert (np.diff(plain.direction_shares) <= 0).all() and 0 < plain.direction_shares.sum() <= 1.0001
    with torch.no_grad():
        wanted = to_uint8(plain.generator.network(z + 2.5 * n[0] - 1.5 * n[2]))
    on_samples = plain.images(View(seed=3, count=2, shifts=(2.5, 0.0, -1.5)))
    assert (on_samples.int() - wanted.int()).abs().max() <= 1  # a batch of another size may round otherwise
    assert not on_samples.equal(plain.images(View(seed=3, count=2)))


def test_shifts_of_w(styled):
    network = styled.generator.network
    with torch.no_grad():
        w = network.mapping(torch.from_numpy(latent_vectors(0, range(1000), 6)), torch.arange(1000) % 10)
        n = torch.from_numpy(styled.directions)
        np.testing.assert_allclose(styled.spread, (w @ n.T).std(0, correction=0), rtol=1e-4)
        psi, label = 0.6, torch.tensor([4, 4])
        own = network.mapping(torch.from_numpy(latent_vectors(3, range(2), 6)), label)
        shifted = torch.lerp(network.mean(label), own, psi) + 2 * styled.spread[1] * n[1]
        wanted = to_uint8(network.synthesis(network.broadcast(shifted)))
    on_samples = styled.images(View(seed=3, count=2, label=4, psi=psi, shifts=(0.0, 2.0)))
    assert (on_samples.int() - wanted.int()).abs().max() <= 1


def test_walk_loops_through_both_images(plain, styled):
    for session, view in (
        (plain, View(seed=2, count=9, shifts=(1.0, -2.0))),
        (styled, View(seed=2, count=9, label=7, psi=0.7, shifts=(1.0,))),
    ):
        images, walk = session.images(view).int(), session.walk(view, 6, 2).int()
        assert walk.shape == (2 * FRAMES_PER_LEG, *images.shape[1:])
        assert (walk[0] - images[6]).abs().max() <= 1 and (walk[FRAMES_PER_LEG] - images[2]).abs().max() <= 1
        back = walk[FRAMES_PER_LEG + 1 :].flip(0)
        assert (walk[1:FRAMES_PER_LEG] - back).abs().max() <= 1  # the same way


def test_walk_keeps_the_first_class(styled):
    walk = styled.walk(View(count=12), 3, 11)
    assert (walk[0].int() - styled.images(View(count=12))[3].int()).abs().max() <= 1
    assert walk.equal(styled.walk(View(count=12, label=3), 3, 11))


def test_saved_walk(plain, tmp_path):
    walk = plain.walk(View(count=5), 1, 4)
    save_walk(walk, tmp_path / "walk.gif")
    with Image.open(tmp_path / "walk.gif") as animation:
        assert (animation.n_frames, animation.size, animation.info["loop"]) == (2 * FRAMES_PER_LEG, (224, 224), 0)
        animation.seek(FRAMES_PER_LEG)
        frame = np.asarray(animation.convert("L"))
    blocks = frame.reshape(28, 8, 28, 8)
    assert (blocks == blocks[:, :1, :, :1]).all()
    np.testing.assert_array_equal(blocks[:, 0, :, 0], walk[FRAMES_PER_LEG, 0].numpy())


@pytest.mark.parametrize(
    ("view", "what"),
    [
        (View(seed=-1), "seed is"), (View(seed=MAX_SEED + 1), "seed is"), (View(seed=None), "seed is"),
        (View(seed=True), "seed is"), (View(count=0), "count is"), (View(count=MAX_IMAGES + 1), "count is"),
        (View(count=2.5), "count is"), (View(label=1), "class"), (View(psi=0.5), "styles"),
        (View(shifts=(float("nan"),)), "sliders"), (View(shifts=(1e9,)), "sliders"), (View(shifts=("x",)), "sliders"),
        (View(shifts=(0.0,) * 99), "sliders"),
    ],
)  # fmt: skip
def test_invalid_views(plain, view, what):
    with pytest.raises(WganError, match=what) as refused:
        plain.images(view)
    assert refused.value.hint


def test_invalid_class_and_truncation(styled):
    for view in (View(label=10), View(psi=float("inf")), View(psi=99.0)):
        with pytest.raises(WganError):
            styled.images(view)


@pytest.mark.parametrize("ends", [(1, 1), (0, 5), (-1, 2), (None, 2), ("0", 1), (0.0, 1), (True, 0)])
def test_invalid_walks(plain, ends):
    with pytest.raises(WganError, match="two images"):
        plain.walk(View(count=5), *ends)


def test_one_request_at_a_time(plain, monkeypatch):
    busy, most = [], []
    real = sessions.generate

    def watched(*words, **options):
        busy.append(1)
        most.append(len(busy))
        yield from real(*words, **options)
        busy.pop()

    monkeypatch.setattr(sessions, "generate", watched)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(plain.images, [View(seed=seed, count=4) for seed in range(6)]))
    assert most == [1] * 6
