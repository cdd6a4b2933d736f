"""lm-evaluation-harness scores an exported run as ``tasktune evaluate`` does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasktune.evaluation.answers import read_answers
from tests.workshop import Workshop, read_json

pytest.importorskip("lm_eval", reason="lm-eval is not installed: pip install lm-eval==0.4.13")


def harness(workshop: Workshop, model_args: str) -> dict[str, Any]:
    """The harness's results, by the command that docs/export.md has."""
    output = workshop.folder / "harness"
    command = [
        *(sys.executable, "-m", "lm_eval", "--model", "hf", "--model_args", model_args),
        *("--tasks", "colour", "--include_path", str(workshop.folder / "harness_tasks")),
        *("--device", "cpu", "--batch_size", "4", "--log_samples", "--output_path", str(output)),
    ]
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(workshop.folder / "huggingface"),
    }
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    (results,) = output.rglob("results_*.json")
    (samples,) = output.rglob("samples_colour_*.jsonl")
    lines = [json.loads(line) for line in samples.read_text(encoding="utf-8").splitlines()]
    return {"accuracy": read_json(results)["results"]["colour"]["acc,none"], "samples": lines}


def write_task(workshop: Workshop, folder: Path) -> None:
    """The run's test prompts as a task of the harness, as docs/export.md has it."""
    (workshop.folder / "harness_tasks").mkdir()
    described = {
        "task": "colour",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(folder / "predictions" / "colour.jsonl")}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{prompt}}",
        "doc_to_choice": ["red", "green", "dark blue"],
        "doc_to_target": "{{reference}}",
        "target_delimiter": " ",
        "metric_list": [{"metric": "acc"}],
    }
    workshop.write("harness_tasks/colour.yaml", yaml.safe_dump(described))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["peft", "merged"])
def test_the_harness_agrees(workshop: Workshop, llama: Path, form: str) -> None:
    workshop.task("colour")["test"] = {"path": "colour.tsv"}
    folder = workshop.train("training.steps=40", "training.learning_rate=0.01")
    code, _, error = workshop.tasktune("evaluate", str(folder))
    assert code == 0, error
    answers = read_answers(folder, "colour")
    write_task(workshop, folder)
    if form == "peft":
        model_args = f"pretrained={llama},peft={folder / 'adapters' / 'colour'},dtype=float32"
    else:
        models = workshop.folder / "models"
        code, _, error = workshop.tasktune(
            "export", str(folder), "--format", "merged", "--output", str(models)
        )
        assert code == 0, error
        model_args = f"pretrained={models / 'colour'},dtype=float32"
    found = harness(workshop, model_args)
    ours = read_json(folder / "evaluation.json")["tasks"]["colour"]["metrics"]["accuracy"]["value"]
    assert found["accuracy"] == pytest.approx(ours)
    right = {sample["doc_id"]: sample["acc"] == 1.0 for sample in found["samples"]}
    assert [right[n] for n in range(len(answers))] == [
        line["prediction"] == line["reference"] for line in answers
    ]
    assert (
        0 < sum(right.values()) < len(right)
    )  # a model that is right or wrong on all shows little
