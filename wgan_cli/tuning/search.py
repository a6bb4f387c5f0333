"""The search itself: rung after rung, every training an ordinary run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wgan_cli.errors import ExitStatus, TrainingError, WganError
from wgan_cli.recipe import Recipe
from wgan_cli.recipe.scores import SCORES
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.training.callback import Callback
from wgan_cli.training.process_state import restored_process_state
from wgan_cli.training.trainer import Trainer
from wgan_cli.tuning.halving import survivors
from wgan_cli.tuning.search_dir import Outcome, SearchDir
from wgan_cli.utils.machine import release_memory


@dataclass(frozen=True)
class Training:
    """A candidate in a rung, both counted from 0. outcome: None if it isn't finished."""

    rung: int
    candidate: int
    recipe: Recipe
    run: RunDir
    outcome: Outcome | None


@dataclass(frozen=True)
class Standing:
    """A candidate's trainings, shortest first."""

    candidate: int
    trainings: tuple[Training, ...]

    @property
    def failure(self) -> str:
        """Reason of a failed training, else empty."""
        return next((each.outcome.failure for each in self.trainings if each.outcome and each.outcome.failure), "")

    @property
    def score(self) -> float | None:
        """Score of the longest training with one."""
        scores = [each.outcome.score for each in self.trainings if each.outcome and each.outcome.score is not None]
        return scores[-1] if scores else None


#: Called with each training when it starts and, with its outcome, when it ends; returns callbacks for it.
Observer = Callable[[Training], Sequence[Callback]]


class Search:
    """Trains the candidates of a plan; everything that it knows is read from the folder.

    Args:
        command: command line to record in each run.
    """

    def __init__(self, folder: SearchDir, data_root: Path | None, device: str, command: str) -> None:
        self.folder, self.plan = folder, folder.plan
        self.data_root, self.device, self.command = data_root, device, command
        self.lower_is_better = SCORES[self.plan.request.recipe.best_by].lower_is_better

    def trainings(self, rung: int) -> list[Training]:
        """Return the trainings of a rung, [] before the rung before it is complete."""
        numbers: Sequence[int] = range(len(self.plan.candidates))
        if rung:
            before = self.trainings(rung - 1)
            outcomes = {each.candidate: each.outcome for each in before}
            if any(outcome is None for outcome in outcomes.values()):
                return []
            scores = {number: outcome.score for number, outcome in outcomes.items() if outcome}
            numbers = survivors(scores, self.plan.rungs[rung].count, self.lower_is_better)
        return [self._training(rung, number) for number in numbers]

    def _training(self, rung: int, candidate: int) -> Training:
        recipe = self.plan.candidates[candidate].for_minutes(self.plan.rungs[rung].minutes)
        outcome = self.folder.outcome(rung, candidate)
        return Training(rung, candidate, recipe, self.folder.run(rung, candidate), outcome)

    def run(self, observe: Observer) -> ExitStatus:
        """Train until the last rung is complete, and write the winner's recipe; or stop at a signal.

        Raises: WganError if all candidates fail, or a disk is full.
        """
        for rung in range(len(self.plan.rungs)):
            for training in self.trainings(rung):
                if training.outcome is None and (status := self._train(training, observe)) != ExitStatus.DONE:
                    return status
        winner = self.standings()[0]
        if winner.failure or winner.score is None:
            raise WganError(
                f"all candidates failed: {winner.failure}", "try other values, such as lower learning rates",
                ExitStatus.FAILED,
            )  # fmt: skip
        self.folder.write_winner(winner.candidate, winner.score, self.plan.rungs[winner.trainings[-1].rung].minutes)
        return ExitStatus.DONE

    def standings(self) -> list[Standing]:
        """Return all candidates, best first: those of later rungs before the others, and failed ones last."""
        rungs = [self.trainings(rung) for rung in range(len(self.plan.rungs))]
        every = (
            Standing(number, tuple(each for rung in rungs for each in rung if each.candidate == number))
            for number in range(len(self.plan.candidates))
        )

        def key(standing: Standing) -> tuple[bool, int, float, int]:
            score, finished = standing.score, [each for each in standing.trainings if each.outcome]
            signed = 0.0 if score is None else score if self.lower_is_better else -score
            return bool(standing.failure), -len(finished), signed, standing.candidate

        return sorted(every, key=key)

    def _train(self, training: Training, observe: Observer) -> ExitStatus:
        """Train a candidate, from its last checkpoint if it was interrupted. A failure is an outcome."""
        callbacks = observe(training)
        release_memory()  # of the training before, or the timing
        try:
            with restored_process_state():
                trainer = Trainer(
                    training.recipe, training.run.path, resume="auto", data_root=self.data_root, device=self.device,
                    callbacks=callbacks,
                )  # fmt: skip
                trainer.fit(command=self.command)
            status = trainer.status
        except TrainingError as error:
            self.folder.record_failure(training.rung, training.candidate, error.message)
            status = ExitStatus.DONE
        if status == ExitStatus.DONE:
            observe(self._training(training.rung, training.candidate))
        return status
