"""A run's weighting: what is refused before the first step."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tasktune.config import RunConfig
from tasktune.errors import UserError
from tasktune.objective.build import check_memory, free_memory
from tasktune.objective.weightings import weightings

TASK = {"kind": "generation", "train": {"path": "a"}, "prompt": "{a}", "target": "{b}"}


def config(watch: bool) -> RunConfig:
    return RunConfig.model_validate(
        {
            "tasks": {"a": TASK, "b": TASK},
            "weighting": {"method": "pcgrad"},
            "training": {"watch_conflict": watch},
        }
    )


def test_gradients_beyond_memory_are_refused_with_what_needs_less() -> None:
    shared = [nn.Parameter(torch.zeros(1000))]
    pcgrad = weightings.build("pcgrad", {}, "weighting")
    check_memory(config(False), pcgrad, shared, free=8000)
    with pytest.raises(
        UserError, match=r"pcgrad needs more memory.*2 gradients.*lower adapter.rank"
    ):
        check_memory(config(False), pcgrad, shared, free=7999)


def test_watching_beyond_memory_can_be_switched_off() -> None:
    shared = [nn.Parameter(torch.zeros(1000))]
    equal = weightings.build("equal", {}, "weighting")
    check_memory(config(False), equal, shared, free=0)
    with pytest.raises(UserError, match="set watch_conflict: false"):
        check_memory(config(True), equal, shared, free=0)


def test_free_memory_is_what_the_machine_has() -> None:
    assert free_memory(torch.device("cpu")) > 2**20
