"""What the commands do, for Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

from accelerate.utils import broadcast_object_list

from tasktune.atomic import write_json, write_whole
from tasktune.config_file import dump_config
from tasktune.data import Question, Questions, Row, fingerprints
from tasktune.errors import UserError
from tasktune.evaluation import (
    EvaluationResult,
    Prediction,
    evaluate,
    predict_task,
)
from tasktune.evaluation.answers import write_answers
from tasktune.evaluation.evaluate import choose, task_metrics
from tasktune.evaluation.fairness import Fairness, fairness, same_examples
from tasktune.evaluation.losses import ExampleLosses, example_losses
from tasktune.evaluation.outlines import OUTLINES, outlines
from tasktune.evaluation.room import check_room
from tasktune.model.build import positions
from tasktune.model.export import export_adapters, save_heads
from tasktune.model.task_model import TaskModel
from tasktune.objective.build import (
    check_memory,
    free_memory,
)
from tasktune.report.run_files import read_json
from tasktune.run.parts import CONFIG, Parts
from tasktune.training.checkpoint import (
    checkpoints,
    last_whole_checkpoint,
)
from tasktune.training.devices import uses_bfloat16
from tasktune.training.environment import environment
from tasktune.training.loop import Loop
from tasktune.training.monitor import Monitor
from tasktune.training.run_folder import held, replacing, writing
from tasktune.training.task_rates import TaskRates


class Run(Parts):
    """A run that is described by a YAML file, or one that has begun and has a folder."""

    begun = False

    def begin(self, overwrite: bool = False) -> None:
        """Makes the run's folder and writes what is known before the first step.

        Data, budget and model are tried first: a run that can't work leaves no folder behind, nor
        takes the one that it was to replace.

        :param overwrite: replace the run that the folder holds.
        :raises UserError: if the folder already holds a run, or can't be written.
        """
        if self.config.training.sharding == "base" and not self.is_sharded:
            self.say("training.sharding: no launcher started this process; it holds the base whole")
        with self.held():
            exists = (self.folder / CONFIG).exists()
            if exists and not overwrite:
                raise UserError(
                    f"output: {self.folder} already holds a run; go on with --resume, replace it"
                    " with --overwrite, or set another output="
                )
            with replacing(self.folder, exists, self.accelerator):
                self.plan()  # which also says whether there is something to draw at every step
                self.penalties  # noqa: B018  what is wrong with them is said now
                shared = self.model.shared_parameters()
                check_memory(self.config, self.weighting, shared, free_memory(self.model.device))
                self.write_descriptions()
        self.begun = True

    def write_descriptions(self) -> None:
        """``config.yaml``, ``data.json``, ``tasks.json`` and ``environment.json``."""
        if not self.accelerator.is_main_process:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"output: cannot write {self.folder}: {error.strerror}") from None
        placed = {"data_folder": str(self.config.folder.resolve())}
        text = dump_config(self.config.model_copy(update=placed))
        with writing(self.folder):
            write_whole(self.folder / CONFIG, text)
        self.write_json("data.json", fingerprints(self.tasks, self.config.folder))
        self.write_json(OUTLINES, outlines(self.tasks))
        precision = "bf16" if uses_bfloat16(self.config.training.precision) else "fp32"
        self.write_json(
            "environment.json",
            environment(self.config.seed, self.accelerator.device, precision),
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
        :raises UserError: if the folder already holds a run and neither is set, or this object has
            trained before.
        """
        if not resume and self.trained:
            raise UserError("this run has trained parameters already; open it again to train anew")
        if not resume and not self.begun:
            self.begin(overwrite)
        self.trained = True
        with self.held():
            loop, start = self.loop(report), 0
            if resume:
                start = loop.resume(last_whole_checkpoint(self.folder, self.say))
                self.write_descriptions()  # only now is the YAML known to be that run's
            if self.config.training.trackers:
                self.accelerator.init_trackers("tasktune", config={"run": str(self.folder)})
            loop.run(start)
            self.accelerator.end_training()
            if self.accelerator.is_main_process:
                with writing(self.folder):
                    adapters = self.folder / "adapters"
                    export_adapters(self.trained_model(), adapters)
                    for card in adapters.rglob("README.md"):
                        card.unlink()  # of an earlier export, with the scores of other weights
                    save_heads(self.model, self.folder)

    def has_checkpoint(self) -> bool:
        """Whether the run's folder holds a checkpoint to go on from."""
        return any(checkpoints(self.folder / "checkpoints"))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps the run's folder from other processes that would train into it.

        :raises UserError: if another one does.
        """
        with held(self.folder) if self.accelerator.is_main_process else nullcontext():
            yield

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
        with writing(self.folder):
            write_json(self.folder / name, content)

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
        with writing(self.folder):
            for task in self.tasks:
                answers = result.tasks[task.name].answers
                write_answers(self.folder, task.name, task.split(split), answers)
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
        """Scores every task before training; writes ``evaluation_before.json``.

        :raises UserError: if the model holds trained parameters.
        """
        if self.trained:
            raise UserError("this run has trained parameters; open it again to score the base")
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
        asked = self.questions(task_name).ask(placed)
        if asked.bad:
            raise UserError(asked.complaint)
        return self.answer(task_name, asked.questions)

    def questions(self, task_name: str) -> Questions:
        """What makes rows of a task into questions.

        :raises UserError: for an unknown task.
        """
        task = self.outline(task_name)
        return Questions(task, self.trained_model().tokenizer, self.config.folder)

    def answer(self, task_name: str, questions: Sequence[Question]) -> list[Prediction]:
        """The model's predictions for questions of a task, in their order.

        :raises UserError: for a question that is longer than the model's positions.
        """
        task, model = self.outline(task_name), self.trained_model()
        check_room(model, task, questions, positions(self.base))
        prompts = [question.input_ids for question in questions]
        return predict_task(model, task, prompts, self.config.evaluation.batch_tokens)
