"""A run that was killed and resumed gives the same bits as one that never was."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tasktune.errors import UserError
from tasktune.run import Run
from tasktune.training.checkpoint import checkpoints, latest_checkpoint
from tasktune.training.journal import read_journal
from tests.workshop import Workshop, killed_after

LAYOUTS = ("shared", "per_task", "shared_private")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(latest_checkpoint(folder) / "model.safetensors")


def assert_identical(ours: Path, theirs: Path) -> None:
    first, second = weights(ours), weights(theirs)
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


@pytest.mark.parametrize("layout", LAYOUTS)
def test_resume_equals_uninterrupted(workshop: Workshop, layout: str) -> None:
    workshop.run["adapter"]["layout"] = layout
    whole = workshop.train(f"output={workshop.folder / 'whole'}")
    halves = killed_after(4, whole)
    code, _, error = workshop.tasktune(
        "train", str(workshop.folder / "run.yaml"), f"output={halves}", "--resume"
    )
    assert code == 0, error
    assert_identical(whole, halves)
    steps = [line["step"] for line in read_journal(halves / "metrics.jsonl") if "tasks" in line]
    assert steps == [2, 4, 6]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, llama: Path) -> Workshop:
    """A run that was never killed; tests take copies."""
    workshop = Workshop(tmp_path_factory.mktemp("finished"), llama)
    workshop.train()
    return workshop


@pytest.mark.parametrize("file", ["model.safetensors", "optimizer.pt", "state.json"])
@pytest.mark.parametrize("how", ["cut", "changed", "gone"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    finished: Workshop, tmp_path: Path, file: str, how: str
) -> None:
    whole, folder = Path(finished.run["output"]), tmp_path / "run"
    shutil.copytree(whole, folder)
    place = latest_checkpoint(folder) / file
    content = place.read_bytes()
    if how == "gone":
        place.unlink()
    else:
        place.write_bytes(content[:-20] if how == "cut" else content[:-1] + b"!")
    code, _, error = finished.tasktune(
        "train", str(finished.folder / "run.yaml"), f"output={folder}", "--resume"
    )
    assert code == 0, error
    assert "step-6 cannot be used" in error and "going on from step-4" in error
    assert_identical(whole, folder)


def test_no_checkpoint_is_whole(workshop: Workshop) -> None:
    folder = workshop.train("training.keep_checkpoints=1")
    (latest_checkpoint(folder) / "optimizer.pt").write_bytes(b"not a file of torch's")
    code, _, error = workshop.tasktune("train", str(workshop.folder / "run.yaml"), "--resume")
    assert code == 2 and "Traceback" not in error
    assert "optimizer.pt is not as it was written, and there is no other" in error


def test_another_layouts_checkpoint_is_refused(workshop: Workshop) -> None:
    workshop.train()
    code, _, error = workshop.tasktune(
        "train", str(workshop.folder / "run.yaml"), "adapter.layout=shared", "--resume"
    )
    assert (code, "another layout's" in error) == (2, True)
    code, _, error = workshop.tasktune("evaluate", str(workshop.folder / "run"))
    assert code == 0, error  # the run's own description stands


def test_what_does_not_fit_a_checkpoint_is_said_in_a_line(workshop: Workshop) -> None:
    folder = workshop.train()
    before = (folder / "config.yaml").read_text()
    for override in ("adapter.rank=3", "mixture.strategy=loss_ratio"):
        code, _, error = workshop.tasktune(
            "train", str(workshop.save()), override, "training.steps=8", "--resume"
        )
        line = error.strip().splitlines()[-1]
        assert code == 2 and "resume with the YAML of that run" in line, error
        assert "Traceback" not in error
    assert (folder / "config.yaml").read_text() == before


def test_a_resumed_run_decays_as_its_yaml_says(workshop: Workshop) -> None:
    folder = workshop.train("training.weight_decay=0.0")
    for decay in (0.0, 0.9):
        output = workshop.folder / f"run{decay}"
        shutil.copytree(folder, output)
        options = [f"output={output}", "training.steps=8", f"training.weight_decay={decay}"]
        code, _, error = workshop.tasktune("train", str(workshop.save()), *options, "--resume")
        assert code == 0, error
    plain, decayed = (
        load_file(latest_checkpoint(workshop.folder / f"run{decay}") / "model.safetensors")
        for decay in (0.0, 0.9)
    )
    assert any(not torch.equal(plain[name], decayed[name]) for name in plain)


def test_another_output_of_a_run_is_another_run(workshop: Workshop) -> None:
    folder = workshop.train()
    other = workshop.folder / "other"
    code, _, error = workshop.tasktune("train", str(folder), f"output={other}", "--overwrite")
    assert code == 0, error
    assert_identical(folder, other)
    assert latest_checkpoint(other).name == "step-6"


def test_a_run_that_has_trained_begins_no_second_time(workshop: Workshop) -> None:
    run = Run.open(workshop.save())
    run.train()
    with pytest.raises(UserError, match="open it again"):
        run.train()
    with pytest.raises(UserError, match="open it again"):
        run.evaluate_base()


def test_the_last_step_may_use_up_every_task(workshop: Workshop) -> None:
    workshop.run["tasks"] = {"colour": {**workshop.task("colour"), "max_epochs": 1}}
    workshop.run["training"].update(batch_tokens=64, log_every=1)
    plan = Run.open(workshop.save()).sampler
    steps = 0
    while (plan.drawn < plan.most).any():
        plan.batch(steps)
        steps += 1
    folder = workshop.train(f"training.steps={steps}")
    assert latest_checkpoint(folder).name == f"step-{steps}"


def test_old_checkpoints_make_room(workshop: Workshop) -> None:
    folder = workshop.train("training.keep_checkpoints=2")
    assert [path.name for path in checkpoints(folder / "checkpoints")] == ["step-4", "step-6"]
    assert not list((folder / "checkpoints").glob(".*"))


def test_a_half_written_checkpoint_is_not_seen(workshop: Workshop) -> None:
    folder = workshop.train()
    (folder / "checkpoints" / ".step-8.partial").mkdir()
    assert latest_checkpoint(folder).name == "step-6"


def test_a_cut_line_of_the_log_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"st')
    assert [line["step"] for line in read_journal(path)] == [1, 2]
