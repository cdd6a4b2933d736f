"""The run file: what is read is what is meant, and what is written loads again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasktune.config_file import dump_config, load_config, schema
from tasktune.errors import UserError

RUN = """
tasks:
  a: {kind: generation, train: {path: a.jsonl}, prompt: "{q}", target: "{a}"}
  b: {kind: classification, train: {path: b.tsv}, prompt: "{q}", target: "{a}", labels: {"0": "no"}}
mixture: {strategy: temperature, temperature: 3}
"""


def write(folder: Path, text: str = RUN) -> Path:
    path = folder / "run.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_dumped_loads_the_same(tmp_path: Path) -> None:
    overrides = [
        "training.max_gradient_norm=null",
        "evaluation.limit=null",
        "weighting.method=dwa",
        "weighting.window=3",
        "curriculum={tasks: {method: stages, starts: {a: 2}}}",
    ]
    config = load_config(write(tmp_path), overrides)
    again = load_config(write(tmp_path, dump_config(config)))
    assert again == config
    assert again.training.max_gradient_norm is None
    assert again.weighting.options == {"window": 3}
    assert again.mixture.options == {"temperature": 3}


def test_overrides_have_types(tmp_path: Path) -> None:
    overrides = ["training.steps=7", "training.betas=[0.8, 0.9]", "tasks.a.max_new_tokens=5"]
    config = load_config(write(tmp_path), overrides)
    assert config.training.steps == 7
    assert config.training.betas == (0.8, 0.9)
    assert config.tasks["a"].max_new_tokens == 5


@pytest.mark.parametrize(("text", "expected"), [
    (RUN.replace('prompt: "{q}"', "prompt: {{q}}", 1), "put text that has braces in quotes"),
    (RUN + "mixture: {}\n", "key 'mixture' stands twice"),
    (RUN.replace("kind: generation", "kind: generatoin"), "tasks.a.kind"),
    (RUN.replace("train:", "trian:", 1), "unknown key 'trian' under tasks.a"),
    ("seed: 1\n", "tasks is missing"),
    ("- a\n", "holds no keys"),
])  # fmt: skip
def test_mistakes_are_one_line(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(UserError) as error:
        load_config(write(tmp_path, text))
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_an_override_of_an_unknown_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown task 'aa'; did you mean 'a'"):
        load_config(write(tmp_path), ["tasks.aa.head=true"])


def test_merged_keys_are_not_duplicates(tmp_path: Path) -> None:
    text = """
base: &base {kind: generation, prompt: "{q}", target: "{a}"}
tasks:
  a: {<<: *base, train: {path: a.jsonl}, target: "{b}"}
"""
    with pytest.raises(UserError, match="unknown key 'base'"):  # merging itself went through
        load_config(write(tmp_path, text))


def test_the_schema_knows_every_section() -> None:
    known = schema()["properties"]
    assert {"tasks", "adapter", "mixture", "weighting", "curriculum", "training"} <= set(known)
