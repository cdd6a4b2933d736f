"""The page: complete, self-contained, and safe with hostile names."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tasktune.errors import UserError
from tasktune.report import write_report
from tasktune.report.headline import elapsed
from tasktune.report.run_files import read_run
from tests.report.synthetic_run import PACK, write_run

VOID = {"meta", "link", "br", "img", "input", "hr"}
HOSTILE = "<script>alert(1)</script>\"'&"


class Page(HTMLParser):
    """Reads the page strictly: every element closed in its order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.count: dict[str, int] = {}
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.ids: set[str] = set()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.count[tag] = self.count.get(tag, 0) + 1
        self.attributes += attrs
        self.ids |= {value for key, value in attrs if key == "id" and value}
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.text += data


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    return write_run(tmp_path / "pack", PACK)


def read(run_folder: Path) -> tuple[str, Page]:
    text = write_report(run_folder).read_text(encoding="utf-8")
    return text, Page(text)


def test_page_shows_every_section_and_task(run_folder: Path) -> None:
    text, page = read(run_folder)
    assert page.ids >= {"results", "losses", "mixture", "weights", "data", "configuration"}
    for task, (_, _, metrics) in PACK.items():
        assert page.text.count(task) >= 5
        for metric in metrics:
            assert metric in page.text
    assert "12 tasks" in page.text and "builtin:tiny" in page.text
    assert "120 of 1,200 train examples were set aside" in page.text
    assert "train: train.csv line 8: column 'text' is empty" in page.text
    assert "12 cut" in page.text
    assert len(text) < 600_000


def test_values_before_and_after_stand_in_the_table(run_folder: Path) -> None:
    _, page = read(run_folder)
    after = json.loads((run_folder / "evaluation.json").read_text())["tasks"]
    before = json.loads((run_folder / "evaluation_before.json").read_text())["tasks"]
    for scores in (after, before):
        assert f"{scores['sst2']['metrics']['accuracy']['value']:.3f}" in page.text
        assert f"{scores['translate_en_de']['metrics']['bleu']['value']:.1f}" in page.text
    assert "tasks better than before" in page.text


def test_lower_perplexity_is_better(tmp_path: Path) -> None:
    run_folder = write_run(tmp_path / "run", {"books": ("language_modeling", 50, ["perplexity"])})
    for name, value in (("evaluation.json", 20.0), ("evaluation_before.json", 60.0)):
        scores = json.loads((run_folder / name).read_text())
        metric = {"value": value, "low": value - 1, "high": value + 1}
        scores["tasks"]["books"]["metrics"]["perplexity"] = metric
        (run_folder / name).write_text(json.dumps(scores))
    text, page = read(run_folder)
    assert "1 of 1" in page.text
    assert 'class="number change better"' in text


def test_page_asks_nothing_of_the_network(run_folder: Path) -> None:
    text, page = read(run_folder)
    assert not re.search(r"https?:|//[a-z]|@import|url\(", text.replace('"//', ""))
    sources = {key for key, _ in page.attributes} & {"src", "srcset", "action", "formaction"}
    assert sources == set()
    links = [value for key, value in page.attributes if key == "href"]
    assert all(value and value.startswith(("#", "data:,")) for value in links)
    assert "default-src 'none'" in text


def test_names_are_escaped_everywhere(tmp_path: Path) -> None:
    hostile = {HOSTILE: ("generation", 100, [f"bleu{HOSTILE}"])}
    text, page = read(write_run(tmp_path / "run", hostile))
    assert page.count["script"] == 1
    assert "<script>alert" not in text
    assert HOSTILE in page.text
    assert not any(key.startswith("on") for key, _ in page.attributes)


def test_run_in_progress_has_a_page(run_folder: Path) -> None:
    for name in ("evaluation.json", "evaluation_before.json", "environment.json", "data.json"):
        (run_folder / name).unlink()
    log = (run_folder / "metrics.jsonl").read_text().splitlines()
    cut_off = "\n".join(log[:10]) + '\n{"step": 55, "ta'
    (run_folder / "metrics.jsonl").write_text(cut_off)
    _, page = read(run_folder)
    assert "step 50 of 300" in page.text
    assert "No evaluation yet" in page.text
    assert "data" not in page.ids


def test_time_adds_up_over_resumes() -> None:
    lines = [{"time": time} for time in (10.0, 20.0, 5.0, 8.0)]
    assert elapsed(lines) == 28.0


def test_run_without_a_step_has_a_page(run_folder: Path) -> None:
    for name in ("evaluation.json", "evaluation_before.json", "metrics.jsonl", "data.json"):
        (run_folder / name).unlink()
    _, page = read(run_folder)
    assert "no step yet" in page.text
    assert "losses" not in page.ids


def test_two_hundred_tasks_stay_readable(tmp_path: Path) -> None:
    many = {f"task{i:03}": ("classification", 100 + i, ["accuracy"]) for i in range(200)}
    text, page = read(write_run(tmp_path / "run", many, steps=50))
    assert text.count('class="band"') == 24
    assert "177 other tasks" in text
    assert "task199" in page.text


def test_long_logs_are_thinned(tmp_path: Path) -> None:
    run_folder = write_run(tmp_path / "run", {"one": PACK["sst2"], "two": PACK["cola"]}, 10_000)
    text, _ = read(run_folder)
    assert len(text) < 400_000


def test_numbers_that_cannot_be_drawn_are_left_out(run_folder: Path) -> None:
    line = json.loads((run_folder / "metrics.jsonl").read_text().splitlines()[-2])
    line["step"] = 301
    line["tasks"]["sst2"]["loss"] = float("nan")
    line["tasks"]["cola"]["loss"] = float("inf")
    with (run_folder / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    text, _ = read(run_folder)
    assert not re.search(r'="[^"]*\b(nan|inf)\b', text)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("evaluation.json", "{", ": not valid JSON"),
        ("environment.json", "[]", ": holds no JSON object"),
        ("config.yaml", "- a", " holds no keys"),
        ("config.yaml", "tasks: [a]", ": tasks holds no keys"),
        ("config.yaml", "tasks: {a: }", ": tasks.a holds no keys"),
    ],
)
def test_damaged_file_is_named(run_folder: Path, name: str, content: str, message: str) -> None:
    (run_folder / name).write_text(content)
    with pytest.raises(UserError, match=rf"{name}{message}"):
        write_report(run_folder)


def test_config_that_is_no_yaml_is_named(run_folder: Path) -> None:
    (run_folder / "config.yaml").write_text("a: [")
    with pytest.raises(UserError, match=r"config.yaml line 1: not YAML"):
        write_report(run_folder)


def test_empty_sections_are_as_absent(run_folder: Path) -> None:
    (run_folder / "config.yaml").write_text("tasks:\ntraining:\n")
    assert read_run(run_folder).tasks == []
    assert write_report(run_folder).is_file()


def test_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no config\.yaml"):
        write_report(tmp_path)
