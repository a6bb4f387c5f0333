"""The trainer: from a recipe to a finished run."""

import gc
from collections.abc import Sequence
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path

from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.loading import default_data_root
from wgan_cli.distributed.process_group import (
    MAIN_PROCESS_TIMEOUT,
    all_reduce_max,
    broadcast_from_main,
    collective,
    is_main_process,
    local_device,
    main_process_first,
    on_main_process,
    world_size,
)
from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.evaluation.translation import AnyReference
from wgan_cli.recipe import Recipe
from wgan_cli.report.html_page import write_final_report
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.runs.continuation import check_allowed
from wgan_cli.runs.environment import describe_environment, resolve_device
from wgan_cli.runs.lock import only_trainer
from wgan_cli.runs.resume import Finished, set_aside
from wgan_cli.runs.run_dir import RunDir, check_free, create_run
from wgan_cli.training.build_state import build_state
from wgan_cli.training.callback import Callback, CallbackList
from wgan_cli.training.engines.adaptive_threads import AdaptiveThreads, may_adapt
from wgan_cli.training.engines.autotune import available_threads
from wgan_cli.training.finetuning.initial_weights import InitialWeights
from wgan_cli.training.finetuning.start import missing_critic_warning, with_conditional
from wgan_cli.training.loop import training_loop
from wgan_cli.training.memory_estimate import out_of_memory_hint
from wgan_cli.training.setup import check_same_on_all_ranks, load_dataset, load_reference, resolve_start
from wgan_cli.training.stop import StopRequest
from wgan_cli.utils.cores import OtherProcesses
from wgan_cli.utils.format import once

BUSY = 0.3  # cores used by other processes; above this, autotuning may have chosen too few threads
MAX_CLASSES = 10_000  # recorded in environment.json


