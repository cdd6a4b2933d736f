"""The whole inspection: its JSON, its cache, its page and its command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tasktune.inspection import inspect_run
from tasktune.inspection.many_tests import holm
from tasktune.inspection.page import render
from tasktune.training.loop import Loop
from tests.inspection.planted import Desk, rows
from tests.report.test_report import Page
from tests.workshop import Workshop

KEYS = [
    "version", "run", "problems", "rows", "lengths", "labels", "duplicates", "near_duplicates",
    "leaks", "label_drift", "text_drift", "characters", "scripts", "tasks", "samples", "mixture",
    "cost",
]  # fmt: skip
WITHOUT_TORCH = """
import json, sys
from pathlib import Path
from tasktune.inspection import inspect_run
HEAVY = ("torch", "transformers", "datasets")
found = inspect_run(Path(sys.argv[1]))
print(json.dumps([found.to_json(), [m for m in HEAVY if m in sys.modules]]))
"""


def test_json_of_a_run_with_all_kinds(workshop: Workshop) -> None:
    code, out, error = workshop.tasktune("inspect", str(workshop.save()), "--json")
    assert code == 0, error
    found = json.loads(out)
    assert list(found) == KEYS
    assert found["version"] == 1
    tasks = list(workshop.run["tasks"])
    for check in ("rows", "lengths", "duplicates", "characters", "scripts", "samples"):
        assert list(found[check]) == tasks, check
    for problem in found["problems"]:
        assert list(problem) == ["severity", "check", "place", "message", "mend", "size"]
        assert problem["severity"] in ("high", "medium", "low")
        assert problem["mend"].startswith(("tasks.", "mixture", "training"))
    leaked = [p for p in found["problems"] if (p["check"], p["severity"]) == ("duplicates", "high")]
    assert {p["place"] for p in leaked} >= {"tasks.score.test", "tasks.intent.test"}
    assert not Path(workshop.run["output"]).exists()


def test_cost_is_measured(workshop: Workshop) -> None:
    cost = inspect_run(workshop.save()).figures["cost"]
    memory = cost["memory"]
    weights = Path(workshop.run["model"]["base"]) / "model.safetensors"
    assert memory["parameters"] >= weights.stat().st_size * 0.9
    assert memory["optimizer"] == 2 * memory["gradients"] > 0
    assert memory["activations"] > 10_000
    assert memory["total"] == sum(v for part, v in memory.items() if part != "total")
    assert 0 < cost["seconds_per_step"] < 60
    assert cost["seconds_in_all"] == pytest.approx(cost["seconds_per_step"] * 6)
    larger = inspect_run(workshop.save(), ["training.batch_tokens=900"]).figures["cost"]["memory"]
    assert larger["activations"] > 1.5 * memory["activations"]


def test_a_step_that_does_not_fit_is_said_in_a_line(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(loop: Loop, step: int) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Loop, "step", full)
    workshop.run["seed"] = 99  # a run that no other test has measured
    code, _, error = workshop.tasktune("inspect", str(workshop.save()))
    assert code == 2
    assert "training.micro_batch_tokens: a step of 300 tokens" in error.splitlines()[-1]
    assert workshop.tasktune("inspect", str(workshop.save()), "--no-model")[0] == 0


def test_memory_that_was_taken_is_not_remembered(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.run["seed"] = 98  # a run that no other test has measured
    with monkeypatch.context() as taken:
        taken.setattr("tasktune.inspection.checks.cost.free_memory", lambda device: 1)
        found = inspect_run(workshop.save())
        assert [p.severity for p in found.problems if p.check == "cost"] == ["high"]
    assert not [p for p in inspect_run(workshop.save()).problems if p.check == "cost"]


def test_samples_show_every_token(workshop: Workshop) -> None:
    samples = inspect_run(workshop.save(), model=False).figures["samples"]
    assert all(len(found) == 3 for found in samples.values())
    for sample in samples["colour"]:
        assert "".join(sample["prompt"]).endswith("\nColour:")
        assert "".join(sample["target"]) == f" {sample['label']}<|endoftext|>"
        assert len(sample["prompt"]) + len(sample["target"]) == sample["tokens"]


def test_second_time_is_the_same_without_torch(workshop: Workshop) -> None:
    file = workshop.save()
    first = inspect_run(file).to_json()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(file)],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    again, imported = json.loads(process.stdout)
    assert again == json.loads(json.dumps(first))
    assert imported == []


def test_changed_data_and_settings_are_looked_at_again(desk: Desk) -> None:
    desk.task("sign", train=rows(60, 1), validation=rows(20, 2))
    assert desk.inspect().figures["rows"]["sign"]["train"]["examples"] == 60
    desk.task("sign", train=rows(70, 1), validation=rows(20, 2))
    first = desk.inspect()
    assert first.figures["rows"]["sign"]["train"]["examples"] == 70
    longer = desk.inspect("training.steps=40").figures["mixture"]
    assert longer["tasks"][0]["examples"] > first.figures["mixture"]["tasks"][0]["examples"]


def test_page_is_whole_and_asks_nothing_of_the_network(workshop: Workshop) -> None:
    file = workshop.folder / "page.html"
    code, _, error = workshop.tasktune("inspect", str(workshop.save()), "--page", str(file))
    assert code == 0, error
    text = file.read_text(encoding="utf-8")
    page = Page(text)
    sections = {"problems", "data", "labels", "drift", "mixture", "cost", "samples"}
    assert page.ids >= sections
    for task in workshop.run["tasks"]:
        assert page.text.count(task) >= 3
    assert not re.search(r"https?:|//[a-z]|@import|url\(", text.replace('"//', ""))
    assert {key for key, _ in page.attributes} & {"src", "srcset", "action"} == set()
    assert "default-src 'none'" in text


def test_texts_are_escaped_on_the_page(desk: Desk) -> None:
    hostile = "<script>alert(1)</script> & more of it"
    train = [*rows(60, 1), (hostile, "<b>plus</b>"), (hostile, "minus")]
    desk.task("sign", train=train, validation=rows(20, 2))
    text = render(desk.inspect())
    page = Page(text)
    assert page.count["script"] == 1
    assert "<script>alert" not in text and "<b>plus</b>" not in text
    assert "<b>plus</b>" in page.text


def test_mistakes_are_one_line(workshop: Workshop) -> None:
    code, _, error = workshop.tasktune("inspect", str(workshop.folder / "none.yaml"))
    assert (code, len(error.strip().splitlines())) == (2, 1)
    code, _, error = workshop.tasktune("inspect", str(workshop.save()), "mixture.strategy=equall")
    assert (code, "did you mean 'equal'" in error) == (2, True)
    code, _, error = workshop.tasktune("inspect", str(workshop.folder))
    assert (code, "holds no config.yaml" in error) == (2, True)
    workshop.write("colour.tsv", "text\tlabel\nred\t9\n")
    code, _, error = workshop.tasktune("inspect", str(workshop.save()))
    assert (code, "colour.tsv line 2" in error, "Traceback" in error) == (2, True, False)
    page = str(workshop.folder / "colour_test.tsv" / "page.html")
    workshop.run["tasks"].pop("colour")
    code, _, error = workshop.tasktune(
        "inspect", str(workshop.save()), "--no-model", "--page", page
    )
    assert (code, "--page: cannot write" in error) == (2, True)


def test_the_folder_of_a_run_can_be_inspected(workshop: Workshop) -> None:
    folder = workshop.train("training.steps=1", "evaluation.every=0")
    code, out, error = workshop.tasktune("inspect", str(folder), "--no-model", "--json")
    assert code == 0, error
    assert json.loads(out)["cost"] is None


def test_holm_holds_the_chance_of_one_false_alarm() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


@pytest.mark.pack
@pytest.mark.slow
def test_the_packs_drift_is_found_and_its_random_splits_are_not(pack: Path, llama: Path) -> None:
    figures = inspect_run(pack / "pack.yaml", [f"model.base={llama}"], model=False).figures
    drifted = {(e["task"], e["split"]) for e in figures["text_drift"] if e["drifted"]}
    assert ("cola", "test") in drifted
    assert ("reviews", "test") in drifted
    alike = ("sst2", "trec", "banking77", "translate_en_de", "translate_en_fr", "dialogsum")
    assert not {task for task, _ in drifted} & set(alike)
    assert ("cola", "validation") not in drifted
    assert figures["mixture"]["largest_to_smallest"] > 20
