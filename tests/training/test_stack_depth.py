"""The distance between `wgan train` and the gradient penalty."""

from __future__ import annotations

import traceback
from pathlib import Path

import wgan_cli
from wgan_cli.objectives import penalties

PACKAGE = Path(wgan_cli.__file__).parent


def test_few_frames_from_the_command_to_the_penalty(wgan, tiny_options, monkeypatch):
    stacks = []
    gradient_penalty = penalties.gradient_penalty

    def recorded(*arguments):
        stacks.append([frame.filename for frame in traceback.extract_stack()])
        return gradient_penalty(*arguments)

    monkeypatch.setattr(penalties, "gradient_penalty", recorded)
    settings = ("--set", "objective=wgan_gp", "--engine", "eager", "--steps", 1)
    result = wgan("train", *tiny_options, *settings, "--device", "cpu", "--out", "mine")
    assert result.status == 0 and stacks
    files = [file for file in stacks[-1] if Path(file).is_relative_to(PACKAGE)]
    frames = len(files) + 2  # `main`, which the fixture leaves out, and gradient_penalty itself
    assert frames <= 10, files
    assert len(set(files)) <= 7, files
