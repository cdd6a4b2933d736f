"""Batched scoring and generation equal one example at a time."""

from __future__ import annotations

import copy
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import tasktune
from tasktune.evaluation.evaluate import choose
from tasktune.evaluation.generation import generate, until_stop
from tasktune.evaluation.label_scoring import (
    LabelScorer,
    begin_one_another,
    begins,
    plan_labels,
    score_labels,
)
from tests.data.desk import Desk
from tests.workshop import Workshop


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=4).map(tuple), min_size=1,
                max_size=8))  # fmt: skip
def test_every_label_has_a_sequence_that_scores_it(labels: list[tuple[int, ...]]) -> None:
    plan = plan_labels(labels)
    for label, home in zip(labels, plan.home, strict=True):
        assert begins(plan.continuations[home], label[:-1])
    assert len(plan.continuations) <= len({label[:-1] for label in labels})


def test_a_label_that_begins_another_is_scored_with_its_end() -> None:
    assert begin_one_another([(1,), (1, 2)])
    assert not begin_one_another([(1, 3), (1, 2), (2,)])


def test_in_a_chat_a_label_ends_as_it_does_in_training(tmp_path: Path, tokenizer: Any) -> None:
    """In the template's own mark, and then the end-of-text token."""
    desk = Desk(tmp_path, copy.deepcopy(tokenizer))
    desk.tokenizer.chat_template = (
        "{% for m in messages %}[{{ m.role }}]{{ m.content }}[end]{% endfor %}"
        "{% if add_generation_prompt %}[assistant]{% endif %}"
    )
    labels = ["no", "no way", "yes"]
    desk.write_lines("d.jsonl", [{"q": f"t{n}", "a": labels[n % 3]} for n in range(12)])
    task = desk.prepare("d.jsonl", kind="classification", format="chat")
    scorer = LabelScorer(task, desk.tokenizer)
    for index in range(len(task.train)):
        target = task.train.input_ids(index)[task.train.prompt_length(index) :]
        assert scorer.labels[task.train.label(index)] == tuple(target)


def test_labels_of_one_token_need_one_sequence() -> None:
    assert len(plan_labels([(1,), (2,), (3,)]).continuations) == 1
    assert len(plan_labels([(1,), (1, 2), (3,)]).continuations) == 1


def test_label_scores_equal_one_pass_a_label(workshop: Workshop) -> None:
    """``dark blue`` has several tokens, so labels differ in length and share beginnings."""
    folder = workshop.train("training.learning_rate=0.02")
    run = tasktune.load(folder)
    model, task = run.trained_model().eval(), run.task("colour")
    split = task.split("test")
    prompts = [split.input_ids(i)[: split.prompt_lengths[i]] for i in range(len(split))]
    ours = score_labels(model, task, prompts, batch_tokens=200)
    assert len({len(ids) for ids in task.label_ids}) > 1
    with model.single_task(task.index) as transformer, torch.no_grad():
        for row, prompt in zip(ours, prompts, strict=True):
            for score, label in zip(row, task.label_ids, strict=True):
                ids = torch.tensor([*prompt.tolist(), *label])
                shares = torch.log_softmax(transformer(ids[None]).logits[0, :-1], dim=-1)
                targets = shares[-len(label) :].gather(1, ids[-len(label) :, None])
                assert score == pytest.approx(float(targets.sum()), abs=1e-4)


def test_generation_in_batches_equals_one_by_one(workshop: Workshop) -> None:
    folder = workshop.train("training.learning_rate=0.02", "training.steps=40")
    run = tasktune.load(folder)
    model, task = run.trained_model().eval(), run.task("translate")
    split = task.split("test")
    prompts = [split.input_ids(i)[: split.prompt_lengths[i]] for i in range(len(split))]
    together = generate(model, task, prompts, batch_tokens=400)
    alone = [generate(model, task, [prompt], batch_tokens=400)[0] for prompt in prompts]
    assert together == alone
    assert len(set(together)) > 1, "one answer to everything would show nothing"


def test_stop_strings() -> None:
    assert until_stop(" one\ntwo", ["\n"]) == "one"
    assert until_stop("\n one; two", ["\n", ";"]) == "one"


def test_a_limit_draws_and_draws_the_same() -> None:
    chosen = choose(1000, 50, seed=3)
    assert np.array_equal(chosen, choose(1000, 50, seed=3))
    assert len(set(chosen.tolist())) == 50 and chosen.max() > 500
    assert all(a < b for a, b in pairwise(chosen.tolist()))
    assert len(choose(10, 50, seed=3)) == 10


def test_evaluation_leaves_training_alone(workshop: Workshop) -> None:
    """Evaluating more often must not change what is learned: modes, random state, attention."""
    often = workshop.train("evaluation.every=1", f"output={workshop.folder / 'often'}")
    never = workshop.train("evaluation.every=0", f"output={workshop.folder / 'never'}")
    for task in ("colour", "translate"):
        file = f"adapters/{task}/adapter_model.safetensors"
        assert (often / file).read_bytes() == (never / file).read_bytes()
