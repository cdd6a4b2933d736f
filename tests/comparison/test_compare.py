"""``tasktune compare`` from end to end."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasktune.cli import main
from tasktune.comparison.compare import work
from tasktune.config_file import load_config
from tasktune.workers import work_apart
from tests.processes import Started
from tests.workshop import BRIEF, Workshop, read_json, write_llama


@pytest.fixture
def small(workshop: Workshop) -> Workshop:
    workshop.run["tasks"] = {name: workshop.task(name) for name in ("colour", "intent")}
    workshop.run["training"]["steps"] = 3
    workshop.run["compare"] = {"seeds": 2, "twins": "examples"}
    return workshop


def compared(workshop: Workshop, *options: str) -> tuple[dict[str, Any], str]:
    """Compares; the folder's ``comparison.json`` and what was said."""
    folder = workshop.folder / "comparison"
    code, _, error = workshop.tasktune(
        "compare", str(workshop.save()), "--output", str(folder), *options
    )
    assert code == 0, error
    found: dict[str, Any] = read_json(folder / "comparison.json")
    return found, error


def complaint(workshop: Workshop, *options: str) -> str:
    code, _, error = workshop.tasktune(
        "compare", str(workshop.save()), "--output", str(workshop.folder / "bad"), *options
    )
    assert code == 2 and "Traceback" not in error, error
    assert not (workshop.folder / "bad" / "runs").exists()
    return error.strip().splitlines()[-1]


def trainings(said: str) -> list[str]:
    return [line for line in said.splitlines() if line.endswith((": training", ": going on"))]


def test_a_comparison_and_a_variant_added_to_it(small: Workshop) -> None:
    found, said = compared(small)
    assert len(trainings(said)) == 2 + 2 * 2
    assert list(found["systems"]) == ["examples"]
    result = found["systems"]["examples"]["run"]
    assert set(result["tasks"]) == {"colour", "intent"}
    folder = small.folder / "comparison"
    kept = [read_json(path) for path in folder.glob("runs/*/comparison.json")]
    assert len(kept) == 2 and kept[0] == {"twins": "examples", **result}
    assert "https://" not in (folder / "comparison.html").read_text()
    found, said = compared(small, "--variant", "wide={adapter.rank: 4}")
    assert trainings(said) == ["wide, seed 3: training", "wide, seed 4: training"]
    assert set(found["validation"]) == {"run", "wide"}
    assert found["ranks"].keys() == {"run", "wide", "twins, equal examples"}
    best = yaml.safe_load((folder / "best.yaml").read_text())
    assert best["adapter"]["rank"] == (4 if found["best"] == "wide" else 2)
    code, _, error = small.tasktune("train", str(folder / "best.yaml"))
    assert code == 0, error


def test_json_and_both_kinds_of_twins(small: Workshop) -> None:
    code, out, error = small.tasktune(
        "compare", str(small.save()), "--output", str(small.folder / "c"), "--twins", "both",
        "--seeds", "1", "--limit", "4", "--json",
    )  # fmt: skip
    assert code == 0, error
    found = json.loads(out)
    assert set(found["systems"]) == {"examples", "steps"}
    assert found["examples"] == {"colour": 4, "intent": 4}
    assert any("one seed" in note for note in found["notes"])
    steps = found["systems"]["steps"]["run"]["tasks"]["colour"]
    assert (
        steps["twin_examples"]
        > found["systems"]["examples"]["run"]["tasks"]["colour"]["twin_examples"]
    )


@pytest.mark.slow
def test_killed_and_gone_on_by_workers(small: Workshop) -> None:
    folder = small.folder / "comparison"
    command = ["compare", str(small.save()), "--output", str(folder)]
    process = Started(small.folder / "killed", main, command)
    until = time.monotonic() + 120
    while time.monotonic() < until and not list(folder.glob("runs/*/scored.json")):
        time.sleep(0.01)
    process.kill()
    process.ended()
    before = {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/scored.json")}
    assert 0 < len(before) < 6
    config = load_config(small.save(), [])  # a worker that is there from the beginning, and
    config = config.model_copy(update={"data_folder": str(small.folder)})  # one still to import
    sharing = (work, (config, folder))
    workers = [
        Started(small.folder / "first", main, [*command, "--workers", "2"]),
        Started(small.folder / "second", work_apart, 2, *sharing),
    ]
    assert [worker.ended(240) for worker in workers] == [0, 0], [w.said for w in workers]
    scored = list(folder.glob("runs/*/scored.json"))
    assert len(scored) == 6
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items())
    trained = [line for worker in workers for line in trainings(worker.said)]
    assert len(trained) == len(set(trained)) == 6 - len(before)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--variant", "x={weighting.methd: pcgrad}"], "compare.variants.x: unknown key 'methd'"),
        (["--variant", "x={weighting.method: pcgrat}"], "did you mean 'pcgrad'"),
        (["--variant", "x={tasks.colour.target: '{text}'}"], "is the same for all"),
        (["--variant", "x={}"], "compare.variants: x names no key"),
        (["--variant", "run={adapter.rank: 4}"], "'run' is no name for a variant"),
        (["--twins", "identical"], "compare.twins: input should be 'both', 'examples' or 'steps'"),
        (["--seeds", "0"], "compare.seeds"),
        (["compare.spilt=test"], "did you mean 'split'"),
    ],
)
def test_mistakes(small: Workshop, options: list[str], says: str) -> None:
    assert says in complaint(small, *options)


def test_one_task_is_its_own_twin(small: Workshop) -> None:
    del small.run["tasks"]["intent"]
    assert "its own twin" in complaint(small)


def test_a_task_without_a_test_split(small: Workshop) -> None:
    del small.task("intent")["test"]
    assert "tasks.intent has no test split" in complaint(small)
    compared(small, "compare.split=validation")


@pytest.mark.pack
@pytest.mark.slow
def test_the_pack(workshop: Workshop, pack: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    write_llama(base, positions=4096)
    code, _, error = workshop.tasktune(
        "compare", str(pack / "pack.yaml"), f"model.base={base}", "training.steps=2",
        "training.batch_tokens=2048", "evaluation.bootstrap=20", *BRIEF, "--seeds", "1",
        "--limit", "4", "--twins", "examples", "--output", str(tmp_path / "comparison"),
    )  # fmt: skip
    assert code == 0, error
    found = read_json(tmp_path / "comparison" / "comparison.json")
    assert len(found["systems"]["examples"]["run"]["tasks"]) == 12
