"""Language modelling on a target domain's texts as a first stage, through the command line."""

from __future__ import annotations

import json

from tests.workshop import Workshop


def test_unlabelled_texts_first_then_the_tasks(workshop: Workshop) -> None:
    workshop.write("texts.txt", workshop.lines(30, "a long text of {w} and {n}"))
    tasks = workshop.run["tasks"]
    tasks["texts"] = {
        "kind": "language_modeling", "train": {"path": "texts.txt"}, "target": "{text}"
    }  # fmt: skip
    others = {name: 2 for name in tasks if name != "texts"}
    workshop.run["curriculum"] = {
        "tasks": {"method": "stages", "starts": others, "ends": {"texts": 2}}
    }
    workshop.run["evaluation"]["every"] = 0
    run = workshop.train("training.log_every=1")
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    seen = [{name for name, task in line["tasks"].items() if task["loss"]} for line in lines]
    assert seen[:2] == [{"texts"}, {"texts"}]
    assert seen[2] == set(others) and seen[-1] == set(others)
