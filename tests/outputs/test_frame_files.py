"""The order of images, by the numbers in their names."""

from pathlib import Path

import pytest
from PIL import Image

from wgan_cli.errors import WganError
from wgan_cli.outputs.frame_files import FrameFile, folder_files, listed_files, pattern_files


@pytest.fixture
def write(tmp_path):
    def write_files(*names: str) -> list[Path]:
        for name in names:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            Image.new("L", (8, 8)).save(tmp_path / name)
        return [tmp_path / name for name in names]

    return write_files


@pytest.fixture
def notes() -> list[str]:
    return []


def names(files: list[FrameFile]) -> list[str]:
    return [file.path.name for file in files]


NUMBERED = [
    ["9.png", "10.png", "100.png"],
    ["step_00000009.png", "step_00000010.png", "step_100000000.png"],
    ["2_0.png", "2_50.png", "10_0.png", "10_9.png", "10_10.png"],
    ["epoch 2 iter 9.png", "epoch 2 iter 10.png", "epoch 11 iter 1.png"],
    ["1.PNG", "2.jpg", "3.Jpeg", "4.bmp", "5.webp"],
    # Signs and decimals
    ["-1.0.png", "-0.5.png", "0.0.png", "2.5.png", "10.25.png"],
    ["psi_-2.png", "psi_-1.5.png", "psi_0.png", "psi_0.75.png", "psi_+1.png"],
    ["psi -2.png", "psi -1.png", "psi 0.png"],
    ["x-10.png", "x-2.png", "x0.png", "x3.png"],  # a sign, because of x0
    ["frame-2.png", "frame-10.png", "frame-11.png"],  # no sign
    ["2024-01-05.png", "2024-01-12.png", "2024-11-02.png"],
    ["2024.01.05.png", "2024.01.12.png", "2024.11.02.png"],
    ["a1-b2.png", "a1-b10.png", "a2-b1.png"],
    ["lr_1e-05.png", "lr_2e-05.png", "lr_0.001.png", "lr_1.0.png"],
    [f"{'9' * 40}8.png", f"{'9' * 40}9.png"],  # equal as floats
]


@pytest.mark.parametrize("in_order", NUMBERED)
def test_order_of_numbers(tmp_path, write, notes, in_order):
    files = write(*in_order)
    assert names(folder_files(tmp_path, None, notes.append)) == in_order
    assert names(pattern_files(tmp_path / "*", None, notes.append)) == in_order
    assert notes == []
    assert names(listed_files(sorted(files), None, notes.append)) == in_order  # as from a shell
    assert names(listed_files(files[::-1], None, notes.append)) == in_order[::-1] or files[::-1] == sorted(files)


def test_labels(tmp_path, write, notes):
    write("step_00000500_-1.50.png", "step_00001000_0.25.png")
    assert [file.label for file in folder_files(tmp_path, None, notes.append)] == ["500 -1.50", "1000 0.25"]


SERIES = [
    (["0.jpg", "1.jpg", "10.jpg"], ["0-ema.jpg", "1-ema.jpg", "10-ema.jpg"]),
    (["real_1.png", "real_2.png"], ["fake_1.png", "fake_2.png"]),
    (["1.jpg", "2.jpg"], ["1.png", "2.png"]),
    (["-1.0.png", "0.5.png"], ["-1.0[b].png", "0.5[b].png"]),
]


@pytest.mark.parametrize(("one", "other"), SERIES)
def test_several_series(tmp_path, write, notes, one, other):
    """The patterns in the hint select each of them."""
    write(*one, *other)
    with pytest.raises(WganError, match="2 series") as caught:
        folder_files(tmp_path, None, notes.append)
    patterns = caught.value.hint.split("'")[1::2]
    found = [names(folder_files(tmp_path, pattern, notes.append)) for pattern in patterns]
    assert sorted(found) == sorted([one, other])
    with pytest.raises(WganError, match="2 series"):
        pattern_files(tmp_path / "*", None, notes.append)
    assert notes == []
    shuffled = [tmp_path / other[1], tmp_path / one[1], tmp_path / other[0], tmp_path / one[0]]
    assert [file.path for file in listed_files(shuffled, None, notes.append)] == shuffled
    assert "2 series" in notes.pop() and not notes
    with pytest.raises(WganError, match="none of the images"):
        folder_files(tmp_path, "missing*", notes.append)


def test_names_without_numbers(tmp_path, write, notes):
    files = write("beta.png", "Alpha.png", "gamma.jpg")
    found = folder_files(tmp_path, None, notes.append)
    assert names(found) == ["Alpha.png", "beta.png", "gamma.jpg"]
    assert [file.label for file in found] == ["Alpha", "beta", "gamma"]
    assert "alphabetical" in notes.pop() and not notes
    assert [file.path for file in listed_files(files, None, notes.append)] == files
    write("x7.png", "y3.png")  # numbers of their own
    assert names(folder_files(tmp_path, None, notes.append))[-2:] == ["x7.png", "y3.png"]
    assert len(notes) == 1


def test_images_without_a_number_among_others(tmp_path, write, notes):
    files = write("1.png", "2.png", "10.png", "best.png")
    assert names(folder_files(tmp_path, None, notes.append)) == ["1.png", "2.png", "10.png"]
    assert "best.png" in notes.pop() and not notes
    assert listed_files(sorted(files), None, notes.append)[-1].path.name == "best.png"


def test_numbers_of_folders(tmp_path, write, notes):
    write("step_9/grid.png", "step_10/grid.png", "step_100/grid.png")
    found = pattern_files(tmp_path / "step_*" / "grid.png", None, notes.append)
    assert [file.label for file in found] == ["9", "10", "100"]


def test_other_files_are_ignored(tmp_path, write, notes):
    write("1.png", "2.png", ".3.png")
    (tmp_path / "4.txt").write_text("4")
    (tmp_path / ".5.png.77.part").write_bytes(b"half")
    (tmp_path / "6.png").mkdir()
    assert names(folder_files(tmp_path, None, notes.append)) == ["1.png", "2.png"]
    with pytest.raises(WganError, match="holds no images"):
        folder_files(tmp_path / "6.png", None, notes.append)
    with pytest.raises(WganError, match="no image matches"):
        pattern_files(tmp_path / "*.jpg", None, notes.append)
    with pytest.raises(WganError, match="4.txt is not an image"):
        listed_files([tmp_path / "1.png", tmp_path / "4.txt"], None, notes.append)
