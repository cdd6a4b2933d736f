"""The engine against what the model says offline: mixed tasks, every layout, every kind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tasktune.data.questions import Questions
from tasktune.data.sources import Row
from tasktune.evaluation.generation import new_tokens
from tasktune.model.layouts import layouts
from tasktune.run import Run
from tasktune.serving.engine import Engine, Refused
from tasktune.serving.jobs import Classified, Failed, Prompt, Written
from tasktune.serving.limits import Limits
from tasktune.serving.sampling import Sampling
from tests.serving.collected import Collected, classification, generation, predictions
from tests.serving.trained_run import ROWS, new_run, rows, train_run
from tests.workshop import Workshop


@contextmanager
def running(engine: Engine) -> Iterator[Engine]:
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()


def prompts(run: Run, task: str) -> list[Prompt]:
    placed = [Row(values, f"row {n}") for n, values in enumerate(rows())]
    questions = Questions(run.task(task), run.model.tokenizer, run.config.folder)
    return [question.input_ids for question in questions.ask(placed).questions]


@pytest.mark.parametrize("layout", layouts.names())
def test_mixed_tasks_are_answered_as_offline(workshop: Workshop, layout: str) -> None:
    run = train_run(workshop, f"adapter.layout={layout}", "adapter.rank=4")
    offline = {task.name: run.predict(task.name, rows()) for task in run.tasks}
    assert len({p.answer for name in ("translate", "spell") for p in offline[name]}) > 4
    engine = Engine(run.trained_model(), Limits(sequences=5, batch_tokens=64))
    assert engine.continuous
    writers = [run.task(name) for name in ("translate", "spell")]
    asked: list[tuple[str, int, Collected]] = []
    with running(engine):
        for number in range(ROWS):
            for task in writers:
                job, collected = generation(
                    prompts(run, task.name)[number],
                    task.index,
                    new_tokens(task),
                    stops=tuple(task.config.stop),
                )
                engine.submit(job)
                asked.append((task.name, number, collected))
        classified = {
            name: predictions(engine, run.task(name), prompts(run, name))
            for name in ("colour", "score", "intent")
        }
        for name, number, collected in asked:
            end = collected.end()
            assert isinstance(end, Written)
            assert end.text == offline[name][number].answer
            assert "".join(collected.pieces).strip() == end.text
    for name, found in classified.items():
        for one, other in zip(found, offline[name], strict=True):
            if one.probabilities is None:
                assert one.answer == pytest.approx(other.answer, abs=1e-5)
            else:
                assert other.probabilities is not None
                assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, llama: Path) -> Run:
    return new_run(tmp_path_factory.mktemp("engine"), llama)


@pytest.fixture
def engine(trained: Run) -> Iterator[Engine]:
    with running(Engine(trained.trained_model(), Limits(queue=3))) as engine:
        yield engine


def test_base_is_the_model_without_adapters(trained: Run) -> None:
    prompt = prompts(trained, "translate")[0]
    model = trained.trained_model()
    with model.base_only(), model.single_task(0) as transformer:
        ids = torch.tensor(prompt)[None].long()
        tokens = transformer.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=8,
            do_sample=False,
            eos_token_id=model.tokenizer.eos_token_id,
            pad_token_id=model.tokenizer.pad_token_id,
        )[0, len(prompt) :]
    expected = model.tokenizer.decode(tokens, skip_special_tokens=True)
    with running(Engine(model, Limits())) as engine:
        jobs = [generation(prompt, adapter, 8, stripped=False) for adapter in (3, 5, 0)]
        for job, _ in jobs:
            engine.submit(job)
        ends = [collected.end() for _, collected in jobs]
    assert isinstance(ends[1], Written) and ends[1].text == expected
    assert isinstance(ends[0], Written) and ends[0].text != expected


def test_base_scores_labels_without_adapters(trained: Run, engine: Engine) -> None:
    task = trained.task("colour")
    mine, base = (classification(task, prompts(trained, "colour"), a) for a in (None, 5))
    for job, _ in (mine, base):
        engine.submit(job)
    ours, theirs = (collected.end() for _, collected in (mine, base))
    assert ours != theirs


def test_seed_draws_the_same_text_whoever_else_is_there(trained: Run, engine: Engine) -> None:
    prompt = prompts(trained, "translate")[0]
    drawn = []
    for company in (0, 2):
        others = [generation(prompt, 4, 20) for _ in range(company)]
        drawing = Sampling(temperature=2.0, top_p=0.95, seed=11)
        job, collected = generation(prompt, 3, 12, sampling=drawing, stripped=False)
        for other, _ in others:
            engine.submit(other)
        engine.submit(job)
        drawn.append(collected.end())
    assert drawn[0] == drawn[1]
    unlike, collected = generation(prompt, 3, 12, sampling=Sampling(2.0, 0.95, 12), stripped=False)
    engine.submit(unlike)
    assert collected.end() != drawn[0]


def test_full_queue_refuses(trained: Run) -> None:
    engine = Engine(trained.trained_model(), Limits(queue=2))  # and nobody works
    prompt = prompts(trained, "translate")[0]
    for _ in range(2):
        engine.submit(generation(prompt, 3, 4)[0])
    with pytest.raises(Refused, match="full"):
        engine.submit(generation(prompt, 3, 4)[0])


def test_late_and_gone_jobs_make_room(trained: Run, engine: Engine) -> None:
    prompt = prompts(trained, "translate")[0]
    late, told = generation(prompt, 3, 4, seconds=-1)
    engine.submit(late)
    assert told.end() == Failed("timeout")
    gone, silent = generation(prompt, 5, 10_000)
    engine.submit(gone)
    engine.cancel(gone)
    after, answered = generation(prompt, 3, 4)
    engine.submit(after)
    assert isinstance(answered.end(), Written)
    assert silent.events.qsize() < 10_000


def test_stopping_engine_finishes_and_takes_no_more(trained: Run) -> None:
    engine = Engine(trained.trained_model(), Limits())
    prompt = prompts(trained, "translate")[0]
    with running(engine):
        job, collected = generation(prompt, 3, 12)
        engine.submit(job)
        engine.stop(grace=30)
        assert isinstance(collected.end(), Written)
        with pytest.raises(Refused, match="stopping"):
            engine.submit(generation(prompt, 3, 4)[0])


def test_fault_fails_its_batch_and_no_more(
    trained: Run, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    broken, told = generation([10**6], 3, 4)  # no such token
    engine.submit(broken)
    assert told.end() == Failed("fault")
    assert "Traceback" in caplog.text
    whole, answered = generation(prompts(trained, "translate")[0], 3, 4)
    engine.submit(whole)
    assert isinstance(answered.end(), Written)


def test_fault_in_a_pass_of_rows_fails_its_jobs(trained: Run, engine: Engine) -> None:
    task = trained.task("colour")
    broken, told = classification(task, [np.array([10**6], dtype=np.int32)])  # no such token
    engine.submit(broken)
    assert told.end(seconds=10) == Failed("fault")
    assert len(predictions(engine, task, prompts(trained, "colour"))) == ROWS
    assert engine.idle


def test_rows_in_a_pass_are_work(trained: Run) -> None:
    engine = Engine(trained.trained_model(), Limits())  # and its thread does not run
    idle_within: list[bool] = []
    run = engine.classifier._run

    def watched(items: Any) -> Any:
        idle_within.append(engine.idle)
        return run(items)

    engine.classifier._run = watched  # type: ignore[method-assign]
    job, told = classification(trained.task("colour"), prompts(trained, "colour"))
    engine.submit(job)
    with torch.inference_mode():
        engine._turn()
    assert idle_within == [False] and engine.idle
    assert isinstance(told.end(), Classified)


def test_cache_grows_and_goes(trained: Run) -> None:
    engine = Engine(trained.trained_model(), Limits(sequences=3))
    jobs = [generation(np.full(size, 5), size % 5, size * 3) for size in (3, 40, 7, 60, 5, 21)]
    with running(engine):
        for job, _ in jobs:
            engine.submit(job)
        assert all(isinstance(collected.end(), Written) for _, collected in jobs)
        engine.stop(grace=10)
    cache = engine.writer.decoder.cache  # type: ignore[attr-defined]
    assert not cache.layers and not cache.positions


def test_models_without_packing_are_answered_as_offline(workshop: Workshop) -> None:
    run = train_run(workshop, "adapter.layout=per_task", "training.packing=padded")
    names = ("translate", "spell", "colour", "intent")
    offline = {name: run.predict(name, rows()) for name in names}
    engine = Engine(run.trained_model(), Limits())
    assert not engine.continuous
    with running(engine):
        asked = []
        for number in range(ROWS):
            for name in ("translate", "spell"):
                task = run.task(name)
                stops = tuple(task.config.stop)
                prompt = prompts(run, name)[number]
                job, told = generation(prompt, task.index, new_tokens(task), stops=stops)
                engine.submit(job)
                asked.append((name, number, told))
        for name in ("colour", "intent"):
            found = predictions(engine, run.task(name), prompts(run, name))
            for one, other in zip(found, offline[name], strict=True):
                assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)
        for name, number, told in asked:
            end = told.end()
            assert isinstance(end, Written) and end.text == offline[name][number].answer
