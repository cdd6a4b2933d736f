"""Importance resampling keeps what is like the target domain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tasktune.data.importance import BUCKETS, features, log_probabilities, most_alike
from tests.data.desk import Desk


def prepare(desk: Desk, keep: float = 0.25) -> Any:
    like = [
        {"q": f"the plot of this novel, chapter {n}", "d": "films", "a": "x"} for n in range(50)
    ]
    unlike = [{"q": f"battery and charger number {n}", "d": "phones", "a": "y"} for n in range(150)]
    own = [{"q": f"a book {n}", "d": "books", "a": "x"} for n in range(5)]
    desk.write_lines("d.jsonl", [*like, *unlike, *own])
    desk.write_lines("u.jsonl", [{"q": f"novel with a plot, chapter {n}", "d": "books"}
                                 for n in range(60)])  # fmt: skip
    domain = {"column": "d", "target": "books", "unlabelled": {"path": "u.jsonl"}, "keep": keep}
    return desk.prepare("d.jsonl", prompt="{q}", domain=domain, validation={"path": "d.jsonl"})


def test_what_is_alike_is_kept(desk: Desk) -> None:
    task = prepare(desk)
    kept = [e.domain for e in task.train.examples()]
    assert kept.count("films") == 50  # a quarter of the 200 others
    assert kept.count("books") == 5  # the target's own are all kept
    assert len(task.split("validation")) == 205
    assert "train: 55 of 205 examples were kept as those most like 'books'" in task.notes
    assert task.unlabelled is not None and len(task.unlabelled) == 60


def test_draws_follow_the_importance_weights(desk: Desk) -> None:
    """By hand, from the paper's formula: log ratio of two smoothed bags of hashed n-grams."""
    texts = ["one two", "two three", "three one one"]
    bags = [features(text) for text in texts]
    assert [len(bag) for bag in bags] == [3, 3, 5]  # words, and pairs of neighbours
    counts = np.zeros(BUCKETS)
    for bag in bags:
        for bucket in bag:
            counts[bucket] += 1
    assert np.allclose(log_probabilities(bags), np.log(counts / 11 + 1e-8))


def test_texts_of_language_modelling_are_what_is_compared(desk: Desk) -> None:
    films = [{"t": f"the plot of this novel, chapter {n}", "d": "films"} for n in range(9)]
    phones = [{"t": f"battery and charger number {n}", "d": "phones"} for n in range(27)]
    books = [{"t": f"a novel with a plot, chapter {n}", "d": "books"} for n in range(20)]
    desk.write_lines("d.jsonl", [*films, *phones, *books])
    desk.write_lines("u.jsonl", books)
    domain = {"column": "d", "target": "books", "keep": 0.25}
    changes = {
        "kind": "language_modeling", "prompt": "", "target": "{t}",
        "validation": {"path": "d.jsonl"},
    }  # fmt: skip
    kept = [e.domain for e in desk.prepare("d.jsonl", **changes, domain=domain).train.examples()]
    assert kept == ["films"] * 9 + ["books"] * 20
    with_rows = {**domain, "unlabelled": {"path": "u.jsonl"}}
    line = desk.complaint("d.jsonl", **changes, domain=with_rows)
    assert line.startswith("tasks.t.domain.unlabelled: kind language_modeling has no prompt")


@pytest.mark.filterwarnings("error")
def test_nothing_to_choose_from() -> None:
    assert most_alike(["a", "b"], ["own", "own"], [], "own", 0.5, 0, "key").tolist() == [0, 1]


def test_a_target_without_texts_is_refused(desk: Desk) -> None:
    desk.write_lines("d.jsonl", [{"q": f"t{n}", "d": "films", "a": "x"} for n in range(9)])
    desk.write_lines("v.jsonl", [{"q": "t", "d": "books", "a": "x"}])
    line = desk.complaint(
        "d.jsonl", prompt="{q}", validation={"path": "v.jsonl"},
        domain={"column": "d", "target": "books", "keep": 0.5},
    )  # fmt: skip
    assert "tasks.t.domain.keep: there are no texts of domain 'books'" in line


def test_tags_name_the_domain(desk: Desk) -> None:
    desk.write_lines("d.jsonl", [{"q": f"t{n}", "d": "ab"[n % 2], "a": "x"} for n in range(9)])
    task = desk.prepare(
        "d.jsonl", prompt="{q}", domain={"column": "d", "target": "a", "tag": "[{domain}] "}
    )
    for example in task.train.examples():
        assert example.prompt.startswith(f"[{example.domain}] t")
