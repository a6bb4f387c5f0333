"""FID, IS and KID, with a stand-in for torch-fidelity and with the library itself."""

from __future__ import annotations

import importlib.machinery
import json
import sys
from types import ModuleType
from urllib.error import URLError

import pytest
import torch
from torch import nn

from wgan_cli.data.dataset import ImageSet
from wgan_cli.errors import WganError
from wgan_cli.evaluation import inception
from wgan_cli.evaluation.inception import check_inception, measure_inception
from wgan_cli.evaluation.real_images import Selection
from wgan_cli.utils.pixels import as_uint8

CPU = torch.device("cpu")
WEIGHT = {inception.FIRST_WEIGHT: torch.zeros(2)}


def noise(count: int, channels: int = 3, seed: int = 0) -> Selection:
    random = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, channels, 16, 16), dtype=torch.uint8, generator=random)
    return Selection(ImageSet(images, torch.zeros(count).long(), (), "noise"), torch.arange(count), "noise")


class StandIn(ModuleType):
    """Stand-in for torch-fidelity that records its arguments and scores by the mean pixel."""

    def __init__(self) -> None:
        super().__init__("torch_fidelity")
        self.__spec__ = importlib.machinery.ModuleSpec("torch_fidelity", None)
        self.asked: list[dict] = []
        self.error: Exception | None = None

    def calculate_metrics(self, **asked) -> dict[str, float]:
        if self.error is not None:
            raise self.error
        self.asked.append(asked)
        mean = torch.stack([asked["input1"][number] for number in range(len(asked["input1"]))]).double().mean().item()
        found = {"inception_score_mean": 2 * mean, "inception_score_std": 0.5} if asked["isc"] else {}
        if asked["fid"]:
            found["frechet_inception_distance"] = mean
        if asked["kid"]:
            found |= {"kernel_inception_distance_mean": 3 * mean, "kernel_inception_distance_std": 0.25}
        return found


@pytest.fixture
def stand_in(monkeypatch) -> StandIn:
    module = StandIn()
    monkeypatch.setitem(sys.modules, "torch_fidelity", module)
    monkeypatch.setattr(inception.metadata, "version", lambda name: "0.0")
    return module


@pytest.fixture
def weights(tmp_path):
    torch.save(WEIGHT, tmp_path / "weights.pth")
    return tmp_path / "weights.pth"


def test_inputs_of_torch_fidelity(stand_in, weights):
    training, held_out = noise(40, seed=1), noise(30, seed=2)
    images = torch.full((20, 3, 16, 16), 7, dtype=torch.uint8)
    found = measure_inception(images, training, held_out, ["fid", "is", "kid"], weights, CPU)
    assert found.generated == {"fid": 7, "is": 14, "is_std": 0.5, "kid": 21, "kid_std": 0.25}
    assert found.real["fid"] == pytest.approx(
        held_out.subset(20).dataset.images[held_out.subset(20).indices].double().mean()
    )
    assert (found.generated_count, found.real_count, found.training_count) == (20, 20, 40)
    for asked in stand_in.asked:
        assert len(asked["input2"]) == 40
        assert torch.equal(asked["input2"][3], training.dataset.images[3])
        assert (asked["feature_extractor_weights_path"], asked["cuda"]) == (str(weights), False)
        assert asked["kid_subset_size"] == 20  # KID's own thousand would be more than there are
    assert stand_in.asked[0]["cache_root"] == stand_in.asked[1]["cache_root"]  # training images' features, once
    assert stand_in.asked[0]["input2_cache_name"] is not None


@pytest.mark.parametrize(("channels", "kept"), [(1, [0, 0, 0]), (3, [0, 1, 2])])
def test_images_become_rgb(stand_in, channels, kept):
    measured = noise(12, channels)
    measure_inception(measured.dataset.images, noise(12), noise(12), ["is"], None, CPU)
    (asked, _) = stand_in.asked
    assert torch.equal(asked["input1"][5], measured.dataset.images[5][kept])
    assert asked["input2"] is None  # the inception score knows no others
    assert asked["feature_extractor_weights_path"] is None


@pytest.mark.parametrize("bands", [(5, 3, 1), (4,)])
def test_bands_that_pictures_show_are_measured(stand_in, bands):
    pixels = torch.randint(-32768, 32768, (12, 5, 8, 8)).to(torch.int16)
    images = ImageSet(pixels, torch.zeros(12).long(), (), "scenes", bands=True, preview_channels=bands)
    scenes = Selection(images, torch.arange(12), "scenes")
    found = measure_inception(pixels, scenes, scenes, ["fid"], None, CPU)
    assert f"{', '.join(map(str, bands))} of 5" in found.features and "8 of 16 bits" in found.features
    shown = as_uint8(pixels)[5][[band - 1 for band in bands]].expand(3, -1, -1)
    for measured in (stand_in.asked[0]["input1"], stand_in.asked[0]["input2"]):
        assert torch.equal(measured[5], shown)


