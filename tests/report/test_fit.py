"""The report's word on how tasks fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tasktune.report import write_report
from tests.report.synthetic_run import PACK, write_run


def said(verdict: str, action: str = "", loss: float | None = 1.0) -> dict[str, Any]:
    return {
        "verdict": verdict, "evidence": f"evidence <{verdict}>", "advice": "do that",
        "action": action, "validation_loss": loss,
    }  # fmt: skip


def page(folder: Path, looks: list[dict[str, Any]]) -> str:
    run = write_run(folder, PACK)
    with (run / "metrics.jsonl").open("a") as file:
        for number, look in enumerate(looks):
            file.write(json.dumps({"step": 100 * number, "monitor": look}) + "\n")
    return write_report(run).read_text(encoding="utf-8")


def test_ill_tasks_come_first_and_actions_are_listed(tmp_path: Path) -> None:
    first, second, third = list(PACK)[:3]
    looks = [
        {first: said("learns"), second: said("overfits", "cooled"), third: said("learns")},
        {first: said("learns"), second: said("overfits", "cooled")}
        | {third: said("diverges", "", None)},
    ]
    text = page(tmp_path / "run", looks)
    fit = text[text.index('<section id="fit">') :].split("</section>")[0]
    assert f"{second} overfits, {third} diverges." in fit
    assert fit.index(f"<b>{second}</b>") < fit.index(f"<b>{first}</b>")
    assert "cooled after step 0, 100" in fit
    assert "evidence &lt;overfits&gt;" in fit and "evidence <overfits>" not in text


def test_all_well(tmp_path: Path) -> None:
    text = page(tmp_path / "run", [{name: said("learns") for name in PACK}])
    assert "No task overfits, underfits or diverges." in text


def test_without_a_look_there_is_no_section(tmp_path: Path) -> None:
    assert 'id="fit"' not in page(tmp_path / "run", [])
