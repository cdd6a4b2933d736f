"""The conflict section: who pulls against whom, in words, colours and numbers."""

from __future__ import annotations

import json
from pathlib import Path

from tasktune.report import write_report
from tasktune.report.conflict import conflict
from tasktune.report.run_files import read_run
from tests.report.synthetic_run import PACK, write_run


def test_names_the_pairs_and_numbers_the_matrix(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", PACK)
    found = conflict(read_run(folder))
    assert found is not None
    assert found.words[0].startswith("sst2 and cola conflict most: mean cosine -0.30 over ")
    assert "cola and stsb agree most: +0.40." in found.words
    assert found.tasks == list(PACK)
    assert found.matrix[0][1].text == found.matrix[1][0].text == "-0.30"
    assert found.matrix[3][3].text == ""
    assert found.pairs[0].name == "sst2 and cola"
    assert [row.task for row in found.norms] == list(PACK)
    page = write_report(folder).read_text(encoding="utf-8")
    assert 'id="conflict"' in page and "sst2 and cola conflict most" in page


def test_many_tasks_have_colours_and_no_numbers(tmp_path: Path) -> None:
    tasks = {f"task{k}": ("classification", 100, ["accuracy"]) for k in range(20)}
    found = conflict(read_run(write_run(tmp_path / "run", tasks, steps=20)))
    assert found is not None
    assert found.matrix[0][1].text == "" and "background" in found.matrix[0][1].style


def test_no_conflict_is_said(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", dict(list(PACK.items())[2:5]), steps=20)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        for row in line.get("conflict", {}).get("cosines", []):
            row[:] = [abs(value) + 0.1 for value in row]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = conflict(read_run(folder))
    assert found is not None
    assert found.words[0] == (
        "None of the 3 pairs is sure to conflict: the lowest mean cosine is +0.12, of stsb and"
        " trec over 1 logged step."
    )


def test_a_run_without_shared_parameters_has_no_section(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", PACK, steps=20)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        line.pop("conflict", None)
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert conflict(read_run(folder)) is None
    assert 'id="conflict"' not in write_report(folder).read_text(encoding="utf-8")


def test_a_curriculum_is_drawn_where_there_is_one(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", dict(list(PACK.items())[:3]), steps=20)
    assert 'id="curriculum"' not in write_report(folder).read_text(encoding="utf-8")
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        for task in line.get("tasks", {}).values():
            task["admitted"] = min(1.0, line["step"] / 40)
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    page = write_report(folder).read_text(encoding="utf-8")
    assert 'id="curriculum"' in page and "50%" in page
