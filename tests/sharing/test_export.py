"""Exports as others load them: by PEFT and Transformers alone, and by the code in their cards."""

from __future__ import annotations

import contextlib
import math
import re
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from safetensors import safe_open

import tasktune
from tasktune.config import ModelConfig
from tasktune.run import Run
from tasktune.sharing import export
from tasktune.sharing.base import describe
from tasktune.sharing.cards import templates
from tests.workshop import Workshop, read_json

RED = [{"text": "red red", "en": "one two"}]


@pytest.fixture
def run(workshop: Workshop) -> Run:
    folder = workshop.train("training.learning_rate=0.02", "training.precision=fp32")
    assert workshop.tasktune("evaluate", str(folder))[0] == 0
    return tasktune.load(folder)


def card(folder: Path) -> ModelCard:
    return ModelCard.load(folder / "README.md")


def run_code(run: Run, folder: Path, task: str, prompt: str) -> dict[str, Any]:
    """What the variables hold after the code in a task's card has run where it says."""
    code = re.findall(r"```python\n(.*?)```", card(folder / task).text, re.DOTALL)[0]
    variables: dict[str, Any] = {"prompt": prompt}
    code = re.sub(r"path/to/\w+", run.trained_model().source, code)
    with contextlib.chdir(folder):
        exec(code, variables)
    return variables


@pytest.mark.parametrize("form", ["peft", "merged"])
def test_the_cards_code_predicts_as_the_run_does(
    run: Run, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export(run, form, tmp_path / "out")
    found = run_code(run, tmp_path / "out", "intent", "red red")
    ours = run.predict("intent", RED)[0].probabilities
    assert ours is not None
    assert found["probabilities"].tolist() == pytest.approx(list(ours.values()), abs=1e-5)
    found = run_code(run, tmp_path / "out", "score", "red red")
    assert min(max(found["number"].item(), 0), 5) == pytest.approx(
        run.predict("score", RED)[0].answer, abs=1e-4
    )
    capsys.readouterr()
    run_code(run, tmp_path / "out", "translate", "one two\nTranslation:")
    assert capsys.readouterr().out.strip() == run.predict("translate", RED)[0].answer


@pytest.mark.parametrize(
    ("revision", "arguments"), [(None, '"org/base"'), ("v1", '"org/base", revision="v1"')]
)
def test_the_cards_code_loads_the_bases_revision(revision: str | None, arguments: str) -> None:
    config = ModelConfig(base="org/base", revision=revision)
    macro: Any = templates().get_template("parts.md").module
    base = describe(config, "org/base")
    code = str(macro.code("peft", base, "AutoModel", "one", None, True, False, "last"))
    assert f"base = AutoModel.from_pretrained({arguments})\n" in code
    assert f"tokenizer = AutoTokenizer.from_pretrained({arguments})\n" in code


def test_cards_are_in_the_hubs_form(run: Run, tmp_path: Path) -> None:
    export(run, "peft", tmp_path)
    whole = card(tmp_path)
    assert (whole.data.library_name, whole.data.pipeline_tag) == ("peft", "text-generation")
    scores = read_json(run.folder / "evaluation.json")["tasks"]
    results = {(r.task_name, r.metric_type): r.metric_value for r in whole.data.eval_results}
    assert results == {
        (task, metric): score["value"]
        for task, found in scores.items()
        for metric, score in found["metrics"].items()
    }
    for task, found in scores.items():
        for score in found["metrics"].values():
            shown = f"{score['value']:.4g} | {score['low']:.4g} to {score['high']:.4g}"
            assert shown in whole.text and shown in card(tmp_path / task).text
    digests = read_json(run.folder / "data.json")["colour"]["files"].values()
    assert all(digest[:12] in whole.text for digest in digests)
    assert card(tmp_path / "colour").data.pipeline_tag == "text-classification"
    assert card(tmp_path / "colour").data.base_model is None, "a folder is no id of the hub"
    assert str(tmp_path.parent) not in whole.text, "a path of this machine"


def test_the_card_serves_all_adapters_that_write(run: Run, tmp_path: Path) -> None:
    export(run, "peft", tmp_path)
    rank = read_json(tmp_path / "colour" / "adapter_config.json")["r"]
    assert rank == 4, "shared_private folds to twice its rank"
    assert (
        "--max-lora-rank 8 --max-loras 2 --lora-modules colour=./colour translate=./translate"
        in (card(tmp_path).text)
    )


def test_adapters_keep_the_rules_that_servers_state(run: Run, tmp_path: Path) -> None:
    """Of vLLM's ``PEFTHelper`` and LoRAX's loader, as far as they can be checked here."""
    for folder in export(run, "peft", tmp_path):
        config = read_json(folder / "adapter_config.json")
        assert not config["modules_to_save"] and not config["use_dora"]
        assert config["bias"] == "none" and not config["use_rslora"]
        assert math.isclose(config["lora_alpha"] / config["r"], 1)
        with safe_open(folder / "adapter_model.safetensors", "pt") as file:
            names = list(file.keys())
        assert all(re.fullmatch(r"base_model\.model\..+\.lora_[AB]\.weight", n) for n in names)
        assert {module.split(".")[-1] for module in config["target_modules"]} == {
            "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
        }  # fmt: skip


def test_scores_older_than_the_model_stay_out(workshop: Workshop) -> None:
    folder = workshop.train()
    code, _, error = workshop.tasktune("export", str(folder))
    assert (code, "has not been run" in error) == (0, True)
    assert "It has not been evaluated." in card(folder / "adapters").text
    assert card(folder / "adapters").data.eval_results is None


def test_the_bases_licence_is_stated(run: Run, tmp_path: Path) -> None:
    readme = Path(run.trained_model().source) / "README.md"
    readme.write_text("---\nlicense: mit\n---\n\n# A base\n")
    try:
        export(run, "peft", tmp_path)
    finally:
        readme.unlink()
    assert card(tmp_path).data.license == "mit"
    assert "Its licence is `mit`" in card(tmp_path / "colour").text


def test_forms_that_are_none(workshop: Workshop) -> None:
    code, _, error = workshop.tasktune("export", str(workshop.folder), "--format", "gguf")
    assert (code, "'gguf' is neither peft nor merged" in error) == (2, True)
