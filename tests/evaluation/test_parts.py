"""Scores of groups: which ones, how many, and which is the worst."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tasktune.evaluation.answers import read_answers
from tasktune.evaluation.bootstrap import Score
from tasktune.evaluation.metrics import metrics
from tasktune.evaluation.parts import MOST, PartResult, from_worst, largest, rows_by_name
from tests.workshop import WORDS, Workshop, read_json


def test_rows_by_name() -> None:
    assert rows_by_name(["b", "a", "b"]) == {"a": [1], "b": [0, 2]}
    assert rows_by_name(["a", "a"]) == {}


def test_the_largest_of_ten_at_least() -> None:
    parts = {"few": [0] * 9, "ten": [0] * 10, "many": [0] * 30}
    assert list(largest(parts)) == ["many", "ten"]
    crowd = {f"g{n:03}": [0] * (10 + n) for n in range(MOST + 7)}
    assert list(largest(crowd)) == [f"g{n:03}" for n in range(MOST + 6, 6, -1)]


@pytest.mark.parametrize(
    ("metric", "order"), [("accuracy", ["low", "high"]), ("perplexity", ["high", "low"])]
)
def test_the_worst_comes_first(metric: str, order: list[str]) -> None:
    parts = {
        name: PartResult(10, {metric: Score(value, value, value)})
        for name, value in [("high", 0.9), ("low", 0.1)]
    }
    assert list(from_worst(parts, metrics.build(metric, {}, ""))) == order


def with_authors(workshop: Workshop) -> None:
    """Gives ``colour`` a test set of three authors: of 24, 12 and 3 examples."""
    sizes = {"[ann]": 24, "bob": 12, "cid": 3}
    authors = [author for author, size in sizes.items() for _ in range(size)]
    rows = [f"{WORDS[n % 10]} item {n}\t{n % 3}\t{who}\n" for n, who in enumerate(authors)]
    workshop.write("authors.tsv", "text\tlabel\tauthor\n" + "".join(rows))
    colour = workshop.task("colour")
    colour.update(
        group="author", train={"path": "authors.tsv"}, test={"path": "authors.tsv"},
        validation={"path": "authors.tsv"},
    )  # fmt: skip


def test_groups_through_the_command_line(workshop: Workshop) -> None:
    with_authors(workshop)
    folder = workshop.train("training.steps=2")
    code, out, error = workshop.tasktune("evaluate", str(folder), "--json")
    assert code == 0, error
    shown = json.loads(out)
    assert shown == read_json(folder / "evaluation.json")
    colour: dict[str, Any] = shown["tasks"]["colour"]
    assert {name: part["examples"] for name, part in colour["groups"].items()} == {
        "[ann]": 24,
        "bob": 12,
    }
    assert colour["groups_left_out"] == 1
    lines = read_answers(folder, "colour")
    shares = {}
    for author, part in colour["groups"].items():
        right = [x["prediction"] == x["reference"] for x in lines if x["group"] == author]
        shares[author] = sum(right) / len(right)
        assert part["metrics"]["accuracy"]["value"] == pytest.approx(shares[author])
    assert shares[colour["worst_group"]] == min(shares.values())
    assert shown["tasks"]["score"]["groups"] == {}
    assert shown["tasks"]["score"]["calibration"] is None
    assert shown["tasks"]["intent"]["calibration"]["bins"]
    assert sum(b["count"] for b in colour["calibration"]["bins"]) == 39
    assert shown["fairness"]["against"] == "chance"
    assert set(shown["fairness"]["tasks"]) == {"colour", "score", "intent", "translate"}


def test_the_table_fits_a_terminal(workshop: Workshop) -> None:
    with_authors(workshop)
    folder = workshop.train("training.steps=1")
    _, out, _ = workshop.tasktune("evaluate", str(folder))
    assert max(map(len, out.splitlines())) <= 80
    assert "[ann]" in out
    assert " ece " in out
    assert "1 groups" not in out
    assert "colour: 1 group is not scored" in " ".join(out.split())
    assert "from chance (0) to the best score (1): worst" in " ".join(out.split())


def test_base_scores_are_what_tasks_are_set_against(workshop: Workshop) -> None:
    folder = workshop.train("training.steps=1")
    workshop.tasktune("evaluate", str(folder))
    scored = read_json(folder / "evaluation.json")
    assert scored["fairness"]["against"] == "chance"
    before = folder / "evaluation_before.json"
    before.write_text(json.dumps(scored), encoding="utf-8")
    workshop.tasktune("evaluate", str(folder))
    found = read_json(folder / "evaluation.json")["fairness"]
    assert found["against"] == "before"
    assert set(found["tasks"].values()) == {0.0}
    before.write_text(json.dumps({**scored, "split": "train"}), encoding="utf-8")
    _, _, error = workshop.tasktune("evaluate", str(folder))
    assert "evaluation_before.json is of other examples" in error
    assert read_json(folder / "evaluation.json")["fairness"]["against"] == "chance"


def test_a_test_file_without_the_group_is_named(workshop: Workshop) -> None:
    with_authors(workshop)
    workshop.task("colour")["test"] = {"path": "colour_test.tsv"}
    assert workshop.complaint().startswith(
        "tasks.colour.group: unknown column 'author' in colour_test.tsv; "
    )
