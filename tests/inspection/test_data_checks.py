"""Each check finds what was planted, and nothing where nothing was."""

from __future__ import annotations

import numpy as np
import pytest

from tasktune.inspection.checks.label_drift import p_value
from tasktune.inspection.checks.text_drift import compare
from tests.inspection.planted import Desk, Row, override, rows

QUIET = {"duplicates", "near_duplicates", "leaks", "label_drift", "text_drift", "characters"}


def other_word(text: str) -> str:
    """A text with its third word changed."""
    words = text.split()
    return " ".join([*words[:2], "zzyzx", *words[3:]])


def test_random_splits_raise_no_alarm(desk: Desk) -> None:
    for number in range(6):
        seed = 10 * number
        desk.task(
            f"task{number}",
            train=rows(400, seed),
            validation=rows(120, seed + 1),
            test=rows(200, seed + 2),
        )
    found = desk.inspect()
    assert len(found.figures["text_drift"]) == len(found.figures["label_drift"]) == 12
    assert [p for p in found.problems if p.check in QUIET] == []


def test_repeated_rows(desk: Desk) -> None:
    train = rows(200, 1)
    copies = [(text.upper(), label) for text, label in train[:10]]
    desk.task("sign", train=[*train, *copies], validation=rows(50, 2))
    within = desk.inspect().figures["duplicates"]["sign"]["within"]
    assert within["train"]["repeated"] == 10
    assert within["validation"]["repeated"] == 0
    assert within["train"]["examples"][0] == ["sign_train.tsv line 2", "sign_train.tsv line 202"]
    (problem,) = desk.problems("duplicates")
    assert (problem.severity, problem.place) == ("low", "tasks.sign.train")
    assert desk.problems("duplicates", override(problem)) == []


def test_contradicting_labels(desk: Desk) -> None:
    train = [(text, "plus") for text, _ in rows(200, 1)]
    train[100:150] = rows(50, 7)
    desk.task("sign", train=[*train, (train[0][0], "minus")], validation=rows(50, 2))
    found = desk.inspect().figures["duplicates"]["sign"]["within"]["train"]
    assert (found["repeated"], found["contradicting"]) == (0, 2)
    assert "a different label" in desk.problems("duplicates")[0].message


def test_test_rows_in_train_and_the_line_that_mends_it(desk: Desk) -> None:
    train, test = rows(200, 1), rows(100, 2)
    desk.task("sign", train=[*train, *test[:7]], validation=rows(50, 3), test=test)
    across = desk.inspect().figures["duplicates"]["sign"]["across"]
    assert across["test in train"]["shared"] == 7
    assert across["validation in train"]["shared"] == 0
    (problem,) = desk.problems("duplicates")
    assert (problem.severity, problem.place) == ("high", "tasks.sign.test")
    mended = desk.inspect(override(problem))
    assert mended.figures["duplicates"]["sign"]["across"]["test in train"]["shared"] == 0
    assert mended.figures["rows"]["sign"]["train"]["examples"] == 200


def test_near_duplicates(desk: Desk) -> None:
    train, test = rows(200, 1), rows(100, 2)
    near = [(other_word(text), label) for text, label in test[:8]]
    desk.task("sign", train=[*train, *near], validation=rows(50, 3), test=test)
    found = desk.inspect().figures["near_duplicates"]["sign"]
    assert set(found) == {"test in train"}
    assert found["test in train"]["near"] >= 6  # of 8: short texts lose more by one word
    assert all(example["similarity"] >= 0.7 for example in found["test in train"]["examples"])
    (problem,) = desk.problems("near_duplicates")
    assert problem.severity == "medium"


