"""Evaluation during training: score the EMA generator against real images and keep the best one."""

from contextlib import suppress
from dataclasses import replace

from wgan_cli.errors import WganError, is_out_of_memory, one_line
from wgan_cli.evaluation.translation import AnyEvaluation, AnyReference
from wgan_cli.runs.checkpoint import Checkpoint, load_checkpoint
from wgan_cli.runs.environment import versions
from wgan_cli.runs.resume import set_aside
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.training.best_generator import Best, out_of_patience
from wgan_cli.training.recording.best_effort import BestEffort
from wgan_cli.training.state import TrainingState
from wgan_cli.utils.format import Log


class Evaluator:
    """Scores a run's EMA generator against the real images of a reference, and keeps the best one in G_best.pth."""

    def __init__(
        self, state: TrainingState, run: RunDir, reference: AnyReference | None, best_effort: BestEffort, log: Log
    ) -> None:
        self.state, self.run, self.reference, self.best_effort, self.log = state, run, reference, best_effort, log
        self._saved: Best | None = None  # the content of G_best.pth

    def evaluate(self) -> dict[str, float]:
        """Score the generator, log a line and update the best; return the scores by name, empty if that failed.

        Doesn't change weights or random states of the training.
        """
        with self.best_effort.optional("its scores"):
            assert self.reference is not None
            state = self.state
            try:
                evaluation = self.reference.evaluate(state.ema.network, state.recipe, state.step)
            except Exception as error:  # a failed evaluation must not end the training
                why = "not enough memory" if is_out_of_memory(error) else one_line(str(error)).partition(". ")[0]
                raise WganError(
                    f"the evaluation at step {state.step:,} failed: {why or type(error).__name__}",
                    "lower `eval_count`, or remove `eval_every`",
                ) from error
            is_best = self._update_best(evaluation)
            self.log(evaluation.line() + ("; best so far" if is_best else ""))
            self.save_best()
            return evaluation.record()
        return {}

    def save_best(self) -> None:
        """Write G_best.pth unless it already holds the best; each evaluation retries a failed write."""
        state, best = self.state, self.state.best
        if best is None or (self._saved is not None and self._saved.networks is best.networks):
            return
        with self.best_effort.optional("the best generator's file"):
            described = (state.recipe, state.image, state.class_names, best.step)
            Checkpoint(*described, best.networks, versions=versions(), score=best.score).save(self.run.best_file)
            self._saved = best

    def restore_best(self) -> None:
        """Make G_best.pth the best generator up to the current step; a later one is set aside.

        A run that had stopped out of patience starts counting again.
        """
        state, file = self.state, self.run.best_file
        if state.best is not None and out_of_patience(state.best, state.recipe.patience):
            state.best = replace(state.best, since=0)
        best, found, self._saved = state.best, None, None
        with suppress(WganError):
            found = load_checkpoint(file)
        if found and best and (found.step, found.score, found.recipe) == (best.step, best.score, state.recipe):
            self._saved = best
        elif file.exists() and (found is None or best is None or found.step > state.step):
            with self.best_effort.optional("moving G_best.pth away"):
                set_aside(self.run, file, mark="" if found else ".damaged")
        self.save_best()

    def _update_best(self, evaluation: AnyEvaluation) -> bool:
        """Record a new best generator and return True; otherwise increment the patience counter."""
        state = self.state
        score, best = evaluation.score(state.recipe.best_by), state.best
        if best is not None and not score.compares_with(best.score):
            self.log(f"{score.by} of {score.measured} is not comparable with {best.score}; the best starts over")
            if self.run.best_file.exists():
                with self.best_effort.optional("moving G_best.pth away"):
                    set_aside(self.run, self.run.best_file)
            best = None
        if best is None or score.beats(best.score):
            networks = {
                role: {name: tensor.detach().to("cpu", copy=True) for name, tensor in weights.items()}
                for role, weights in state.exported_weights().items()
            }
            state.best = Best(state.step, score, networks)
            return True
        state.best = replace(best, since=best.since + 1)
        return False
