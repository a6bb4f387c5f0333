"""What a generator learns: images from noise, or translations between two sides; all sections must say the same."""

from __future__ import annotations

from typing import Protocol


class Section(Protocol):
    """A section of a recipe. task: one of TASKS."""

    task: str


#: By task: what networks of it do, the data they learn from, and an example of model and objective.
TASKS = {
    "generation": ("makes images from noise", "one set of images", "model=dcgan --set objective=wgan_gp"),
    "translation": (
        "translates images",
        "two sides, `data.a` and `data.b`",
        "model=translation --set objective=cyclegan",
    ),
}


def check_task(data: Section, model: Section, objective: Section) -> None:
    """Refuse sections of two tasks. Raises: ValueError with message and hint."""
    (wanted, of, _), (does, _, example) = TASKS[objective.task], TASKS[model.task]
    if model.task != objective.task:
        other = TASKS[objective.task][2]
        raise ValueError(
            f"`objective.name` is {objective.name}, for a generator that {wanted}, and `model.name` is {model.name}, "
            f"which {does}|give --set {other}, or --set {example}"
        )
    if data.task != objective.task:
        found = TASKS[data.task]
        raise ValueError(
            f"`objective.name` is {objective.name}, for a generator that {wanted} and learns from {of}, and `data` is "
            f"{found[1]}|give `data` {of}, or --set {found[2]}"
        )
