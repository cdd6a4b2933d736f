"""Kills at any moment, full disks, signals, numbers that are none, and two runs in one folder."""

from __future__ import annotations

import json
import random
import resource
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tasktune.cli import main
from tasktune.locks import FileLock
from tasktune.training.checkpoint import checkpoints, latest_checkpoint
from tests.processes import Started
from tests.training.test_resume import assert_identical
from tests.workshop import WORDS, Workshop

FAMILIES = {  # what each kind of weighting needs or remembers
    "nothing": "equal", "losses": "coba", "windows": "dwa", "looks back": "famo",
    "learns": "uw", "gramian": "pcgrad", "gramian with memory": "gradvac", "jacobian": "graddrop",
    "norms": "gradnorm", "random": "rlw",
}  # fmt: skip
OPTIONS = {
    "dwa": ["weighting.window=2"],
    "coba": ["weighting.window=2", "weighting.points=2"],
}
KILLS = 3  # of each family


def log(run: Path) -> list[dict[str, Any]]:
    """The log, but for what depends on the time of day."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    drop = ("time", "tokens_per_second")
    return [{k: v for k, v in line.items() if k not in drop} for line in lines]


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_killed_at_random_moments(workshop: Workshop, family: str) -> None:
    """Thirty kills over all families; a checkpoint is written after every step."""
    method = FAMILIES[family]
    workshop.run["training"].update(steps=14, checkpoint_every=1, log_every=3)
    workshop.run["evaluation"]["every"] = 0
    options = [f"weighting.method={method}", *OPTIONS.get(method, [])]
    whole = workshop.train(f"output={workshop.folder / 'whole'}", *options)
    killed = workshop.folder / "killed"
    moments = random.Random(family)
    run_file, kills = str(workshop.save()), 0
    for _ in range(40):
        begun = any(checkpoints(killed / "checkpoints"))
        again = ["--resume"] if begun else ["--overwrite"]
        arguments = ["train", run_file, f"output={killed}", *options, *again]
        process = Started(workshop.folder / "said", main, arguments)
        if kills < KILLS:
            until = time.monotonic() + 60
            while time.monotonic() < until and process.runs:
                newest = max((p.name for p in checkpoints(killed / "checkpoints")), default="")
                if newest and newest not in ("step-13", "step-14"):
                    break
                time.sleep(0.002)
            time.sleep(moments.uniform(0, 0.12))  # into a step, or into what is written after it
            process.kill()
        code = process.ended()
        kills += code == -signal.SIGKILL
        if code == 0:
            break
    assert code == 0 and kills == KILLS, process.said
    assert len(list((killed / "checkpoints").iterdir())) == 2  # what kills left over is cleared
    assert_identical(whole, killed)
    assert log(whole) == log(killed)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, llama: Path) -> Workshop:
    """A run that no signal has stopped."""
    workshop = Workshop(tmp_path_factory.mktemp("whole"), llama)
    workshop.run["training"].update(steps=40, checkpoint_every=1000, log_every=7)
    workshop.run["evaluation"]["every"] = 0
    workshop.train()
    return workshop


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["int", "term"]
)
def test_a_signal_saves_and_says_how_to_go_on(
    whole: Workshop, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    folder = tmp_path / "run"
    arguments = ["train", str(whole.save()), f"output={folder}"]
    process = Started(tmp_path / "said", main, arguments)
    journal = folder / "metrics.jsonl"
    until = time.monotonic() + 60
    while time.monotonic() < until and not (journal.exists() and journal.stat().st_size):
        time.sleep(0.01)
    process.send(number)
    assert process.ended(60) == code, process.said
    assert "Traceback" not in process.said
    last = process.said.strip().splitlines()[-1]
    assert "and saved; train goes on with --resume" in last
    step = int(latest_checkpoint(folder).name.removeprefix("step-"))
    assert 0 < step < 40 and f"stopped after step {step}" in last
    again, _, error = whole.tasktune(*arguments, "--resume")
    assert again == 0, error
    uninterrupted = Path(whole.run["output"])
    assert_identical(uninterrupted, folder)
    assert log(uninterrupted) == log(folder)


def with_files_of(size: int, *arguments: str) -> None:
    """The command while files may grow no further: the system's own refusal."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    main(list(arguments))