def test_alpha_is_composited(stand_in):
    colors = torch.tensor([[200, 100, 0, alpha] for alpha in (255, 0, 51)], dtype=torch.uint8)
    images = colors[:, :, None, None].repeat(4, 1, 8, 8)  # (12, 4, 8, 8)
    held_out = Selection(ImageSet(images, torch.zeros(12).long(), (), "drawings"), torch.arange(12), "drawings")
    measure_inception(images, held_out, held_out, ["fid"], None, CPU, (0, 50, 255))
    for asked in stand_in.asked:
        for measured in (asked["input1"], asked["input2"]):
            seen = [measured[number][:, 0, 0].tolist() for number in range(3)]
            assert seen == [[200, 100, 0], [0, 50, 255], [40, 60, 204]]


def test_failed_download(stand_in):
    stand_in.error = URLError("no network")
    with pytest.raises(WganError, match="cannot download the Inception-v3 weights: no network") as raised:
        measure_inception(noise(12).dataset.images, noise(12), noise(12), ["fid"], None, CPU)
    assert "--feature-weights FILE" in raised.value.hint
    assert raised.value.status == 1


def test_wrong_weights(stand_in, weights):
    stand_in.error = RuntimeError("Error(s) in loading state_dict for FeatureExtractorInceptionV3: ...")
    with pytest.raises(WganError, match="weights.pth does not hold"):
        measure_inception(noise(12).dataset.images, noise(12), noise(12), ["fid"], weights, CPU)


class Evil:
    def __reduce__(self):
        return exec, ("raise AssertionError('code of the file ran')",)


def test_weights_file_is_checked_first(stand_in, weights, tmp_path):
    check_inception(weights)
    check_inception(None)
    torch.save({"a": torch.zeros(2)}, tmp_path / "other.pth")
    torch.save({**WEIGHT, "evil": Evil()}, tmp_path / "evil.pth")
    (tmp_path / "text.pth").write_text("none")
    (tmp_path / "empty.pth").write_bytes(b"")
    (tmp_path / "cut.pth").write_bytes(weights.read_bytes()[:300])
    for name in ("other.pth", "evil.pth", "text.pth", "empty.pth", "cut.pth"):
        with pytest.raises(WganError, match=f"{name} does not hold"):
            check_inception(tmp_path / name)
    with pytest.raises(WganError, match="does not exist"):
        check_inception(tmp_path / "gone.pth")
    with pytest.raises(WganError, match="cannot read"):
        check_inception(tmp_path)


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(WganError, match="need torch-fidelity, which is not installed") as raised:
        check_inception(None)
    assert raised.value.hint == "pip install 'wgan[fid]'"


def test_command(wgan, stand_in, tiny_run, features_root, weights):
    common = ("evaluate", tiny_run.path, "-n", 20, "--device", "cpu", "--data-root", features_root)
    words = (*common, "--feature-weights", weights, "--metrics")
    both = wgan(*words, "fid,distance,kid")
    assert (both.status, both.stderr) == (0, "")
    first, second = both.stdout.split("step 12: FD")
    assert "digits-28x28x1-v1-" in first
    assert "fid" not in first
    assert "inception-v3 of torch-fidelity 0.0; images are resized to 299x299" in second
    assert "20 images" in second
    assert [line.split()[0] for line in second.splitlines()[-3:]] == ["fid", "kid", "kid_std"]
    alone = json.loads(wgan(*words, "fid", "--json").stdout)
    assert "fd" not in str(alone)
    assert list(alone["inception"]["generated"]) == ["fid"]
    assert alone["inception"]["training_count"] == 6000
    more = wgan(*common, "-n", 1010, "--feature-weights", weights, "--metrics", "fid")
    assert "1,010 generated images next to 1,000 real ones" in more.stderr and "-n 1000" in more.stderr
    for line, message in (
        ("distance --feature-weights gone.pth", "--feature-weights is only for fid, is and kid"),
        ("fid --pairs pairs.png", "--pairs needs wgan's own features"),
        ("fid --feature-weights gone.pth", "gone.pth does not exist"),
    ):
        refused = wgan(*common, "--metrics", *line.split())
        assert (refused.status, refused.stdout, refused.error) == (2, "", message)


@pytest.mark.slow
def test_the_library_itself(tmp_path, monkeypatch):
    pytest.importorskip("torch_fidelity")
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    with monkeypatch.context() as patch, torch.random.fork_rng():  # random weights in its own layout, for its own are
        torch.manual_seed(0)  # to be downloaded
        patch.setattr(torch, "load", lambda *args, **options: {})
        patch.setattr(nn.Module, "load_state_dict", lambda *args, **options: None)
        network = FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path="none")
    torch.save(network.state_dict(), tmp_path / "inception.pth")
    check_inception(tmp_path / "inception.pth")
    training, held_out = noise(12, seed=1), noise(12, seed=2)
    white = torch.full((12, 1, 16, 16), 255, dtype=torch.uint8)
    found = measure_inception(white, training, held_out, ["fid", "is", "kid"], tmp_path / "inception.pth", CPU)
    assert found.generated["fid"] > found.real["fid"]
    assert found.generated["is"] == pytest.approx(1)
    assert list(found.generated) == list(found.real) == ["fid", "is", "is_std", "kid", "kid_std"]
    torch.save(WEIGHT, tmp_path / "other.pth")
    with pytest.raises(WganError, match="other.pth does not hold"):
        measure_inception(white, training, held_out, ["fid"], tmp_path / "other.pth", CPU)
