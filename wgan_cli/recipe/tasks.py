"""What a generator learns: images from noise, or translations between two sides; all sections must say the same."""

from __future__ import annotations

from typing import Protocol


class Section(Protocol):
    """Section of a recipe."""

    translates: bool


#: By `translates`: what networks of it do, the data that they learn from, and an example of model and objective.
TASKS = {
    False: ("makes images from noise", "one set of images", "model=dcgan --set objective=wgan_gp"),
    True: ("translates images", "two sides, `a` and `b`", "model=translation --set objective=cyclegan"),
}


def check_task(data: Section, model: Section, objective: Section) -> None:
    """Refuse sections of two tasks. Raises: ValueError with message and hint."""
    does, learns_from, example = TASKS[objective.translates]
    trains = f"`objective.name` is {objective.name}, for a generator that {does}"
    if model.translates != objective.translates:
        other_does, _, other = TASKS[model.translates]
        raise ValueError(
            f"{trains}, and `model.name` is {model.name}, which {other_does}|give --set {example}, or --set {other}"
        )
    if data.translates != objective.translates:
        _, given, other = TASKS[data.translates]
        raise ValueError(
            f"{trains} and learns from {learns_from}, and `data` is {given}|give `data` {learns_from}, or --set {other}"
        )
