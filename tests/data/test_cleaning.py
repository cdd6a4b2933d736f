"""Cleaning: each step does what it says, and every row is an example or counted."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasktune.data import cleaned_rows
from tasktune.data.cleaning import cleaners
from tasktune.data.cleaning.base import Removed
from tasktune.data.cleaning.encoding import Encoding
from tasktune.data.cleaning.html import Html
from tasktune.data.cleaning.unicode import Unicode
from tasktune.data.cleaning.whitespace import Whitespace
from tasktune.run import Run
from tests.data.desk import Desk
from tests.workshop import Workshop


def cleaned(desk: Desk, rows: list[dict[str, Any]], *steps: Any, **changes: Any) -> list[str]:
    desk.write_lines("d.jsonl", rows)
    changes.setdefault("prompt", "{q}")
    return sorted(e.prompt for e in desk.examples("d.jsonl", clean=list(steps), **changes))


def rows(*texts: str) -> list[dict[str, Any]]:
    return [{"q": text, "a": "x"} for text in texts]


def test_one_spelling_for_one_text() -> None:
    assert Unicode().text("e\u0301") == "\u00e9"
    assert Unicode("NFKC").text("\ufb01\uff21") == "fiA"
    assert Unicode().text("\ufb01") == "\ufb01"
    assert Unicode().text("a\x00b\x07\ufeffc\n\td") == "abc\n\td"
    family = "👨\u200d👩\u200d👧"
    assert Unicode().text(family) == family  # the joiners that make one picture of three stay


@given(st.text())
def test_unicode_is_normal_and_settled(text: str) -> None:
    once = Unicode().text(text)
    assert unicodedata.is_normalized("NFC", once) or "\ufeff" in text
    assert Unicode().text(once) == once or "\ufeff" in text


@given(st.text(alphabet="a \n\t\u00a0\r"))
def test_white_space_is_settled_and_words_stay(text: str) -> None:
    for lines in (True, False):
        once = Whitespace(lines).text(text)
        assert Whitespace(lines).text(once) == once
        assert once.split() == text.split()
        assert once == once.strip() and "  " not in once and "\n\n\n" not in once


def test_html_is_what_a_reader_sees() -> None:
    assert Html().text("a &amp; b &lt;i&gt; &#39;c&#39;") == "a & b <i> 'c'"
    page = "<p>one<br/>two &amp; <b>three</b></p><script>var x = 1 < 2;</script>"
    assert Html(tags=True).text(page) == "one\ntwo & three"
    assert Html(tags=True).text("2 < 3 and 5 > 4") == "2 < 3 and 5 > 4"


def test_wrongly_decoded_text_is_mended_and_right_text_left() -> None:
    assert Encoding().text("schÃ¶n") == "schön"
    assert Encoding().text("schön, naïve 🙂 שלום") == "schön, naïve 🙂 שלום"


def test_steps_go_in_order(desk: Desk) -> None:
    made = cleaned(desk, rows(" A &nbsp; B ", "c"), "html", {"whitespace": False}, "unicode")
    assert made == ["A B", "c"]


def test_rows_that_are_too_short_or_long_leave_train_only(desk: Desk) -> None:
    desk.write_lines("d.jsonl", rows("ab", "abcdef", "abcd"))
    desk.write_lines("v.jsonl", rows("a", "abcdefgh"))
    step = {"length": {"column": "q", "min": 3, "max": 5}}
    task = desk.prepare("d.jsonl", prompt="{q}", clean=[step], validation={"path": "v.jsonl"})
    assert [e.prompt for e in task.train.examples()] == ["abcd"]
    assert len(task.split("validation")) == 2
    assert task.train.dropped == [
        ("d.jsonl line 1", "clean.1.length: 'q' has 2 characters, fewer than 3"),
        ("d.jsonl line 2", "clean.1.length: 'q' has 6 characters, more than 5"),
    ]
    counts = {"step": "1.length", "rows": 3, "changed": 0, "removed": 2, "added": 0}
    assert task.train.cleaning == [counts]
    assert "train: clean.1.length took out 2 of 3 rows" in task.notes


def test_duplicates_go_the_first_stays(desk: Desk) -> None:
    made = cleaned(desk, rows("One  two", "one two", "three"), {"deduplicate": ["q"]})
    assert made == ["One  two", "three"]
    distinct = [{"q": "x", "a": "1"}, {"q": "x", "a": "2"}]
    assert len(cleaned(desk, distinct, "deduplicate")) == 2  # all columns are compared


def test_what_is_tested_is_not_trained_on(desk: Desk) -> None:
    desk.write_lines("d.jsonl", rows("one", "two", "three", "four"))
    desk.write_lines("t.jsonl", rows(" TWO ", "five"))
    step = {"deduplicate": {"columns": ["q"], "against": ["test"]}}
    task = desk.prepare(
        "d.jsonl", prompt="{q}", clean=["whitespace", step], test={"path": "t.jsonl"}
    )
    left = {e.prompt for name in ("train", "validation") for e in task.split(name).examples()}
    assert left == {"one", "three", "four"}
    assert [reason for _, reason in task.train.dropped] == [
        "clean.2.deduplicate: it also stands in test"
    ]
    assert len(task.split("test")) == 2


def test_where_keeps_what_holds(desk: Desk) -> None:
    data = [{"q": f"row {n}", "a": "x", "stars": n, "my col": "y"} for n in range(6)]
    keep = "stars >= 3 and len(q) > 2 and row['my col'] == 'y' and not endswith(q, '4')"
    assert cleaned(desk, data, {"where": keep}) == ["row 3", "row 5"]


@pytest.mark.parametrize(
    "expression",
    ["__import__('os').system('true')", "().__class__.__bases__", "open('/etc/passwd')",
     "[].__class__", "q.__class__"],
)  # fmt: skip
def test_where_runs_no_code(desk: Desk, expression: str) -> None:
    desk.write_lines("d.jsonl", rows("a", "b", "c"))
    line = desk.complaint("d.jsonl", clean=[{"where": expression}])
    assert line.startswith("tasks.t.clean.1.where: d.jsonl line 1: ")


@pytest.mark.parametrize("keep", ["q[3] == 'd'", "1.5 ** (len(q) * 1000)", "1 / (3 - len(q))"])
def test_where_takes_out_what_it_cannot_tell_of(keep: str) -> None:
    with pytest.raises(Removed, match="cannot be told of it"):
        cleaners.build("where", {"keep": keep}, "clean").clean({"q": "abc"})


def test_columns_are_renamed(desk: Desk) -> None:
    desk.write_lines("d.jsonl", [{"body": f"t{n}", "a": "x"} for n in range(3)])
    made = desk.examples("d.jsonl", prompt="{q}", clean=[{"rename": {"body": "q"}}])
    assert sorted(e.prompt for e in made) == ["t0", "t1", "t2"]


MODULE = """
def double(row):
    if row["q"] == "drop":
        return None
    return [{**row, "q": row["q"] + mark} for mark in "ab"]

