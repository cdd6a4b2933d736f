"""The playground in a browser: every kind of task, beside the base, by day and night."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import NEEDS_CHROMIUM, chromium, look
from tests.serving.running_server import RunningServer, serving
from tests.serving.trained_run import new_run

pytestmark = [pytest.mark.slow, NEEDS_CHROMIUM]
ROW = "red <b>one</b> & two"
"""What must stay text."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, llama: Path) -> Iterator[RunningServer]:
    run = new_run(tmp_path_factory.mktemp("playground"), llama)
    offline = {task.name: run.predict(task.name, [row()])[0] for task in run.tasks}
    with serving(run) as server:
        server.offline = offline  # type: ignore[attr-defined]
        yield server


def row() -> dict[str, str]:
    return {"text": ROW, "en": ROW, "xx": ROW}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


def wait(browser: Any, script: str) -> Any:
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, 20).until(lambda driver: driver.execute_script(script))


def open_page(browser: Any, server: RunningServer, width: int = 1200, theme: str = "light") -> None:
    look(browser, width, theme)
    browser.get(server.url)
    wait(browser, "return document.getElementById('task').options.length > 0")


def run(browser: Any, task: str) -> None:
    """Chooses a task, types a row and waits for both answers."""
    script = """const task = document.getElementById("task");
        task.value = arguments[0]; task.dispatchEvent(new Event("change"));
        for (const box of document.querySelectorAll("#columns textarea")) box.value = arguments[1];
        document.getElementById("run").click();"""
    browser.execute_script(script, task, ROW)
    wait(
        browser,
        """return !document.getElementById("run").disabled
        && [...document.querySelectorAll(".answer")].every(a => a.textContent
            && a.textContent !== "...")""",
    )


def texts(browser: Any, selector: str) -> list[str]:
    script = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)"
    found: list[str] = browser.execute_script(script, selector)
    return found


@pytest.mark.parametrize("task", ["colour", "intent", "score", "translate"])
def test_answers_are_predictions(browser: Any, server: RunningServer, task: str) -> None:
    open_page(browser, server)
    run(browser, task)
    expected = server.offline[task]  # type: ignore[attr-defined]
    (prompt,) = texts(browser, "#prompt")
    assert ROW in prompt
    if task == "translate":
        assert texts(browser, "#own .text") == [expected.answer]
        assert texts(browser, "#base .text") != [expected.answer]
    elif task == "score":
        (number,) = texts(browser, "#own .number")
        assert float(number) == pytest.approx(expected.answer, rel=1e-3)
        assert "head fits only" in texts(browser, "#base")[0]
    else:
        assert texts(browser, "#own .best") == [expected.answer]
        share = f"{100 * expected.probabilities[expected.answer]:.1f} %"
        assert texts(browser, "#own .share")[0] == share
    assert browser.execute_script("return document.querySelectorAll('main b').length") == 0
    assert [line for line in browser.get_log("browser") if line["level"] != "DEBUG"] == []


@pytest.mark.parametrize(("theme", "width"), [("light", 390), ("dark", 1200), ("light", 768)])
def test_page_fits_and_follows_the_theme(
    browser: Any, server: RunningServer, theme: str, width: int
) -> None:
    open_page(browser, server, width, theme)
    run(browser, "colour")
    assert browser.execute_script("return innerWidth") == width
    over = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert browser.execute_script(over) == 0
    ground = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    red = int(ground[ground.index("(") + 1 :].split(",")[0])
    assert (red < 128) == (theme == "dark")


def test_mistakes_are_shown(browser: Any, server: RunningServer) -> None:
    open_page(browser, server)
    browser.execute_script("document.getElementById('run').click()")
    assert wait(browser, "return document.querySelector('#state.wrong')?.textContent")
    assert "is empty" in texts(browser, "#state")[0]


def test_key_is_asked_for(browser: Any, server: RunningServer) -> None:
    with serving(server.run, keys=["secret"]) as guarded:
        browser.get(guarded.url)
        hidden = "return !document.getElementById('key-field').hidden"
        wait(browser, hidden)
        script = """const key = document.getElementById("key");
            key.value = "secret"; key.dispatchEvent(new Event("change"));"""
        browser.execute_script(script)
        wait(browser, "return document.getElementById('task').options.length > 0")
        run(browser, "colour")
        assert texts(browser, "#own .best")