def test_a_full_disk_is_said_and_the_last_checkpoint_stays(workshop: Workshop) -> None:
    workshop.run["monitor"] = {"every": 0}
    folder = workshop.train("training.steps=2")
    largest = max(file.stat().st_size for file in latest_checkpoint(folder).iterdir())
    arguments = ["train", str(workshop.save()), "--resume"]
    full = Started(workshop.folder / "said", with_files_of, largest // 2, *arguments)
    assert full.ended() == 2, full.said
    assert "Traceback" not in full.said
    said = full.said.splitlines()[-1]
    assert "make room or mend the path, then run the command again" in said
    assert "training goes on from its last checkpoint" in said
    assert latest_checkpoint(folder).name == "step-2"
    code, _, error = workshop.tasktune("train", str(workshop.save()), "--resume")
    assert code == 0, error
    assert not list((folder / "checkpoints").glob(".*"))


def test_answers_that_cannot_be_written(workshop: Workshop) -> None:
    folder = workshop.train("training.steps=2")
    (folder / "predictions").write_text("a file where a folder has to be")
    code, _, error = workshop.tasktune("evaluate", str(folder))
    assert code == 2
    said = error.splitlines()[-1]
    assert f"output: cannot write {folder / 'predictions'}" in said and "again" in said


def test_a_folder_that_cannot_be_written(workshop: Workshop) -> None:
    workshop.write("file", "")
    assert "output: cannot write" in workshop.complaint(f"output={workshop.folder / 'file' / 'x'}")


def test_two_runs_in_one_folder_are_refused(workshop: Workshop) -> None:
    folder = workshop.train()
    with FileLock(folder.with_name(".run.lock")):
        code, _, error = workshop.tasktune("train", str(workshop.save()), "--resume")
        assert code == 2 and "another process trains into" in error
        assert "another process trains into" in workshop.complaint("--overwrite")
    assert latest_checkpoint(folder).name == "step-6"
    assert (
        not (folder.parent / ".run.lock").exists()
        or not folder.with_name(".run.lock").stat().st_size
    )
    code, _, error = workshop.tasktune("train", str(workshop.save()), "--resume")
    assert code == 0, error


@pytest.mark.parametrize("method", ["equal", "uw", "pcgrad", "famo"])
def test_a_loss_that_is_no_number_is_left_out_and_named(workshop: Workshop, method: str) -> None:
    """One word's embedding is made infinite: every step with an example that has it is left out."""
    base = poison(workshop, "dog")
    workshop.run["tasks"] = {name: workshop.task(name) for name in ("colour", "intent")}
    workshop.run["training"].update(steps=12, batch_tokens=60, log_every=1, max_gradient_norm=1.0)
    workshop.run["evaluation"]["every"] = 0
    workshop.run["monitor"] = {"every": 0}
    folder = workshop.train(f"model.base={base}", f"weighting.method={method}")
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    skipped = [line["skipped"] for line in lines if "skipped" in line]
    assert 0 < len(skipped) < 12
    places = [place for entry in skipped for found in entry["tasks"].values() for place in found]
    assert places and all("line" in place for place in places)
    named = [place for place in places if "colour.tsv" in place]
    rows = (workshop.folder / "colour.tsv").read_text().splitlines()
    assert all("dog" in rows[int(place.rsplit(" ", 1)[1]) - 1] for place in named)
    kept = load_file(latest_checkpoint(folder) / "model.safetensors")
    assert all(value.isfinite().all() for value in kept.values())


def test_ten_in_a_row_end_the_run(workshop: Workshop) -> None:
    base = poison(workshop, *WORDS)
    workshop.run["training"].update(steps=50)
    workshop.run["monitor"] = {"every": 0}
    line = workshop.complaint(f"model.base={base}")
    assert "10 steps in a row, up to step 10," in line
    assert "tasks.colour (" in line and "colour.tsv line" in line


def poison(workshop: Workshop, *words: str) -> Path:
    """A copy of the base model in which some words' embeddings are no numbers."""
    from transformers import AutoTokenizer

    source = Path(workshop.run["model"]["base"])
    target = workshop.folder / "poisoned"
    target.mkdir()
    for file in source.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    tokenizer = AutoTokenizer.from_pretrained(str(source))
    tensors = load_file(target / "model.safetensors")
    for word in words:
        for token in {*tokenizer(word)["input_ids"][:1], *tokenizer(" " + word)["input_ids"][:2]}:
            if len(tokenizer.decode([token]).strip()) > 1:
                tensors["model.embed_tokens.weight"][token] = torch.inf
    save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
    return target
