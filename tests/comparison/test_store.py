"""Runs that are trained once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tasktune.comparison.store import Store
from tasktune.config_file import load_config
from tasktune.errors import UserError
from tasktune.run import Run
from tests.workshop import Workshop, read_json


@pytest.fixture
def small(workshop: Workshop) -> Workshop:
    workshop.run["tasks"] = {name: workshop.task(name) for name in ("colour", "intent")}
    return workshop


def store_of(workshop: Workshop, said: list[str], limit: int | None = None) -> Store:
    run = Run(load_config(workshop.save()))
    return Store(run, workshop.folder / "runs", split="test", limit=limit, say=said.append)


def test_it_is_as_the_run_by_itself(small: Workshop) -> None:
    alone = small.train("evaluation.every=0")
    small.tasktune("evaluate", str(alone))
    store = store_of(small, [])
    store.get(store.run.config.model_copy(update={"seed": 5}), "another before it")
    kept = store.get(store.run.config, "as it stands")
    for file in ("evaluation.json", "predictions/colour.jsonl", "predictions/intent.jsonl"):
        ours, its = (folder / file for folder in (kept.folder, alone))
        assert without_times(ours) == without_times(its)
    assert kept.seen("colour")[0] > 0 and len(kept.answers("colour")) == 9


def without_times(file: Path) -> str:
    return "\n".join(line for line in file.read_text().splitlines() if '"seconds"' not in line)


def test_nothing_is_trained_twice(small: Workshop) -> None:
    said: list[str] = []
    config = store_of(small, said).run.config
    assert not store_of(small, said).has(config)
    store_of(small, said).get(config, "one")
    assert store_of(small, said).has(config)
    store_of(small, said).get(config, "one")
    assert said == ["one: training", "one: scoring"]
    store_of(small, said, limit=3).get(config, "one")
    assert said[2:] == ["one: scoring"]
    small.write("intent.jsonl", (small.folder / "intent.jsonl").read_text() * 2)
    store_of(small, said, limit=3).get(config, "one")
    assert said[3:] == ["one: training", "one: scoring"]


def test_what_was_cut_off_goes_on(small: Workshop) -> None:
    said: list[str] = []
    store = store_of(small, said)
    place = store.place(store.run.config)
    small.train(f"output={place}", "evaluation.every=0")
    last = place / "checkpoints" / "step-6"
    shutil.rmtree(last)
    found = store.get(store.run.config, "one")
    assert said == ["one: going on", "one: scoring"]
    first, second = (line["time"] for line in found.log if line["step"] in (4, 6))
    assert found.seconds == pytest.approx(first + second)


def test_what_was_cut_off_on_other_data_begins_anew(small: Workshop) -> None:
    said: list[str] = []
    config = store_of(small, said).run.config
    place = store_of(small, said).place(config)
    small.train(f"output={place}", "evaluation.every=0")
    small.write("intent.jsonl", (small.folder / "intent.jsonl").read_text() * 2)
    store = store_of(small, said)
    kept = store.get(config, "one")
    assert said == ["one: training", "one: scoring"]
    before = read_json(kept.folder / "data.json")
    assert {name: found["files"] for name, found in before.items()} == store.mark(Run(config))[
        "data"
    ]


def test_scoring_that_was_cut_off_is_done_again(small: Workshop) -> None:
    said: list[str] = []
    store = store_of(small, said)
    store.get(store.run.config, "one")
    store.split = "nowhere"
    with pytest.raises(UserError):
        store.get(store.run.config, "one")
    store.split = "test"
    store.get(store.run.config, "one")
    assert said == ["one: training", "one: scoring", "one: scoring", "one: scoring"]


def test_scores_of_another_limit_are_gone(small: Workshop) -> None:
    config = store_of(small, []).run.config
    kept = store_of(small, [], limit=2).get(config, "one", validated=True)
    marker, link = kept.folder / "scored.json", small.folder / "before.json"
    os.link(marker, link)
    assert set(kept.validation) == {"colour", "intent"}
    assert store_of(small, [], limit=3).get(config, "one").validation == {}
    assert (read_json(link)["limit"], read_json(marker)["limit"]) == (2, 3), "written in place"
    assert store_of(small, [], limit=3).get(config, "one", validated=True).validation != {}
