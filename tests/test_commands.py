"""The commands on a small run with tasks of all kinds, one after the other as a user would."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

import tasktune
from tasktune.batching.item import Item
from tasktune.model.export import load_head
from tasktune.sharing import export
from tests.workshop import Workshop, read_json

LAYOUTS = ("shared", "per_task", "shared_private", "hydra", "mtl_lora", "moe")
KINDS = ("colour", "score", "intent", "translate")


def options(layout: str) -> list[str]:
    return ["adapter.experts=2"] if layout == "moe" else []


@pytest.mark.parametrize("layout", LAYOUTS)
def test_exports_reproduce_the_models_logits(workshop: Workshop, layout: str) -> None:
    folder = workshop.train(
        f"adapter.layout={layout}", "training.learning_rate=0.05", *options(layout)
    )
    run = tasktune.load(folder)
    model = run.trained_model().eval()
    merged = export(run, "merged")
    generator = np.random.default_rng(0)
    ids = generator.integers(0, 300, 12).astype(np.int32)
    tokens = torch.from_numpy(ids).long()[None]
    for task in run.tasks:
        with torch.no_grad():
            ours = model(model.collate([Item(task.index, ids, 1)])).logits
            base = AutoModelForCausalLM.from_pretrained(workshop.run["model"]["base"])
            plain = base(tokens).logits[0, :-1]
            adapted = PeftModel.from_pretrained(base, folder / "adapters" / task.name)
            theirs = adapted(tokens).logits[0, :-1]
            whole = AutoModelForCausalLM.from_pretrained(merged[task.index])
            baked = whole(tokens).logits[0, :-1]
        assert (ours - plain).abs().max() > 1e-3, "training changed nothing: the test shows nothing"
        assert (ours - theirs).abs().max() <= 1e-5
        assert (ours - baked).abs().max() <= 1e-4


def test_heads_are_saved_and_read_back(workshop: Workshop) -> None:
    folder = workshop.train()
    model = tasktune.load(folder).trained_model()
    head = load_head(folder, "intent")
    assert torch.equal(head.weight, model.heads.layers["2"].weight)


def test_evaluate_writes_what_it_prints(workshop: Workshop) -> None:
    folder = workshop.train()
    code, out, _ = workshop.tasktune("evaluate", str(folder), "--json")
    assert code == 0
    assert json.loads(out) == read_json(folder / "evaluation.json")
    tasks = json.loads(out)["tasks"]
    assert set(tasks) == set(KINDS)
    for task in tasks.values():
        for score in task["metrics"].values():
            assert score["low"] <= score["value"] <= score["high"]


def test_evaluate_without_a_test_split_says_so(workshop: Workshop) -> None:
    del workshop.task("colour")["test"]
    folder = workshop.train("evaluation.every=0")
    code, _, error = workshop.tasktune("evaluate", str(folder))
    assert (code, "tasks.colour has no test split" in error) == (2, True)
    assert workshop.tasktune("evaluate", str(folder), "--split", "validation")[0] == 0


@pytest.mark.parametrize("task", KINDS)
def test_predict_a_file(workshop: Workshop, task: str) -> None:
    folder = workshop.train()
    rows = [{"text": "red thing", "en": "one two"}, {"text": "a", "en": "three"}]
    file = workshop.write("rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    output = workshop.folder / "predictions.jsonl"
    arguments = ["predict", str(folder), str(file), "--task", task, "--output", str(output)]
    code, _, error = workshop.tasktune(*arguments)
    assert code == 0, error
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert [line["text"] for line in lines] == ["red thing", "a"]
    assert all("prediction" in line and "prompt" in line for line in lines)
    again = [p.answer for p in tasktune.load(folder).predict(task, rows)]
    assert again == [line["prediction"] for line in lines]


def test_predict_mistakes(workshop: Workshop) -> None:
    folder = workshop.train()
    file = workshop.write("rows.jsonl", '{"txt": "red"}\n')
    code, _, error = workshop.tasktune("predict", str(folder), str(file), "--task", "color")
    assert (code, "did you mean 'colour'" in error) == (2, True)
    code, _, error = workshop.tasktune("predict", str(folder), str(file), "--task", "colour")
    assert (code, "line 1: column 'text' is empty" in error) == (2, True)


def test_the_runs_folder_says_everything(workshop: Workshop) -> None:
    folder = workshop.train()
    assert workshop.tasktune("report", str(folder))[0] == 0
    names = {path.name for path in folder.iterdir()}
    assert names >= {
        "config.yaml",
        "data.json",
        "metrics.jsonl",
        "environment.json",
        "checkpoints",
        "adapters",
        "heads.safetensors",
        "report.html",
    }
    data = read_json(folder / "data.json")
    assert data["colour"]["splits"]["train"]["examples"] < 24  # some were set aside, and said so
    assert "set aside" in data["colour"]["notes"][0]


def test_the_runs_own_config_trains_the_same(workshop: Workshop) -> None:
    """``config.yaml`` is the whole run: from another place it gives the same weights."""
    first = workshop.train()
    again = workshop.folder / "again"
    code, _, error = workshop.tasktune("train", str(first / "config.yaml"), f"output={again}")
    assert code == 0, error
    for name in ("colour", "translate"):
        file = Path("adapters") / name / "adapter_model.safetensors"
        assert (first / file).read_bytes() == (again / file).read_bytes()


def test_schema_describes_the_run_file(workshop: Workshop) -> None:
    code, out, _ = workshop.tasktune("schema")
    schema = json.loads(out)
    assert code == 0
    assert set(workshop.run) <= set(schema["properties"])


def test_padded_run_learns_the_same(workshop: Workshop) -> None:
    """Packed and padded batches are the same computation, so the first losses agree."""
    workshop.run["adapter"]["dropout"] = 0.0
    losses = []
    for packing in ("packed", "padded"):
        folder = workshop.train(
            f"training.packing={packing}", f"output={workshop.folder / packing}"
        )
        lines = (folder / "metrics.jsonl").read_text().splitlines()
        losses.append([json.loads(line)["loss"] for line in lines if '"tasks"' in line])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_random_weights_are_kept_with_the_run(workshop: Workshop) -> None:
    folder = workshop.train("model.random_weights=true")
    assert (folder / "base" / "model.safetensors").is_file()
    assert workshop.tasktune("evaluate", str(folder))[0] == 0
