"""Encoders and encoder-decoders, through the command line from training to export."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from peft import PeftModel
from transformers import AutoConfig, AutoModel

from tests.models import BASES, ENCODERS
from tests.workshop import Workshop


def base_folder(workshop: Workshop, kind: str) -> Path:
    """A model folder with a description and the workshop's tokenizer; weights are drawn."""
    llama = Path(workshop.run["model"]["base"])
    folder = workshop.folder / kind
    folder.mkdir()
    for file in llama.iterdir():
        if file.name.startswith(("tokenizer", "special")):
            shutil.copy(file, folder)
    ids = {"pad_token_id": 0, "eos_token_id": 0, "decoder_start_token_id": 0}
    sizes = {**BASES[kind], "vocab_size": 320, "max_position_embeddings": 256, **ids}
    AutoConfig.for_model(kind, **sizes).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", ["bert", "roberta", "t5", "bart"])
@pytest.mark.parametrize("method", ["equal", "pcgrad"])
def test_from_training_to_export(workshop: Workshop, kind: str, method: str) -> None:
    folder = base_folder(workshop, kind)
    workshop.run["model"] = {"base": str(folder), "random_weights": True}
    workshop.run["weighting"] = {"method": method}
    workshop.run["evaluation"]["every"] = 0
    if kind in ENCODERS:
        workshop.task("colour")["head"] = True
        del workshop.run["tasks"]["translate"]
    run = workshop.train()
    before = list((run / "metrics.jsonl").read_text().splitlines())
    last = run / "checkpoints" / "step-6"
    shutil.rmtree(last)
    code, _, error = workshop.tasktune("train", str(run), "--resume")
    assert code == 0, error
    after = list((run / "metrics.jsonl").read_text().splitlines())
    timed = ("time", "tokens_per_second")
    assert [{k: v for k, v in json.loads(line).items() if k not in timed} for line in before] == [
        {k: v for k, v in json.loads(line).items() if k not in timed} for line in after
    ]
    code, out, error = workshop.tasktune("evaluate", str(run), "--json")
    assert code == 0, error
    assert set(json.loads(out)["tasks"]) == set(workshop.run["tasks"])
    new = workshop.write("new.tsv", "text\nred thing\nblue tree\n")
    code, out, error = workshop.tasktune("predict", str(run), str(new), "--task", "colour")
    assert code == 0, error
    assert len(out.splitlines()) == 2
    for verb in (["export", "--format", "merged"], ["report"]):
        code, _, error = workshop.tasktune(verb[0], str(run), *verb[1:])
        assert code == 0, error
    if kind in ENCODERS:
        plain = AutoModel.from_pretrained(run / "base")
        PeftModel.from_pretrained(plain, str(run / "adapters" / "colour"))


def test_packing_an_encoder_decoder_is_refused(workshop: Workshop) -> None:
    workshop.run["model"] = {"base": str(base_folder(workshop, "t5")), "random_weights": True}
    workshop.run["tasks"] = {"score": workshop.run["tasks"]["score"]}
    line = workshop.complaint("training.packing=packed")
    assert "training.packing: 't5' takes padded batches only" in line


def test_an_encoder_that_is_packed_trains_as_a_padded_one(workshop: Workshop) -> None:
    workshop.run["model"] = {"base": str(base_folder(workshop, "bert")), "random_weights": True}
    workshop.run["tasks"] = {"score": workshop.run["tasks"]["score"]}
    workshop.run["adapter"] |= {"dropout": 0.0}
    losses = []
    for packing in ("packed", "padded"):
        run = workshop.train(
            f"training.packing={packing}",
            "training.precision=fp32",
            f"output={workshop.folder / packing}",
        )
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        losses.append([line["loss"] for line in lines if "tasks" in line])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_texts_longer_than_robertas_positions_are_refused(workshop: Workshop) -> None:
    workshop.run["model"] = {"base": str(base_folder(workshop, "roberta")), "random_weights": True}
    workshop.run["tasks"] = {"score": workshop.run["tasks"]["score"]}
    workshop.write("score.csv", "text,value\n" + f"{'red ' * 400},1\n" + "blue,2\n" * 9)
    workshop.task("score").update(max_prompt_tokens=256)
    assert "tasks.score: its longest example has 257 tokens" in workshop.complaint()


def test_an_encoder_decoder_reads_and_writes_in_positions_of_their_own(workshop: Workshop) -> None:
    """200 tokens to read and 100 to write fit into 256 positions of each side."""
    workshop.run["model"] = {"base": str(base_folder(workshop, "bart")), "random_weights": True}
    workshop.write("words.en", "".join(f"{'red ' * 150}{n}\n" for n in range(16)))
    workshop.write("words.xx", "".join(f"{'blue ' * 90}{n}\n" for n in range(16)))
    workshop.run["tasks"] = {"translate": {**workshop.task("translate"), "max_prompt_tokens": 200}}
    workshop.run["evaluation"]["every"] = 0
    workshop.train("training.batch_tokens=600", "training.steps=1")


def test_a_text_without_a_begin_token_is_learnt_by_an_encoder_decoder(workshop: Workshop) -> None:
    workshop.run["model"] = {"base": str(base_folder(workshop, "t5")), "random_weights": True}
    workshop.run["tasks"] = {
        "texts": {"kind": "language_modeling", "train": {"path": "colour.tsv"}, "target": "{text}"}
    }
    workshop.run["evaluation"]["every"] = 0
    workshop.run["monitor"] = {"every": 3}
    workshop.train()


@pytest.mark.parametrize(
    ("targets", "says"),
    [
        ("'*_proj'", "adapter.targets: nothing to repeat"),
        ("[embed_tokens]", "adapter.targets: Embedding layers take no adapter; name linear ones"),
    ],
)
def test_targets_that_cannot_be_adapted_are_said(
    workshop: Workshop, targets: str, says: str
) -> None:
    assert says in workshop.complaint(f"adapter.targets={targets}")


def test_a_cut_off_weights_file_is_said(workshop: Workshop) -> None:
    base = workshop.folder / "cut"
    shutil.copytree(workshop.run["model"]["base"], base)
    weights = base / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert "model.base: cannot load" in workshop.complaint(f"model.base={base}")


def test_a_kind_that_is_unknown_is_refused(workshop: Workshop) -> None:
    workshop.run["model"]["base"] = str(base_folder(workshop, "bert"))
    config = workshop.folder / "bert" / "config.json"
    for kind, says in (("vit", "is a 'vit' model; Tasktune trains"), ("deberta-v2", "positions")):
        config.write_text(json.dumps({"model_type": kind, "architectures": ["X"]}))
        assert says in workshop.complaint()
