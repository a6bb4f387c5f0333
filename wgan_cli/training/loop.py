"""The training loop, top to bottom."""

from __future__ import annotations

from wgan_cli.evaluation.translation import AnyReference
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.training.callback import Callback
from wgan_cli.training.optim import set_learning_rates
from wgan_cli.training.recording.other_ranks import make_recorder
from wgan_cli.training.state import TrainingState
from wgan_cli.training.stop import StopRequest


def train(
    state: TrainingState, run: RunDir, stop: StopRequest, callback: Callback, reference: AnyReference | None = None
) -> None:
    """Train until the recipe's steps are done, its patience is over or a stop is asked for; the last state is saved.

    Args:
        reference: the real images beside which the generator is measured at each `eval_every`; None measures nothing.
    Raises: WganError (status FAILED) where the numbers diverge again and again, or no checkpoint can be written; what
        was saved before stays good.
    """
    recipe = state.recipe

    # 1. Clear up after a process that was killed, and open the logs at the step where the run stands.
    recorder = make_recorder(state, run, callback, reference)
    recorder.start()

    while state.step < recipe.steps and not stop.due() and not recorder.judge.out_of_patience():
        # 2. One iteration: n_critic steps of the critic and one of the generator, as the objective's phases say.
        set_learning_rates(recipe, state.optimizers, state.step)
        state.iterate(state.step)
        state.step += 1
        callback.on_step(state.step)

        # 3. The only place that waits for the device: numbers that are none send the run back to its last checkpoint.
        last = state.step == recipe.steps
        log, draw, save = (
            last or state.step % every == 0 for every in (recipe.log_every, recipe.sample_every, recipe.save_every)
        )
        evaluate = recorder.judge.due()
        if (log or draw or save or evaluate) and recorder.roll_back():
            continue

        # 4. Quality, which losses do not say; the best generator so far is kept.
        scores = recorder.evaluate() if evaluate else {}

        # 5. The means of the losses since the last record, and the scores.
        if log or evaluate:
            recorder.log(scores)

        # 6. The same inputs each time, so that the grids show one development.
        if draw:
            recorder.draw_samples()

        # 7. Everything that it takes to continue from here.
        if save:
            recorder.save()

    # 8. A stop between two checkpoints loses nothing.
    recorder.finish()
