"""What the loop's recorder is in a run of several processes: one that leads, and others that keep step with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from wgan_cli.distributed import process_group
from wgan_cli.errors import AlreadyReported, ExitStatus
from wgan_cli.evaluation.translation import AnyReference
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.training.callback import Callback
from wgan_cli.training.divergence import MOST_ROLLBACKS
from wgan_cli.training.recording.recorder import Recorder
from wgan_cli.training.rollback import agreed_illness, go_back
from wgan_cli.training.state import TrainingState

_WORK = {"start": "the first checkpoint", "log": "the records", "draw_samples": "the sample grid", "save": "saving"}


def make_recorder(
    state: TrainingState, run: RunDir, callback: Callback, reference: AnyReference | None
) -> Recorder | Follower:
    """The recorder of this process."""
    if process_group.world_size() == 1:
        return Recorder(state, run, callback, reference)
    return Leader(state, run, callback, reference) if process_group.is_main_process() else Follower(state)


def _while_others_wait(name: str) -> Callable[..., Any]:
    """A method of Recorder whose end the followers wait for, and whose failure ends them too."""
    method = getattr(Recorder, name)

    @wraps(method)
    def shared(self: Leader, *given: Any) -> Any:
        if self.alone:  # inside another that they wait for
            return method(self, *given)
        self.alone = True
        try:
            return process_group.broadcast_from_main(_WORK[name], lambda: method(self, *given))
        finally:
            self.alone = False

    return shared


class Leader(Recorder):
    """The recorder of the process that writes."""

    alone = False
    start = _while_others_wait("start")
    log = _while_others_wait("log")
    draw_samples = _while_others_wait("draw_samples")
    save = _while_others_wait("save")

    def evaluate(self) -> dict[str, float]:
        """As Recorder's; all processes learn whether the run's patience is over."""
        scores: dict[str, float] = {}

        def work() -> bool:
            scores.update(super(Leader, self).evaluate())
            return self.judge.out_of_patience()

        process_group.broadcast_from_main("the evaluation", work)
        return scores


class Follower:
    """Has nothing to write: takes part in what all decide together, and waits while the leader writes."""

    def __init__(self, state: TrainingState) -> None:
        self.state = state
        self.saved_at: int | None = None
        self.judge = _FollowersJudge(state)

    def start(self) -> None:
        """Wait for the leader's."""
        self._wait("start")
        self.saved_at = self.state.step

    def roll_back(self) -> bool:
        """Go back with the leader where any process has numbers that are none."""
        if agreed_illness(self.state) is None:
            return False
        if self.state.rollbacks == MOST_ROLLBACKS:
            raise AlreadyReported(ExitStatus.FAILED)
        go_back(self.state, _nothing)
        self.saved_at = self.state.step
        return True

    def evaluate(self) -> dict[str, float]:
        """Learn whether patience is over."""
        self.judge.over = process_group.broadcast_from_main("the evaluation", _nothing)
        return {}

    def log(self, scores: Mapping[str, float]) -> None:
        """Start the sums of the terms anew."""
        self.state.iteration.terms.means()
        self._wait("log")

    def draw_samples(self) -> None:
        """Wait for the leader's."""
        self._wait("draw_samples")

    def save(self) -> None:
        """Keep in mind which checkpoint there is to go back to."""
        if self.state.step % self.state.recipe.save_every == 0:
            self.state.anchor = self.state.step
        self._wait("save")
        self.saved_at = self.state.step

    def finish(self) -> None:
        """Save with the leader what is not saved yet."""
        if self.saved_at != self.state.step and not self.roll_back():
            self.save()

    def _wait(self, name: str) -> None:
        process_group.broadcast_from_main(_WORK[name], _nothing)


class _FollowersJudge:
    """Knows when an evaluation is due, and what came of it."""

    def __init__(self, state: TrainingState) -> None:
        self.state = state
        self.over = False

    def due(self) -> bool:
        recipe, step = self.state.recipe, self.state.step
        return recipe.eval_every is not None and (step % recipe.eval_every == 0 or step == recipe.steps)

    def out_of_patience(self) -> bool:
        return self.over


def _nothing() -> Checkpoint:
    raise AssertionError("only the leader looks for it")
