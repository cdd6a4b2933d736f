"""Encoders and encoder-decoders, served."""

from __future__ import annotations

import pytest
import torch

from tasktune.evaluation.generation import new_tokens
from tasktune.run import Run
from tasktune.serving.engine import Engine
from tasktune.serving.jobs import Written
from tasktune.serving.limits import Limits
from tests.models import ENCODERS
from tests.serving.collected import generation, predictions
from tests.serving.test_engine import prompts, running
from tests.serving.trained_run import ROWS, rows
from tests.test_architectures_commands import base_folder
from tests.workshop import Workshop


def trained(workshop: Workshop, kind: str) -> Run:
    """A run on such a base, with adapters and heads far from zero."""
    workshop.run["model"] = {"base": str(base_folder(workshop, kind)), "random_weights": True}
    if kind in (*ENCODERS, "modernbert"):
        workshop.task("colour")["head"] = True
        del workshop.run["tasks"]["translate"]
    run = Run.open(workshop.train("training.precision=fp32", "evaluation.every=0"))
    torch.manual_seed(4)
    for parameter in run.trained_model().parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.2)
    return run


@pytest.mark.parametrize("kind", ["bert", "modernbert", "t5"])
def test_rows_are_classified_as_offline(workshop: Workshop, kind: str) -> None:
    run = trained(workshop, kind)
    assert run.model.packed is (kind == "bert")
    names = [task.name for task in run.outlines if task.kind != "generation"]
    offline = {name: run.predict(name, rows()) for name in names}
    assert len({str(found) for found in offline["colour"]}) > 1
    engine = Engine(run.trained_model(), Limits())
    with running(engine):
        for name in names:
            found = predictions(engine, run.outline(name), prompts(run, name))
            for one, other in zip(found, offline[name], strict=True):
                if one.probabilities is None:
                    assert one.answer == pytest.approx(other.answer, abs=1e-5)
                else:
                    assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)


def test_an_encoder_decoder_writes_as_offline(workshop: Workshop) -> None:
    run = trained(workshop, "t5")
    offline = run.predict("translate", rows())
    task = run.outline("translate")
    engine = Engine(run.trained_model(), Limits())
    assert not engine.continuous
    with running(engine):
        told = []
        for prompt in prompts(run, "translate"):
            job, collected = generation(prompt, task.index, new_tokens(task))
            engine.submit(job)
            told.append(collected)
        ends = [collected.end() for collected in told]
    assert len(ends) == ROWS
    for end, other in zip(ends, offline, strict=True):
        assert isinstance(end, Written) and end.text == other.answer
