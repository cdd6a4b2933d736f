"""Importance resampling keeps what is like the target domain."""

from __future__ import annotations

from typing import Any

import numpy as np

from tasktune.data.importance import BUCKETS, features, log_probabilities
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
