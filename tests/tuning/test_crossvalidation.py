"""A fold is trained without itself, on a base that is as it was loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from tasktune.config import RunConfig
from tasktune.config_file import load_config
from tasktune.errors import UserError
from tasktune.run import Run
from tasktune.tuning.crossvalidation import CrossValidation
from tasktune.tuning.folds import cut_into_folds
from tests.workshop import Workshop


def validation(config: RunConfig, folder: Path) -> CrossValidation:
    """Cross-validation of a run in a folder of its own."""
    (folder / "work").mkdir(parents=True)
    run = Run(config)
    return CrossValidation(run, cut_into_folds(run.tasks, config), folder, folder / "work")


def test_nothing_of_a_fold_reaches_training(workshop: Workshop, tmp_path: Path) -> None:
    for name in ("score", "intent"):
        workshop.task(name)["prompt"] = "{text}\nAnswer:"  # no prompt is the beginning of another
    workshop.run["training"].update(steps=30, batch_tokens=600)
    workshop.run["evaluation"] = {}
    workshop.run["monitor"] = {"every": 10, "keep": "best"}
    workshop.run["tune"] = {"folds": 3}
    config = load_config(workshop.save(), [])
    found = validation(config, tmp_path / "study")
    base = found.base(config.model)
    tokenizer = AutoTokenizer.from_pretrained(config.model.base)
    seen: dict[bool, str] = {True: "", False: ""}

    def look(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        for row in inputs[0].reshape(-1, inputs[0].shape[-1]):
            seen[torch.is_grad_enabled()] += tokenizer.decode(row) + "\x00"

    embeddings: Any = base.model.get_input_embeddings()
    hook = embeddings.register_forward_pre_hook(look)
    found.train_and_score(config.model_copy(update={"output": str(tmp_path / "run")}), 1)
    hook.remove()
    for task in found.run.tasks:
        for prompt, fold in zip(task.train.prompts, found.folds[task.name], strict=True):
            if fold == 1:
                assert prompt not in seen[True], "a held-out example was trained on"
                assert prompt in seen[False], "a held-out example was not scored"
            else:
                assert prompt in seen[True], "an example was never trained on"


@pytest.mark.parametrize("layout", ["shared", "per_task", "shared_private"])
def test_a_base_that_was_used_before_gives_the_same_scores(
    workshop: Workshop, tmp_path: Path, layout: str
) -> None:
    workshop.run["adapter"]["layout"] = layout
    workshop.run["tune"] = {"folds": 2}
    workshop.run["training"].update(steps=12, learning_rate=0.01)
    config = load_config(workshop.save(), [f"output={tmp_path / 'run'}"])
    other = load_config(
        workshop.save(),
        [f"output={tmp_path / 'other'}", "adapter.rank=4", "training.gradient_checkpointing=true"],
    )
    used = validation(config, tmp_path / "used")
    before = {k: v.clone() for k, v in used.base(config.model).model.state_dict().items()}
    used.train_and_score(other, 0)
    after = used.base(config.model).model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[key], before[key]) for key in before)
    fresh = validation(config, tmp_path / "fresh")
    assert used.train_and_score(config, 1) == fresh.train_and_score(config, 1)


def test_a_setting_that_changes_the_examples_is_refused(workshop: Workshop, tmp_path: Path) -> None:
    workshop.write("texts.txt", workshop.lines(20, "{w} {n} {w} {n} {w} {n} {w} {n} {w} {n}"))
    workshop.run["tasks"] = {
        "texts": {
            "kind": "language_modeling",
            "train": {"path": "texts.txt"},
            "target": "{text}",
            "max_prompt_tokens": 64,
        }
    }
    config = load_config(workshop.save(), ["tune.folds=2"])
    found = validation(config, tmp_path / "study")
    shorter = load_config(workshop.save(), ["tune.folds=2", "tasks.texts.max_prompt_tokens=8"])
    with pytest.raises(UserError, match="tasks.texts has other training examples"):
        found.scores(shorter, 0)