def test_questions_about_one_passage_are_different_examples(desk: Desk) -> None:
    passages = [" ".join(text for text, _ in rows(6, seed)) for seed in range(30)]
    asked = [
        (f"{passage} {question}", answer)
        for passage in passages
        for (question, _), (answer, _) in zip(rows(3, 90), rows(3, 91), strict=True)
    ]
    desk.task("read", train=asked, validation=rows(50, 3))
    desk.run["training"]["batch_tokens"] = 2000
    desk.run["tasks"]["read"] |= {"kind": "generation", "metrics": ["rouge"]}
    assert desk.inspect().figures["near_duplicates"]["read"] == {}
    desk.run["tasks"]["read"] |= {"kind": "classification", "metrics": ["accuracy"]}
    found = desk.inspect("tasks.read.on_bad_rows=skip", "tasks.read.validation=null")
    assert found.figures["near_duplicates"]["read"]["train in train"]["near"] > 30


def test_leak_into_another_task_through_another_template(desk: Desk) -> None:
    test = rows(100, 2)
    desk.task("sign", train=rows(200, 1), validation=rows(50, 3), test=test)
    stolen: list[Row] = [*test[:5], *((other_word(text), label) for text, label in test[5:9])]
    desk.task("mood", "How is this? {text}\nMood:", train=[*rows(200, 4), *stolen],
              validation=rows(50, 5), test=rows(100, 6))  # fmt: skip
    (leak,) = desk.inspect().figures["leaks"]
    assert (leak["task"], leak["split"], leak["trained_by"]) == ("sign", "test", "mood")
    assert leak["equal"] == 5
    assert leak["near"] >= 3
    (problem,) = desk.problems("leaks")
    assert (problem.severity, problem.place) == ("medium", "tasks.sign.test")
    assert problem.mend.startswith("tasks.mood.clean:")


def test_label_drift(desk: Desk) -> None:
    test = [
        (text, "plus" if number % 4 else "minus") for number, (text, _) in enumerate(rows(200, 2))
    ]
    desk.task("sign", train=rows(400, 1), validation=rows(200, 3), test=test)
    found = {entry["split"]: entry for entry in desk.inspect().figures["label_drift"]}
    assert found["test"]["drifted"] and not found["validation"]["drifted"]
    assert found["test"]["distance"] == pytest.approx(0.25, abs=0.06)
    assert [p.place for p in desk.problems("label_drift")] == ["tasks.sign.test"]


def test_text_drift(desk: Desk) -> None:
    desk.task("sign", train=rows(300, 1), validation=rows(100, 2), test=rows(150, 3, words=9))
    found = {entry["split"]: entry for entry in desk.inspect().figures["text_drift"]}
    assert found["test"]["auc"] > 0.95
    assert not found["validation"]["drifted"]
    assert [p.place for p in desk.problems("text_drift")] == ["tasks.sign.test"]


def test_the_tests_of_drift_are_right_about_chance() -> None:
    """Of splits that are drawn alike, p is under 0.2 in about a fifth."""
    draw = np.random.default_rng(0)
    by_text, by_label = [], []
    for seed in range(60):
        texts = [text for text, _ in rows(300, seed)]
        by_text.append(compare(texts[:200], texts[200:])["p"])
        shares = [0.5, 0.3, 0.15, 0.05]
        counts = [draw.multinomial(400, shares), draw.multinomial(100, shares)]
        by_label.append(p_value(np.stack(counts)))
    for p_values in (by_text, by_label):
        assert 0.05 <= np.mean(np.array(p_values) < 0.2) <= 0.38
        assert np.mean(np.array(p_values) < 0.01) <= 0.07


@pytest.mark.parametrize(
    ("text", "sign", "mend"),
    [
        ("caf\u00c3\u00a9 au lait", "mojibake", "clean: [encoding]"),
        ("bread &amp; butter", "entities", "clean: [html]"),
        ("cafe\u0301 au lait", "not_nfc", "clean: [unicode]"),
        ("bad\x07bell", "control", "clean: [unicode]"),
        ("caf\ufffd au lait", "replacement", "encoding:"),
    ],
)
def test_odd_characters(desk: Desk, text: str, sign: str, mend: str) -> None:
    train = [*rows(100, 1), *((f"{text} {words}", label) for words, label in rows(9, 2))]
    desk.task("sign", train=train, validation=rows(50, 3))
    found = desk.inspect().figures["characters"]["sign"]
    assert found["train"][sign] == {"examples": 9, "first": "sign_train.tsv line 102"}
    assert found["validation"] == {}
    (problem,) = [p for p in desk.problems("characters") if mend in p.mend]
    if "clean" in mend:
        assert desk.problems("characters", override(problem)) == []


