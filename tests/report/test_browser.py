"""The page in a browser: quiet, asks for nothing, sorts, fits a phone, is dark at night."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasktune.report import write_report
from tests.browser import NEEDS_CHROMIUM, chromium, look
from tests.report.finished_run import write_finished_run

pytestmark = [pytest.mark.slow, NEEDS_CHROMIUM]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(write_finished_run(tmp_path_factory.mktemp("report") / "run"))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


def show(browser: Any, page: Path, width: int = 1200, theme: str = "light") -> None:
    """Opens the page at a width, in a theme; what was logged before is forgotten."""
    look(browser, width, theme)
    browser.get(page.as_uri())


def texts(browser: Any, selector: str) -> list[str]:
    """What stands in the elements, in the order of the page."""
    script = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent.trim())"
    found: list[str] = browser.execute_script(script, selector)
    return found


def test_console_is_empty_and_nothing_is_asked_for(browser: Any, page: Path) -> None:
    show(browser, page)
    browser.execute_script("for (const d of document.querySelectorAll('details')) d.open = true")
    assert browser.get_log("browser") == []
    entries = [json.loads(line["message"])["message"] for line in browser.get_log("performance")]
    asked = [
        entry["params"]["request"]["url"]
        for entry in entries
        if entry["method"] == "Network.requestWillBeSent"
    ]
    assert page.as_uri() in asked
    assert [url for url in asked if url != page.as_uri() and not url.startswith("data:")] == []


def test_table_sorts_on_click(browser: Any, page: Path) -> None:
    show(browser, page)
    cells = "#mixture table.tasks tbody td:nth-child(7)"
    script = f"return [...document.querySelectorAll('{cells}')].map(e => Number(e.dataset.value))"
    before = browser.execute_script(script)
    head = "#mixture table.tasks th:nth-child(7) button"
    browser.execute_script(f"document.querySelector('{head}').click()")
    assert browser.execute_script(script) == sorted(before, reverse=True) != before
    browser.execute_script(f"document.querySelector('{head}').click()")
    assert browser.execute_script(script) == sorted(before)
    browser.execute_script(f"document.querySelector('{head}').click()")
    assert browser.execute_script(script) == before


def test_charts_have_a_size(browser: Any, page: Path) -> None:
    show(browser, page)
    script = """return [...document.querySelectorAll(arguments[0])].map(e => {
        const box = e.getBoundingClientRect(); return [box.width, box.height]; })"""
    for section, least in (("losses", 12), ("calibration", 2), ("mixture", 1), ("results", 12)):
        sizes = browser.execute_script(script, f"#{section} svg")
        assert len(sizes) >= least, section
        assert all(width > 20 and height > 5 for width, height in sizes), section


@pytest.mark.parametrize("width", [390, 768, 1200])
def test_nothing_runs_over_the_edge(browser: Any, page: Path, width: int) -> None:
    show(browser, page, width)
    browser.execute_script("for (const d of document.querySelectorAll('details')) d.open = true")
    # a phone's viewport grows with what runs over, a window's gets a bar to scroll by
    assert browser.execute_script("return innerWidth") == width
    over = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert browser.execute_script(over) == 0


@pytest.mark.parametrize(("theme", "dark"), [("light", False), ("dark", True)])
def test_theme_follows_the_reader(browser: Any, page: Path, theme: str, dark: bool) -> None:
    show(browser, page, theme=theme)
    style = "getComputedStyle(document.body)"
    ground = browser.execute_script(f"return {style}.backgroundColor")
    text = browser.execute_script(f"return {style}.color")
    assert (lightness(ground) < lightness(text)) == dark
    assert abs(lightness(ground) - lightness(text)) > 150


def lightness(colour: str) -> float:
    """The mean of ``rgb(r, g, b)``, 0 to 255."""
    parts = [float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    return sum(parts) / 3


def test_worst_examples_are_filtered(browser: Any, page: Path) -> None:
    show(browser, page)
    script = """const box = document.getElementById("worst-filter");
        box.value = arguments[0]; box.dispatchEvent(new Event("input"));
        return [...document.querySelectorAll("details.worst[open] li")]
            .filter(e => e.checkVisibility()).map(e => e.textContent)"""
    shown = browser.execute_script(script, "SST2.TSV LINE 27 ")
    assert len(shown) == 1 and "sst2.tsv line 27" in shown[0]
    assert texts(browser, ".filter span")[0].startswith("1 of ")
    assert browser.execute_script(script, "") == []


def test_hostile_answers_stay_text(browser: Any, page: Path) -> None:
    show(browser, page)
    assert (
        browser.execute_script("return document.querySelectorAll('main script, main img').length")
        == 0
    )
    assert any("<img src=x onerror=alert(1)>" in text for text in texts(browser, ".worst dd"))


def test_details_open_for_print(browser: Any, page: Path) -> None:
    show(browser, page)
    assert browser.execute_script("return document.querySelectorAll('details[open]').length") == 0
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert (
        browser.execute_script("return document.querySelectorAll('details:not([open])').length")
        == 0
    )
