"""Quality while training: the averaged generator is measured beside real images, and the best one is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from wgan_cli.errors import WganError, is_out_of_memory, one_line
from wgan_cli.evaluation.evaluate import Evaluation
from wgan_cli.evaluation.translation import AnyReference, TranslationEvaluation
from wgan_cli.runs.checkpoint import Checkpoint, load_checkpoint
from wgan_cli.runs.environment import versions
from wgan_cli.runs.rewind import set_aside
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.training.best_generator import Best, copied_to_host, out_of_patience
from wgan_cli.training.recording.best_effort import BestEffort
from wgan_cli.training.state import TrainingState


class Evaluator:
    """Measures a run's averaged generator and keeps the best in G_best.pth.

    Args:
        reference: the real images to measure beside; None measures nothing.
        note: told in words what was found.
    """

    def __init__(
        self,
        state: TrainingState,
        run: RunDir,
        reference: AnyReference | None,
        best_effort: BestEffort,
        note: Callable[[str], None],
    ) -> None:
        self.state, self.run, self.reference, self.best_effort, self.note = state, run, reference, best_effort, note
        self._kept: Best | None = None  # what G_best.pth holds

    def due(self) -> bool:
        """Whether the step just done is one to measure after; the last is."""
        recipe, step = self.state.recipe, self.state.step
        if self.reference is None or recipe.eval_every is None:
            return False
        return step % recipe.eval_every == 0 or step == recipe.steps

    def out_of_patience(self) -> bool:
        """Whether the run has gone without a better score for as long as its recipe bears."""
        return out_of_patience(self.state.best, self.state.recipe.patience)

    def evaluate(self) -> dict[str, float]:
        """Measure the generator and say how good it is; its scores by name, none where it could not be measured.

        Neither random numbers nor weights of the training move.
        """
        with self.best_effort.dispensable("its scores"):
            found = self._measured()
            better = self._is_best(found)
            self.note(found.line() + ("; the best so far" if better else ""))
            self.keep_best()
            return found.record()
        return {}

    def keep_best(self) -> None:
        """Write G_best.pth where it holds another one than the best; an evaluation tries again after a full disk."""
        state, best = self.state, self.state.best
        if best is None or (self._kept is not None and self._kept.networks is best.networks):
            return
        with self.best_effort.dispensable("the best generator's file"):
            Checkpoint(
                state.recipe, state.image, state.class_names, best.step, best.networks,
                versions=versions(), score=best.score,
            ).save(self.run.best_file)  # fmt: skip
            self._kept = best

    def settle(self) -> None:
        """Make G_best.pth the best generator at the step where the run stands; a later one is set aside.

        Patience that had run out begins anew, since somebody chose to go on.
        """
        state, file = self.state, self.run.best_file
        if self.out_of_patience():
            state.best = replace(state.best, since=0)
        self._kept = None
        try:
            held = load_checkpoint(file)
        except WganError:
            held = None
        best = state.best
        if held and best and (held.step, held.score, held.recipe) == (best.step, best.score, state.recipe):
            self._kept = best
        elif file.exists() and (held is None or best is None or held.step > state.step):
            with self.best_effort.dispensable("moving G_best.pth away"):
                set_aside(self.run, file, mark="" if held else ".damaged")
        self.keep_best()

    def _measured(self) -> Evaluation | TranslationEvaluation:
        state = self.state
        try:
            return self.reference.evaluate(state.ema.network, state.recipe, state.step)
        except Exception as error:  # whatever it is, training itself is well
            why = "there is not enough memory" if is_out_of_memory(error) else one_line(str(error)).partition(". ")[0]
            raise WganError(
                f"step {state.step:,} could not be evaluated: {why or type(error).__name__}",
                "lower `eval_count`, or leave out `eval_every`",
            ) from error

    def _is_best(self, found: Evaluation | TranslationEvaluation) -> bool:
        """Whether a generator is the best so far; the state then holds it, else it counts one more in vain."""
        state, by = self.state, self.state.recipe.best_by
        score = found.score(by)
        best = state.best
        if best is not None and not score.compares_with(best.score):
            self.note(f"{score.by} of {score.measured} does not compare with {best.score}, so the best is sought anew")
            if self.run.best_file.exists():
                with self.best_effort.dispensable("moving G_best.pth away"):
                    set_aside(self.run, self.run.best_file)
            best = None
        if best is None or score.beats(best.score):
            state.best = Best(state.step, score, copied_to_host(state.exported_weights()))
            return True
        state.best = replace(best, since=best.since + 1)
        return False