def test_a_space_without_width_is_no_control_character(desk: Desk) -> None:
    """Thai and Khmer are written with it, and the unicode step leaves it."""
    train = [(text.replace(" ", "\u200b", 1), label) for text, label in rows(60, 1)]
    desk.task("sign", train=train, validation=rows(20, 3))
    assert desk.problems("characters") == []


def test_uneven_labels(desk: Desk) -> None:
    train = [
        (text, "minus" if number < 7 else "plus") for number, (text, _) in enumerate(rows(200, 1))
    ]
    desk.task("sign", train=train, validation=train[:20])
    found = desk.inspect().figures["labels"]["sign"]["train"]
    assert found["counts"] == {"plus": 193, "minus": 7}
    assert found["ratio"] == pytest.approx(193 / 7)
    (problem,) = desk.problems("labels")
    assert problem.mend.startswith("tasks.sign.metrics: [accuracy, macro_f1]")
    assert desk.problems("labels", override(problem))[0].severity == "low"


def test_dropped_rows_are_grouped_by_reason(desk: Desk) -> None:
    train = [*rows(50, 1), ("", "plus"), ("", "minus"), ("some words", "")]
    desk.task("sign", train=train, validation=rows(20, 2))
    desk.run["tasks"]["sign"]["on_bad_rows"] = "skip"
    found = desk.inspect().figures["rows"]["sign"]["train"]
    assert (found["examples"], found["dropped"]) == (50, 3)
    assert sorted(found["reasons"].values()) == [1, 2]
    (problem,) = desk.problems("rows")
    assert problem.message.startswith("3 of 53 rows dropped")


def test_long_prompts_are_cut(desk: Desk) -> None:
    desk.task("sign", train=rows(100, 1), validation=rows(50, 3))
    desk.run["tasks"]["sign"]["max_prompt_tokens"] = 20
    found = desk.inspect().figures["lengths"]["sign"]["train"]
    assert found["prompts_cut"] > 90 and found["prompt"]["longest"] == 20
    (problem,) = desk.problems("lengths")
    assert problem.mend == "tasks.sign.max_prompt_tokens: 40"


def test_another_script(desk: Desk) -> None:
    greek = [
        ("\u03b1\u03b2\u03b3 \u03b4\u03b5\u03b6 " * 3 + str(n), label)
        for n, (_, label) in enumerate(rows(60, 3))
    ]
    desk.task("sign", train=rows(100, 1), validation=rows(50, 2), test=greek)
    assert desk.inspect().figures["scripts"]["sign"]["test"]["greek"] > 0.5
    assert [p.place for p in desk.problems("scripts")] == ["tasks.sign.test"]


def test_tasks_of_very_different_sizes(desk: Desk) -> None:
    desk.task("large", train=rows(600, 1), validation=rows(20, 2))
    desk.task("small", train=rows(20, 3), validation=rows(20, 4))
    found = desk.inspect().figures["mixture"]
    assert found["largest_to_smallest"] == 30
    assert [plan["task"] for plan in found["tasks"]] == ["large", "small"]
    uneven = [p for p in desk.problems("mixture") if p.place == "mixture"]
    assert uneven[0].severity == "medium"
    assert desk.problems("mixture", override(uneven[0]))[0].severity == "low"
    often = desk.problems("mixture", "mixture.strategy=equal", "training.steps=400")
    assert any("drawn" in p.message and p.place == "tasks.small.train" for p in often)
    rates = ("mixture.strategy=fixed", "mixture.rates={large: 1, small: 0}")
    never = [p for p in desk.problems("mixture", *rates) if p.place == "tasks.small.train"]
    assert [p.message for p in never] == ["none of its 20 examples is drawn"]