def broken(row):
    return row["nothing"]

def number(row):
    return 7
"""


def test_a_function_of_the_users(desk: Desk) -> None:
    desk.write("my_rows.py", MODULE)
    task_rows = [*rows("x", "drop", "y"), {"q": "", "a": "x"}]
    made = cleaned(desk, task_rows, {"map": "my_rows:double"})
    assert made == ["a", "b", "xa", "xb", "ya", "yb"]
    task = desk.prepare("d.jsonl", clean=[{"map": "my_rows:double"}], prompt="{q}")
    assert {name: task.train.cleaning[0][name] for name in ("rows", "removed", "added")} == {
        "rows": 4,
        "removed": 1,
        "added": 3,
    }
    places = [place for split in task.splits.values() for place in split.places]
    assert "d.jsonl line 1" in places and "d.jsonl line 1 (2)" in places


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ({"map": "my_rows:broken"}, "clean.1.map: d.jsonl line 1: my_rows:broken failed: KeyError"),
        ({"map": "my_rows:number"}, "clean.1.map: d.jsonl line 1: my_rows:number returned int"),
        ({"map": "no_module_here:f"}, "clean.1.map: there is no module 'no_module_here'"),
        ({"map": "my_rows:nothing"}, "module 'my_rows' has no function 'nothing'"),
        ({"map": "double"}, "'double' is no function; write module:function"),
        ({"map": {"function": "my_rows:double", "split": ["train"]}}, "did you mean 'splits'?"),
        ("whitspace", "unknown cleaning step 'whitspace'; did you mean 'whitespace'?"),
        ({"unicode": "NFX"}, "tasks.t.clean.1.unicode.form"),
        ({"length": {"column": "p", "min": 1}}, "unknown column 'p' in d.jsonl"),
        ({"whitespace": {"columns": ["p"]}}, "clean.1.whitespace: unknown column 'p'"),
        ({"where": "q ="}, "clean.1.where: 'q =' is no expression"),
        ({"where": "p == 1"}, "clean.1.where: d.jsonl line 1"),
        ({"rename": {"q": "a"}}, "no example is left of 3 rows"),
        ({"html": None, "unicode": None}, "a step is a name, or one name with its options"),
        ({"length": 3}, "clean.1.length: 3 is no mapping; name its options: column, min, max"),
        ({"encoding": "x"}, "clean.1.encoding: 'x' is no mapping; name its options: columns"),
        ({"map": "bad_rows:f"}, "clean.1.map: module 'bad_rows' fails: type object 'str' has no"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(desk: Desk, step: Any, says: str) -> None:
    desk.write("my_rows.py", MODULE)
    desk.write("bad_rows.py", "def f(row):\n    return row\n\nstr.nothing\n")
    desk.write_lines("d.jsonl", rows("a", "b", "c"))
    assert says in desk.complaint("d.jsonl", clean=[step])


def test_a_function_that_fails_on_a_row_of_another_split(desk: Desk) -> None:
    desk.write("picky_rows.py", 'def f(row):\n    return {**row, "n": 1 / len(row["q"])}\n')
    desk.write_lines("d.jsonl", rows("a", "b"))
    desk.write_lines("v.jsonl", rows("c", ""))
    steps = [{"map": "picky_rows:f"}, {"deduplicate": {"against": ["validation"]}}]
    line = desk.complaint("d.jsonl", clean=steps, validation={"path": "v.jsonl"})
    assert line == (
        "tasks.t.clean.1.map: v.jsonl line 2: picky_rows:f failed: ZeroDivisionError: division by"
        " zero"
    )


def test_cleaned_rows_against_a_split_that_is_not_there(desk: Desk) -> None:
    desk.write_lines("d.jsonl", rows("a", "a", "b"))
    step = {"deduplicate": {"columns": ["q"], "against": ["validation"]}}
    task = desk.prepare("d.jsonl", prompt="{q}", clean=[step]).config
    found = cleaned_rows(task, "t", "train", desk.folder)
    assert [row.values["q"] for row in found] == ["a", "b"]


def test_a_changed_function_is_noticed(workshop: Workshop) -> None:
    """In another process, as a user's next command is."""
    workshop.task("colour")["clean"] = [{"map": "late_rows:f"}]
    function = "def f(row):\n    return {{**row, 'text': '{}'}}\n"
    workshop.write("late_rows.py", function.format("one"))
    assert Run.open(workshop.save()).tasks[0].train.example(0).prompt.startswith("one")
    workshop.write("late_rows.py", function.format("two"))
    script = (
        "from tasktune.run import Run; from pathlib import Path;"
        f"print(Run.open(Path({str(workshop.save())!r})).tasks[0].train.example(0).prompt)"
    )
    made = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert made.stdout.startswith("two")