class Trainer:
    """Trains a recipe into a run folder; used by `wgan train` and `wgan_cli.train`.

    The constructor resolves the recipe, loads the data, builds the networks and restores the checkpoint to resume, and
    raises a WganError for any invalid input, and Finished for a run without steps left, before anything is written.
    `fit` creates the run folder and trains.

    The arguments are those of `wgan_cli.train`; `dry_run` doesn't compare threads, precision and engines, and computes
    no features for evaluations; don't call `fit` after it.

    Attributes:
        state: networks, optimizers and whatever else a checkpoint holds.
        run: the run folder, once there is one.
        status: exit status that a signal asked for during `fit`, else DONE.
    """

    def __init__(
        self,
        recipe: Recipe | str | Path | None = None,
        out: Path | None = None,
        *,
        settings: Sequence[str] = (),
        images: ImageSet | None = None,
        resume: str | Path | None = None,
        data_root: Path | None = None,
        device: str = "auto",
        callbacks: Sequence[Callback] = (),
        allow: Sequence[str] = (),
        init_from: InitialWeights | None = None,
        dry_run: bool = False,
    ) -> None:
        check_allowed(allow)
        if allow and resume is None:
            raise WganError("`allow` is for a resumed run", "give --resume RUN, or leave out --allow")
        self.callback = CallbackList(callbacks if is_main_process() else ())
        self.log = self.callback.on_message
        self.data_log = once(self.log)  # evaluation may load the same images again
        self.out, self.status = out, ExitStatus.DONE
        root = data_root or default_data_root()
        start = broadcast_from_main(
            "the recipe",
            lambda: resolve_start(recipe, tuple(settings), resume, out, images is not None, self.log, allow, init_from),
        )
        self.run, self.point, source = start.run, start.point, start.source
        self.initialized_from = source.facts if source else None
        if out is not None and self.run is None:
            broadcast_from_main("the run folder", lambda: check_free(out))
        local = local_device(resolve_device(device))
        with main_process_first("the data"):
            self.dataset = load_dataset(start.recipe.data, images, root, self.data_log)
        check_same_on_all_ranks(self.dataset)
        wanted = start.recipe
        if source and recipe is None and wanted.model.conditional and len(self.dataset.class_names) < 2:
            wanted = with_conditional(wanted, False)
            self.log(f"{self.dataset.origin} has no classes: training without those of {source.title}")
        tune = not dry_run and (world_size() == 1 or local.type == "cuda")  # processes on one CPU share its cores
        most, others = available_threads(local), OtherProcesses()
        resumed = self.point.checkpoint if self.point else None
        self.state = build_state(wanted, self.dataset, local, tune=tune, log=self.log, source=source, resumed=resumed)
        if tune and start.open_threads and may_adapt(self.state.recipe, local):
            self._adapt_threads(most or 1, others)
        self.state.allowed = frozenset(allow if self.point else ())
        if resumed:
            self._restore(resumed)
        if source:
            self.log(f"weights: {source.checkpoint.source}, from {source.title}")
            if warning := missing_critic_warning(source):
                self.log(warning)
        self.reference: AnyReference | None = None
        self._load_reference(root, dry_run)

    def _adapt_threads(self, most: int, others: OtherProcesses) -> None:
        """Let the number of threads follow the use of the cores; `others` began before autotuning."""
        state, used = self.state, others()
        best = state.recipe.threads or 1
        if self.point is None and (
            used is None or used < BUSY
        ):  # measured on an idle machine: more threads won't be faster
            most = best
        if max(best, most) > 1:
            state.adaptive_threads = AdaptiveThreads(
                state.engine, best, most, others=others, cores=others.cores, log=self.log
            )
            state.engine = state.adaptive_threads

    def _restore(self, checkpoint: Checkpoint) -> None:
        state, steps, saved_steps = self.state, self.state.steps, checkpoint.recipe.steps
        state.restore(checkpoint)
        if self.run is not None and state.step >= steps:
            raise Finished(self.run, state.step, steps)  # of a number of epochs
        if state.recipe.optim.lr_schedule != "none" and steps != saved_steps:
            self.log(f"the lr schedule now ends at step {steps:,} (was {saved_steps:,})")
        if state.best is None and (checkpoint.training or {}).get("best"):
            self.log("the best generator was compared with other images; the best starts over")

    @on_main_process("the images to evaluate against")
    def _load_reference(self, data_root: Path, dry_run: bool) -> None:
        self.reference = load_reference(self.state, self.dataset, data_root, self.data_log, dry_run)

    def fit(self, minutes: float | None = None, stop_after: int | None = None, command: str = "") -> RunDir:
        """Train until the recipe's end, a signal or a time limit, and write the report unless a signal stopped the run.

        Args:
            minutes, stop_after: limits on time and steps; the run then ends normally and can be resumed.
            command: command line or program to record in environment.json.
        Raises: WganError (status FAILED) if training diverges repeatedly, or memory or disk space runs out.
        """
        state, callback = self.state, self.callback
        if self.run is None:
            self.run = broadcast_from_main("the run folder", lambda: create_run(self.out, state.recipe.name))
        run = self.run
        stop = StopRequest(minutes, stop_after)
        with ExitStack() as lock:
            try:
                self._lock_and_describe(lock, run, command)
                self._train(run, stop)
            except BaseException as error:
                callback.on_error(error)
                raise
            finally:
                with stop.on_signals():
                    callback.on_train_end()
                if world_size() > 1:  # NCCL waits at the end for all graphs with its collectives (pytorch#115388)
                    state.engine.reset()
                    gc.collect()
        with collective("the end", MAIN_PROCESS_TIMEOUT):  # a tracker may upload for long
            self.status = ExitStatus(all_reduce_max("the end", stop.status or ExitStatus.DONE)[0])
        if self.status == ExitStatus.DONE and state.recipe.report:
            broadcast_from_main("the report", lambda: write_final_report(run, state.device, self.reference, self.log))
        return run

    def _train(self, run: RunDir, stop: StopRequest) -> None:
        state = self.state
        self.log(f"run folder: {run.path}" + (f", from step {state.step:,}" if state.step else ""))
        for term, meaning in state.objective.meanings.items():
            self.log(f"  {term}: {meaning}")
        with out_of_memory_hint(state.recipe, state.device), closing(state.loader), stop.on_signals():
            self.callback.on_train_start(state.step, state.steps)
            training_loop(state, run, stop, self.callback, self.reference)

    @on_main_process("the run folder")
    def _lock_and_describe(self, lock: ExitStack, run: RunDir, command: str) -> None:
        lock.enter_context(only_trainer(run))
        run.create_subfolders()  # a resumed run may have lost empty ones
        if self.point is not None:
            if tuple(run.checkpoint_files()) != self.point.files:
                raise WganError(f"another process has just trained {run.path}", "run the same command again")
            for file, problem in self.point.damaged.items():
                moved = set_aside(run, file, mark=".damaged")
                self.log(f"{problem}; moved to {moved}, resuming from the previous checkpoint")
        classes = dict(islice(self.dataset.class_counts.items(), MAX_CLASSES))
        environment = describe_environment(self.state.device, command)
        environment["images"] = {"count": len(self.dataset), "classes": classes}
        if self.initialized_from:
            environment["initialized_from"] = self.initialized_from
        if self.point is not None:
            environment["step"] = self.state.step
        if self.state.allowed:
            environment["changed"] = {"step": self.state.step, "allowed": sorted(self.state.allowed)}
        run.write_description(self.state.recipe, environment)
        self.callback.on_run(run, self.log)
