"""A run: one YAML, one folder of results. What the commands do, for Python."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from numpy.typing import NDArray

from tasktune.config import RunConfig, SourceConfig
from tasktune.config_file import dump_config, load_config
from tasktune.data import Example, Row, Task, fingerprints, prepare, read_rows, render_prompts
from tasktune.data.prepare import default_cache
from tasktune.errors import UserError, nearest
from tasktune.evaluation import (
    EvaluationResult,
    Prediction,
    check_metrics,
    evaluate,
    predict_task,
)
from tasktune.evaluation.answers import write_answers
from tasktune.evaluation.evaluate import choose, task_metrics
from tasktune.evaluation.fairness import Fairness, fairness, same_examples
from tasktune.evaluation.losses import ExampleLosses, example_losses
from tasktune.locks import FileLock
from tasktune.model.build import build_base, build_layout, build_model, check_kinds
from tasktune.model.export import export_adapter, export_merged, save_heads
from tasktune.model.loading import BaseModel, load_tokenizer, model_fingerprint
from tasktune.model.task_model import TaskModel
from tasktune.objective.build import (
    build_weighting,
    check_look_ahead,
    check_memory,
    free_memory,
)
from tasktune.objective.build_penalties import build_penalties, check_penalties
from tasktune.objective.penalties import Penalties
from tasktune.report.run_files import read_json
from tasktune.sampling.admission import Admission, RunCurriculum
from tasktune.sampling.balance import groups_of
from tasktune.sampling.mixtures import Mixture, mixtures
from tasktune.sampling.sampler import Sampler
from tasktune.training.checkpoint import (
    checkpoints,
    last_whole_checkpoint,
    load_tensors,
    trained_parameters,
)
from tasktune.training.devices import build_accelerator
from tasktune.training.environment import environment
from tasktune.training.loop import Loop, writing
from tasktune.training.monitor import Monitor, check_monitor
from tasktune.training.receipt import Plan, check_budget, plan
from tasktune.training.sharding import check_sharding, shard_base
from tasktune.training.task_facts import task_facts
from tasktune.training.task_rates import TaskRates

CONFIG = "config.yaml"
Say = Callable[[str], None]


class Run:
    """A run that is described by a YAML file, or one that has begun and has a folder.

    :param config: the whole description.
    :param say: is told, in a line each, what the user should know.
    """

    def __init__(self, config: RunConfig, say: Say = lambda line: None) -> None:
        self.config = config
        self.folder = Path(config.output)
        self.say = say
        self.begun = False
        self.loaded: Path | None = None
        self.penalties: Penalties | None = None
        self.layout = build_layout(config)  # misspelt methods are refused before anything heavy
        self.mixture: Mixture = mixtures.build(
            config.mixture.strategy,
            config.mixture.options,
            "mixture",
            {"names": tuple(config.tasks)},
            config.mixture.own_keys,
        )
        self.curriculum = RunCurriculum(config)
        self.weighting = build_weighting(config, self.layout)
        steps = config.training.steps
        checks = self.mixture.check(steps), self.weighting.check(steps)
        for note in (*self.curriculum.check(steps), *checks):
            if note:
                say(note)
        if self.weighting.looks_back:
            say(f"weighting: {config.weighting.method} takes one more forward pass a step")
        check_look_ahead(config, self.layout)
        check_penalties(config)
        check_sharding(config, self.curriculum)
        check_monitor(config)
        check_metrics(config)

    @classmethod
    def open(cls, path: Path, overrides: Sequence[str] = (), say: Say = lambda line: None) -> Run:
        """Opens a YAML file, or the folder of a run that has begun.

        :raises UserError: if there is no such file or it can't be run.
        """
        if not path.is_dir():
            return cls(load_config(path, list(overrides)), say)
        if not (path / CONFIG).is_file():
            raise UserError(f"{path} holds no {CONFIG}; name a run's folder or its YAML file")
        run = cls(load_config(path / CONFIG, list(overrides)), say)
        run.folder = path
        return run

    @cached_property
    def accelerator(self) -> Accelerator:
        """Device, precision and ranks."""
        return build_accelerator(self.config.training, self.folder)

    @cached_property
    def tasks(self) -> list[Task]:
        """The tasks, read, rendered and tokenised; from the cache where nothing changed."""
        check_kinds(self.config)
        tokenizer = load_tokenizer(self.config.model, self.config.folder)
        # one rank of a machine prepares and its others read what it wrote
        with self.accelerator.local_main_process_first():
            first = self.accelerator.is_main_process
            tasks = prepare(self.config, tokenizer, cache=None, progress=first)
        for task in tasks:
            for note in task.notes:
                self.say(f"tasks.{task.name}: {note}")
        return tasks

    @cached_property
    def base(self) -> BaseModel:
        """The frozen base model."""
        draws = self.config.model.random_weights  # which the first rank writes and others read
        with self.accelerator.main_process_first() if draws else nullcontext():
            place = torch.device("cpu") if self.is_sharded else None  # cut before it is moved
            return build_base(self.config, self.accelerator.device, self.folder, place)

    @property
    def is_sharded(self) -> bool:
        """Whether the base is cut over several processes."""
        return self.config.training.sharding == "base" and self.accelerator.num_processes > 1

    @cached_property
    def model(self) -> TaskModel:
        """The model with fresh adapters; training changes it in place."""
        model, notes = build_model(self.config, self.tasks, self.base)
        for note in notes:
            self.say(note)
        if self.is_sharded:
            shard_base(model, self.accelerator.device, self.accelerator.num_processes)
        self.penalties = build_penalties(self.config, task_facts(self.tasks, self.layout), model)
        if self.penalties is not None:  # their parameters train and are saved with the model's
            model.beside["penalties"] = self.penalties.to(model.device)
        return model

    def trained_model(self) -> TaskModel:
        """The model as far as the run's last checkpoint.

        :raises UserError: if there is none yet.
        """
        parameters = trained_parameters(self.folder, self.config.monitor.keep)
        if parameters != self.loaded:
            self.model.load_trainable_state(load_tensors(parameters))
            self.loaded = parameters
        return self.model

    @cached_property
    def sampler(self) -> Sampler:
        """Draws the batches.

        :raises UserError: if ``batch_tokens`` is smaller than the longest example.
        """
        training = self.config.training
        check_budget(self.tasks, training)
        return Sampler(
            [task.name for task in self.tasks],
            [task.train.lengths for task in self.tasks],
            self.mixture,
            training.batch_tokens,
            self.config.seed,
            self.admission(),
            steps=training.steps,
            groups=[groups_of(task) for task in self.tasks],
            max_epochs=np.array([task.config.max_epochs or np.inf for task in self.tasks]),
        )

    def admission(self) -> Admission:
        """What the curriculum lets the sampler draw, its difficulties measured."""
        losses = None
        base = ""
        if self.curriculum.needs_losses:
            self.say("curriculum: measuring the base model's loss of each training example")
            losses = self.base_losses
            base = model_fingerprint(self.model.source)
        # the first rank measures losses and the others read them: they must agree to the last bit
        with self.accelerator.main_process_first():
            admission, notes = self.curriculum.admission(
                self.tasks, losses=losses, base=base, cache=default_cache()
            )
        for note in notes:
            self.say(note)
        return admission

    def base_losses(self, task: Task) -> NDArray[np.float64]:
        """The base model's mean loss of each training example of a task, ``[n]``."""
        budget = self.config.evaluation.batch_tokens
        with self.model.base_only():
            chosen = np.arange(len(task.train))
            return example_losses(self.model, task, task.train, chosen, budget).means

    def plan(self) -> list[Plan]:
        """What each task is going to see: examples, tokens and epochs."""
        return plan(self.sampler, self.config.training.steps)

    def begin(self, overwrite: bool = False) -> None:
        """Makes the run's folder and writes what is known before the first step.

        Data, budget and model are tried first: a run that can't work leaves no folder behind, nor
        takes the one that it was to replace.

        :param overwrite: replace the run that the folder holds.
        :raises UserError: if the folder already holds a run, or can't be written.
        """
        if self.config.training.sharding == "base" and not self.is_sharded:
            self.say("training.sharding: there is one process, which holds all of the base")
        with self.held():
            exists = (self.folder / CONFIG).exists()
            if exists and not overwrite:
                raise UserError(
                    f"output: {self.folder} already holds a run; go on with --resume, replace it"
                    " with --overwrite, or set another output="
                )
            replaced = self.folder.with_name(f".{self.folder.name}.replaced")
            if exists and self.accelerator.is_main_process:
                shutil.rmtree(replaced, ignore_errors=True)  # what a kill left
                self.folder.rename(replaced)
            self.accelerator.wait_for_everyone()
            try:
                self.plan()  # which also says whether there is something to draw at every step
                shared = self.model.shared_parameters()
                check_memory(self.config, self.weighting, shared, free_memory(self.model.device))
                self.write_descriptions()
            except BaseException:
                if exists and self.accelerator.is_main_process:
                    shutil.rmtree(self.folder, ignore_errors=True)
                    replaced.rename(self.folder)
                raise
            if self.accelerator.is_main_process:
                shutil.rmtree(replaced, ignore_errors=True)
        self.begun = True

    def write_descriptions(self) -> None:
        """``config.yaml``, ``data.json`` and ``environment.json``."""
        if not self.accelerator.is_main_process:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"output: cannot write {self.folder}: {error.strerror}") from None
        placed = {"data_folder": str(self.config.folder.resolve())}
        text = dump_config(self.config.model_copy(update=placed))
        (self.folder / CONFIG).write_text(text, encoding="utf-8")
        self.write_json("data.json", fingerprints(self.tasks, self.config.folder))
        accelerator = self.accelerator
        self.write_json(
            "environment.json",
            environment(self.config.seed, accelerator.device, accelerator.mixed_precision),
        )

    def train(
        self,
        *,
        resume: bool = False,
        overwrite: bool = False,
        report: Callable[[dict[str, Any]], None] = lambda line: None,
    ) -> None:
        """Trains, writes the run's folder and exports every task's adapter.

        :param resume: go on from the last checkpoint.
        :param overwrite: throw away what the folder holds.
        :param report: is shown each line of the log as it is written.
        :raises UserError: if the folder already holds a run and neither is set.
        """
        if not resume and not self.begun:
            self.begin(overwrite)
        with self.held():
            checkpoint = None
            if resume:
                checkpoint = last_whole_checkpoint(self.folder, self.say)
                self.write_descriptions()
            if self.config.training.trackers:
                self.accelerator.init_trackers("tasktune", config={"run": str(self.folder)})
            self.loop(report).run(checkpoint)
            self.accelerator.end_training()
            if self.accelerator.is_main_process:
                with writing(self.folder):
                    self.export("peft")

    def has_checkpoint(self) -> bool:
        """Whether the run's folder holds a checkpoint to go on from."""
        return any(checkpoints(self.folder / "checkpoints"))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps the run's folder from other processes that would train into it.

        :raises UserError: if another one does.
        """
        lock = FileLock(self.folder.with_name(f".{self.folder.name}.lock"))
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            free = not self.accelerator.is_main_process or lock.acquire(wait=False)
        except OSError as error:
            raise UserError(f"output: cannot write {self.folder}: {error.strerror}") from None
        if not free:
            raise UserError(
                f"output: another process trains into {self.folder}; wait for it, or set another"
                " output="
            )
        try:
            yield
        finally:
            if self.accelerator.is_main_process:
                lock.path.unlink(missing_ok=True)
                lock.release()

    def loop(self, report: Callable[[dict[str, Any]], None] = lambda line: None) -> Loop:
        """The training loop, ready to run."""
        training = self.config.training
        return Loop(
            training=training,
            seed=self.config.seed,
            folder=self.folder,
            tasks=self.tasks,
            model=self.model,
            sampler=self.sampler,
            weighting=self.weighting,
            accelerator=self.accelerator,
            evaluate=self.validation_metrics,
            evaluate_every=self.config.evaluation.every,
            report=report,
            penalties=self.penalties,
            private_from=self.config.adapter.private_from,
            monitor=Monitor(
                self.config.monitor, self.model, self.validation_losses, training.steps
            ),
            rates=TaskRates.of(self.model, [task.config for task in self.tasks], training),
        )

    def write_json(self, name: str, content: Any) -> None:
        """One file of the run's folder."""
        text = json.dumps(content, indent=2, ensure_ascii=False)
        (self.folder / name).write_text(text + "\n", encoding="utf-8")

    def validation_metrics(self) -> dict[str, dict[str, float]]:
        """Each task's metrics on its validation split, while training."""
        limit = self.config.evaluation.limit
        return self.scores(self.model, "validation", limit, bootstrap=0).values()

    def validation_losses(self) -> list[ExampleLosses]:
        """The losses of each task's validation examples that the monitor looks at, ``[K]``.

        Every rank has those of the first, so that all act alike to the last bit.
        """
        limit, budget = self.config.monitor.examples, self.config.evaluation.batch_tokens
        found = []
        for task in self.tasks:
            split = task.split("validation")
            chosen = choose(len(split), limit, self.config.seed)
            found.append(example_losses(self.model, task, split, chosen, budget))
        agreed: list[ExampleLosses] = broadcast_object_list(found)
        return agreed

    def evaluate(
        self, split: str = "test", limit: int | None = None, draw: int | None = None
    ) -> EvaluationResult:
        """Scores every task, with 95 % intervals; writes scores and answers into the run's folder.

        :param split: ``train``, ``validation`` or ``test``.
        :param limit: examples per task; all where absent.
        :param draw: the seed that they are drawn by; the run's where absent.
        """
        bootstrap = self.config.evaluation.bootstrap
        scored = self.scores(self.trained_model(), split, limit, bootstrap, draw)
        result = replace(scored, fairness=self.fairness(scored.to_json()))
        self.write_json("evaluation.json", result.to_json())
        for task in self.tasks:
            write_answers(
                self.folder, task.name, task.split(split), result.tasks[task.name].answers
            )
        return result

    def fairness(self, scored: dict[str, Any]) -> Fairness | None:
        """The tasks against the base model's scores on the same examples, or against chance."""
        before = read_json(self.folder / "evaluation_before.json")
        if before is not None and not same_examples(scored, before):
            self.say("evaluation_before.json is of other examples; tasks are set against chance")
            before = None
        primaries = {task.name: task_metrics(task)[0] for task in self.tasks}
        return fairness(scored["tasks"], before["tasks"] if before else None, primaries)

    def evaluate_base(self, split: str = "test", limit: int | None = None) -> EvaluationResult:
        """Scores every task before training; writes ``evaluation_before.json``."""
        result = self.scores(self.model, split, limit, self.config.evaluation.bootstrap)
        self.write_json("evaluation_before.json", result.to_json())
        return result

    def scores(
        self,
        model: TaskModel,
        split: str,
        limit: int | None,
        bootstrap: int,
        draw: int | None = None,
    ) -> EvaluationResult:
        """Every task's metrics on a split."""
        options = self.config.evaluation.model_copy(update={"bootstrap": bootstrap})
        seed = self.config.seed if draw is None else draw
        return evaluate(model, self.tasks, split, options, limit=limit, seed=seed)

    def predict(self, task_name: str, rows: Sequence[dict[str, Any]]) -> list[Prediction]:
        """Predictions of one task for rows that have the columns of its prompt.

        :raises UserError: for an unknown task, or a row that misses a column.
        """
        placed = [Row(values, f"row {number}") for number, values in enumerate(rows, start=1)]
        return self.predict_rows(self.task(task_name), placed)[1]

    def predict_file(self, task_name: str, file: Path) -> list[dict[str, Any]]:
        """A file's rows, each with its rendered prompt and prediction, ready for JSON lines.

        :raises UserError: for an unknown task, or a file that can't be read.
        """
        task = self.task(task_name)
        source = SourceConfig.model_validate(
            {**task.config.train.model_dump(), "path": str(file.resolve()), "format": None}
        )
        rows = read_rows(source, Path(), str(file))
        examples, predictions = self.predict_rows(task, rows)
        return [
            {**row.values, "prompt": example.prompt, **prediction_columns(prediction)}
            for row, example, prediction in zip(rows, examples, predictions, strict=True)
        ]

    def predict_rows(
        self, task: Task, rows: Sequence[Row]
    ) -> tuple[list[Example], list[Prediction]]:
        """The rendered rows of a task, and the model's predictions for them."""
        model = self.trained_model()
        examples, prompts = render_prompts(task, rows, model.tokenizer, self.config.folder)
        budget = self.config.evaluation.batch_tokens
        return examples, predict_task(model, task, prompts, budget)

    def task(self, name: str) -> Task:
        """The task called ``name``.

        :raises UserError: if there is none.
        """
        for task in self.tasks:
            if task.name == name:
                return task
        known = [task.name for task in self.tasks]
        raise UserError(f"unknown task '{name}'; {nearest(name, known)}")

    def export(self, form: str, folder: Path | None = None) -> list[Path]:
        """Writes each task's model.

        :param form: ``peft`` for plain LoRA adapters, ``merged`` for whole models.
        :returns: one folder a task.
        """
        model = self.trained_model()
        target = folder or self.folder / ("adapters" if form == "peft" else "merged")
        written = []
        for task in self.tasks:
            place = target if form == "peft" else self.folder / "adapters"
            written.append(export_adapter(model, task.index, place / task.name))
            if form == "merged":
                written[-1] = export_merged(written[-1], target / task.name, model)
        save_heads(model, self.folder if folder is None else folder)
        return written


def prediction_columns(prediction: Prediction) -> dict[str, Any]:
    """A prediction as columns of a JSON line."""
    columns: dict[str, Any] = {"prediction": prediction.answer}
    if prediction.probabilities is not None:
        columns["probabilities"] = prediction.probabilities
    return columns