STEPS = st.lists(
    st.sampled_from(
        [
            "unicode",
            "whitespace",
            "html",
            {"length": {"column": "q", "min": 2}},
            {"deduplicate": ["q"]},
            {"where": "len(q) != 3"},
        ]
    ),
    max_size=4,
)
TEXTS = st.lists(
    st.tuples(st.text("ab \x00&;<e\u0301", max_size=5), st.text("xy ", max_size=2)),
    min_size=1,
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(texts=TEXTS, steps=STEPS)
def test_no_row_is_lost_or_doubled_uncounted(
    texts: list[tuple[str, str]],
    steps: list[Any],
    tmp_path_factory: pytest.TempPathFactory,
    tokenizer: Any,
) -> None:
    """Through any cleaning and the template: an example or a dropped row, and never both."""
    desk = Desk(tmp_path_factory.mktemp("rows"), tokenizer)
    good = [("long enough", "x"), ("quite well", "y"), ("good too", "x")]
    desk.write_lines("d.jsonl", [{"q": q, "a": a} for q, a in [*good, *texts]])
    task = desk.prepare("d.jsonl", prompt="{q}", clean=steps, on_bad_rows="skip")
    places = [place for split in task.splits.values() for place in split.places]
    dropped = [place for place, _ in task.train.dropped]
    every = [f"d.jsonl line {n}" for n in range(1, len(good) + len(texts) + 1)]
    assert sorted([*places, *dropped]) == sorted(every)
    left = len(every)
    for step in task.train.cleaning:
        assert step["rows"] == left
        left -= step["removed"]


def test_rows_to_be_predicted_are_changed_but_never_taken_out(workshop: Workshop) -> None:
    workshop.task("colour")["clean"] = [
        "html", {"length": {"column": "text", "max": 30}}, {"deduplicate": ["text"]}
    ]  # fmt: skip
    folder = workshop.train("training.steps=1")
    texts = ["red &amp; blue", "red &amp; blue", "x" * 40]
    file = workshop.write("new.tsv", "text\n" + "".join(text + "\n" for text in texts))
    code, out, error = workshop.tasktune("predict", str(folder), str(file), "--task", "colour")
    assert code == 0, error
    prompts = [json.loads(line)["prompt"].split("\n")[0] for line in out.splitlines()]
    assert prompts == ["red & blue", "red & blue", "x" * 40]


def test_removed_is_not_a_mistake() -> None:
    with pytest.raises(Removed):
        cleaners.build("length", {"column": "q", "min": 2}, "clean").clean({"q": "a"})
