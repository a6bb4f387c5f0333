"""The training loop."""

from contextlib import closing, nullcontext

from wgan_cli.distributed.process_group import in_time
from wgan_cli.evaluation.translation import AnyReference
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.training.callback import Callback
from wgan_cli.training.divergence import checked_means
from wgan_cli.training.optim import set_learning_rates
from wgan_cli.training.recording.recorder import Recorder
from wgan_cli.training.state import TrainingState
from wgan_cli.training.stop import StopRequest


def training_loop(
    state: TrainingState, run: RunDir, stop: StopRequest, callback: Callback, reference: AnyReference | None = None
) -> None:
    """Train until `steps` are done, patience runs out or a stop is requested; the last state is saved.

    Args:
        reference: real images to evaluate the generator against every `eval_every` steps; None disables evaluation.
    Raises: WganError (status FAILED) if training diverges repeatedly or a checkpoint cannot be written; earlier
        checkpoints stay good.
    """
    recipe = state.recipe

    # 1. Clean up after a killed process and open the logs at the state's step.
    with closing(Recorder(state, run, callback, reference)) as recorder:
        recorder.start()

        while state.step < state.steps and not stop.due() and not recorder.out_of_patience:
            # 2. One iteration: n_critic critic updates and one generator update, as the objective's phases define.
            set_learning_rates(recipe, state.optimizers, state.step)
            # On a GPU, the call blocks here if another rank hangs and the launch queue is full.
            with in_time("a training step") if state.device.type == "cuda" else nullcontext():
                state.engine(state.step)
            state.step += 1
            callback.on_step(state.step, recorder.networks)

            # 3. Wait for the device: read the means of the loss terms since the last record, and check for NaN and Inf.
            # On divergence, return to the last checkpoint.
            last = state.step == state.steps
            log, draw, save, evaluate = (
                every is not None and (last or state.step % every == 0)
                for every in (recipe.log_every, recipe.sample_every, recipe.save_every, recorder.eval_every)
            )
            if not (log or draw or save or evaluate):
                continue
            means, problem = checked_means(state)
            if problem:
                recorder.roll_back(problem)
                continue

            # 4. Score the EMA generator against real images, and keep the best.
            scores = recorder.evaluate() if evaluate else {}

            # 5. Write the means and the scores.
            if log or evaluate:
                recorder.log(means, scores)
                state.training_step.metrics.reset()

            # 6. Draw the sample grid, always for the same latents (or input images).
            if draw:
                recorder.draw_samples()

            # 7. Save everything needed to resume exactly.
            if save:
                recorder.save()

        # 8. Save the state of a run that stops between two checkpoints, and draw the curves.
        recorder.finish()
