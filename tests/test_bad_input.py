"""Every mistake of a user's, through the command line: one line, exit code 2, no traceback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from transformers import BertConfig, BertModel

from tests.workshop import Workshop

Spoil = Callable[[Workshop], None]


def set_task(name: str, **values: object) -> Spoil:
    return lambda w: w.task(name).update(values)


def set_path(name: str, file: str) -> Spoil:
    return lambda w: w.task(name)["train"].update(path=file)


def rewrite(file: str, content: str | bytes) -> Spoil:
    return lambda w: (w.write(file, content), None)[1]


def drop_column(w: Workshop) -> None:
    w.write("colour.tsv", "text\n" + "a thing\n" * 9)


MISTAKES: dict[str, tuple[Spoil, list[str]]] = {
    "missing file": (
        set_path("colour", "colours.tsv"),
        ["tasks.colour.train", "colours.tsv does not exist"],
    ),
    "missing column": (drop_column, ["tasks.colour.target", "unknown column 'label'"]),
    "empty file": (rewrite("colour.tsv", ""), ["tasks.colour.train", "colour.tsv is empty"]),
    "header only": (
        rewrite("colour.tsv", "text\tlabel\n"),
        ["tasks.colour.train: colour.tsv has a header and no rows"],
    ),
    "malformed JSON line": (
        rewrite("intent.jsonl", '{"text": "a", "intent": "b"}\n{"text": \n'),
        ["tasks.intent.train: intent.jsonl line 2: not JSON"],
    ),
    "wrong encoding": (
        rewrite("colour.tsv", "text\tlabel\nfine\t0\ncaf\xe9\t1\n".encode("latin-1")),
        ["colour.tsv line 3 is not utf-8", "encoding:"],
    ),
    "unknown encoding": (
        lambda w: w.task("colour")["train"].update(encoding="utf-9"),
        ["tasks.colour.train.encoding", "utf-9"],
    ),
    "label not in labels": (
        rewrite("colour.tsv", "text\tlabel\na\t0\nb\t7\nc\t1\n"),
        ["colour.tsv line 3: label '7' is not in labels (0, 1, 2)", "1 of 3 rows", "on_bad_rows"],
    ),
    "empty target": (
        rewrite("colour.tsv", "text\tlabel\na\t0\nb\t\nc\t1\n"),
        ["tasks.colour.train: colour.tsv line 3: column 'label' is empty", "1 of 3 rows"],
    ),
    "unknown column": (
        set_task("colour", prompt="{txt}\nColour:"),
        ["tasks.colour.prompt: unknown column 'txt'", "did you mean 'text'?"],
    ),
    "open brace": (set_task("colour", prompt="{text"), ["tasks.colour.prompt", "'{text'"]),
    "no example left": (
        lambda w: (
            w.task("colour").update(on_bad_rows="skip"),
            w.write("colour.tsv", "text\tlabel\na\t8\nb\t9\n"),
            None,
        )[2],
        ["tasks.colour.train: no example is left of 2 rows", "label '8'"],
    ),
    "columns differ": (
        rewrite("colour.tsv", "text\tlabel\na\t0\nb\t1\textra\n"),
        ["colour.tsv line 3: 3 columns where 2 are expected", "on_bad_rows"],
    ),
    "lines differ": (
        rewrite("words.xx", "eins\nzwei\n"),
        ["tasks.translate.train: words.en has 16 lines and words.xx has 2"],
    ),
    "number is none": (
        rewrite("score.csv", "text,value\na,1\nb,much\n"),
        ["score.csv line 3: target 'much' is not a number"],
    ),
    "number out of range": (
        rewrite("score.csv", "text,value\na,1\nb,7\n"),
        ["score.csv line 3: target 7 is outside range"],
    ),
    "a folder for a file": (
        lambda w: ((w.folder / "colour.tsv").unlink(), (w.folder / "colour.tsv").mkdir(), None)[2],
        ["tasks.colour.train: colour.tsv is a folder"],
    ),
    "squad that is none": (
        lambda w: (
            w.task("intent")["train"].update(path="colour.json", format="squad")
            or (w.write("colour.json", '[{"text": 1}]'), None)[1]
        ),
        ["colour.json is not nested as SQuAD is"],
    ),
    "reserved name": (
        lambda w: w.run["tasks"].update(shared=w.run["tasks"].pop("colour")),
        ["'shared' is a reserved word"],
    ),
    "unusable name": (
        lambda w: w.run["tasks"].update({"a/b": w.run["tasks"].pop("colour")}),
        ["'a/b' may hold only letters"],
    ),
    "model file": (
        lambda w: w.run["model"].update(base=str(w.write("weights.bin", b"0"))),
        ["model.base", "is a file"],
    ),
    "model folder that is none": (
        lambda w: w.run["model"].update(base=str(w.folder)),
        ["model.base", "holds no config.json; it is not a model folder"],
    ),
    "absent model folder": (
        lambda w: w.run["model"].update(base="./no/such/model"),
        ["model.base: folder ./no/such/model does not exist"],
    ),
    "unknown built-in": (
        lambda w: w.run["model"].update(base="builtin:tniy"),
        ["unknown built-in 'tniy'; did you mean 'tiny'?"],
    ),
    "batch too small": (
        lambda w: w.run["training"].update(batch_tokens=8),
        ["training.batch_tokens: 8 is smaller than the longest example of tasks."],
    ),
    "unknown key": (
        lambda w: w.run["training"].update(stpes=3),
        ["unknown key 'stpes' under training; did you mean 'steps'?"],
    ),
    "unknown mixture option": (
        lambda w: w.run.update(mixture={"strategy": "temperature", "temprature": 2}),
        ["unknown key 'temprature' under mixture; did you mean 'temperature'?"],
    ),
    "unknown layout": (
        lambda w: w.run["adapter"].update(layout="shred"),
        ["unknown layout 'shred'; did you mean 'shared'?"],
    ),
    "weight of no task": (
        lambda w: w.run.update(weighting={"method": "fixed", "weights": {"color": 2}}),
        ["weighting.weights: unknown task 'color'; did you mean 'colour'?"],
    ),
    "metric of another kind": (
        lambda w: w.task("colour").update(metrics=["bleu"]),
        ["tasks.colour.metrics: bleu does not score kind classification"],
    ),
    "wrong type": (
        lambda w: w.run["training"].update(steps="many"),
        ["training.steps", "many"],
    ),
    "regression without head": (
        lambda w: w.task("score").update(head=False),
        ["tasks.score", "head: true"],
    ),
    "no module to adapt": (
        lambda w: w.run["adapter"].update(targets=["no_such_projection"]),
        ["adapter.targets", "no_such_projection"],
    ),
    "domain that is nowhere": (
        lambda w: w.task("colour").update(domain={"column": "text", "target": "books"}),
        ["tasks.colour.domain.target: no row is of domain 'books'"],
    ),
    "one class": (
        rewrite("intent.jsonl", '{"text": "a", "intent": "b"}\n{"text": "c", "intent": "b"}\n'),
        ["tasks.intent: only one class in train"],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_one_clear_line(workshop: Workshop, mistake: str) -> None:
    spoil, expected = MISTAKES[mistake]
    spoil(workshop)
    line = workshop.complaint()
    for part in expected:
        assert part in line
    assert not (workshop.folder / "run").exists()  # nothing is begun that can't be finished


def test_override_mistakes(workshop: Workshop) -> None:
    assert "did you mean 'steps'?" in workshop.complaint("training.step=3")
    assert "is no override; write KEY=VALUE" in workshop.complaint("steps")
    assert "not YAML" in workshop.complaint("training.steps=[1")


def test_duplicate_key_names_its_line(workshop: Workshop) -> None:
    path = workshop.save()
    path.write_text(path.read_text() + "seed: 4\n")
    code, _, error = workshop.tasktune("train", str(path))
    lines = path.read_text().splitlines()
    assert code == 2
    assert f"run.yaml line {len(lines)}: key 'seed' stands twice" in error


def test_yaml_that_is_none(workshop: Workshop) -> None:
    path = workshop.write("run.yaml", "tasks: [\n")
    code, _, error = workshop.tasktune("train", str(path))
    assert (code, "not YAML" in error) == (2, True)


def test_booleans_in_labels_are_pointed_out(workshop: Workshop) -> None:
    path = workshop.save()
    text = path.read_text().replace("'0': red", "0: no")
    path.write_text(text)
    code, _, error = workshop.tasktune("train", str(path))
    assert (code, "put both in quotes" in error) == (2, True)


def test_a_run_folder_is_not_overwritten_unasked(workshop: Workshop) -> None:
    workshop.train("training.steps=1", "evaluation.every=0")
    line = workshop.complaint()
    assert "already holds a run; go on with --resume" in line


def test_a_run_that_fails_to_replace_another_leaves_it(workshop: Workshop) -> None:
    folder = workshop.train("training.steps=1", "evaluation.every=0")
    before = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    workshop.run["adapter"]["targets"] = ["no_such_projection"]
    code, _, error = workshop.tasktune("train", str(workshop.save()), "--overwrite")
    assert (code, "no_such_projection" in error) == (2, True)
    assert sorted(path.relative_to(folder) for path in folder.rglob("*")) == before


def test_folders_without_a_run(workshop: Workshop) -> None:
    for verb in (["evaluate"], ["export"], ["report"]):
        code, _, error = workshop.tasktune(*verb, str(workshop.folder))
        assert (code, "Traceback" in error) == (2, False), error


def test_an_encoder_writes_none(workshop: Workshop) -> None:
    folder = workshop.folder / "bert"
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    BertModel(BertConfig(vocab_size=320, intermediate_size=8, **sizes)).save_pretrained(folder)
    workshop.run["model"]["base"] = str(folder)  # without a tokenizer, which is not the point
    line = workshop.complaint()
    assert "tasks.colour: kind classification is written as text" in line
    assert "an encoder ('bert'), which writes none; set head: true" in line


def test_as_a_process(workshop: Workshop) -> None:
    """What a shell sees: the exit code, one line on stderr, nothing on stdout."""
    workshop.run["training"]["stpes"] = 1
    done = subprocess.run(
        [sys.executable, "-m", "tasktune", "train", str(workshop.save())],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.strip().splitlines()) == 1
