"""The worst examples are the worst by what their kind is judged by."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasktune.report.run_files import read_run
from tasktune.report.worst import badness, cut, worst_examples
from tests.report.finished_run import answer, write_finished_run


def test_ranking_by_kind(tmp_path: Path) -> None:
    found = {one.task: one for one in worst_examples(read_run(write_finished_run(tmp_path / "r")))}
    assert list(found) == ["sst2", "stsb", "translate_en_de"]
    lines = [int(e.place.split()[2]) - 2 for e in found["sst2"].examples]
    assert lines == list(range(29, 9, -1))  # the right label's probability falls with the index
    assert found["sst2"].examples[0].note == "wrong, 97% sure"
    assert found["sst2"].scored == 30
    errors = [abs(2.5 - n / 10) for n in range(30)]
    wanted = sorted(range(30), key=lambda n: -errors[n])[:20]
    assert [int(e.place.split()[2]) - 2 for e in found["stsb"].examples] == wanted
    texts = [int(e.place.split()[2]) - 2 for e in found["translate_en_de"].examples]
    assert texts == [*range(1, 25, 2), *range(0, 16, 2)]  # wrong ones first, ties in their order
    assert found["translate_en_de"].examples[0].badness == "0"
    assert found["translate_en_de"].examples[-1].badness == "100"
    assert found["translate_en_de"].ranking == "bleu of the example alone"


def test_language_modelling_is_ranked_by_loss_per_token() -> None:
    answers = [answer("t", 0, 30.0, 10), answer("t", 1, 40.0, 40)]
    assert badness("language_modeling", [], "t", answers) == ("loss per token", [3.0, 1.0], True)


def test_classes_without_probabilities_are_right_or_wrong() -> None:
    answers = [answer("t", 0, "a", "a"), answer("t", 1, "b", "a")]
    assert badness("classification", [], "t", answers)[1:] == ([1.0, 0.0], False)


def test_texts_take_the_default_metric_where_none_is_named() -> None:
    answers = [answer("t", 0, "a cat", ["a cat"]), answer("t", 1, "x", ["a cat"])]
    ranking, figures, higher_is_worse = badness("generation", [], "t", answers)
    assert ranking.startswith("rouge1") and not higher_is_worse
    assert figures == pytest.approx([1.0, 0.0])


@pytest.mark.parametrize("length", [9, 10, 11, 500])
def test_cut_keeps_both_ends_and_says_how_much_is_gone(length: int) -> None:
    text = "".join(chr(97 + n % 26) for n in range(length))
    found = cut(text, 10)
    if length <= 10:
        assert found == text
    else:
        assert found.startswith(text[:5]) and found.endswith(text[-5:])
        assert f"[{length - 10:,} characters left out]" in found
