"""Small runs for tests: a tiny model of random weights, and four tasks of all kinds."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import torch
import yaml
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tasktune.cli import main

END = "<|endoftext|>"
BRIEF = [  # what the pack's written tasks answer at most: a model of random weights never ends
    f"tasks.{task}.max_new_tokens=6"
    for task in ("translate_en_de", "translate_en_fr", "dialogsum", "xquad")
]
WORDS = ["red", "green", "blue", "one", "two", "three", "cat", "dog", "house", "tree"]


def write_llama(folder: Path, positions: int = 256) -> Path:
    """A Llama of two layers and its tokenizer, in ``folder``."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator([" ".join(WORDS)] * 4, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=END, pad_token=END)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=320,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=positions,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


class Workshop:
    """A folder with data and a run file; ``run`` is the run file's content, to be changed.

    :param folder: where everything goes.
    :param llama: the base model's folder.
    """

    def __init__(self, folder: Path, llama: Path) -> None:
        self.folder = folder
        self.write("colour.tsv", "text\tlabel\n" + self.lines(24, "{w} thing {n}\t{c}"))
        self.write("colour_test.tsv", "text\tlabel\n" + self.lines(9, "{w} item {n}\t{c}"))
        self.write("score.csv", "text,value\n" + self.lines(20, "{w} {w},{c}.5"))
        self.write("intent.jsonl", self.lines(18, '{{"text": "{w} {n}", "intent": "i{c}"}}'))
        self.write("words.en", self.lines(16, "{w} {n}"))
        self.write("words.xx", self.lines(16, "{n} {w}"))
        self.run: dict[str, Any] = {
            "seed": 3,
            "output": str(folder / "run"),
            "model": {"base": str(llama)},
            "adapter": {"layout": "shared_private", "rank": 2, "alpha": 4, "dropout": 0.1},
            "tasks": {
                "colour": {
                    "kind": "classification",
                    "train": {"path": "colour.tsv"},
                    "test": {"path": "colour_test.tsv"},
                    "prompt": "{text}\nColour:",
                    "target": "{label}",
                    "labels": {"0": "red", "1": "green", "2": "dark blue"},
                    "metrics": ["accuracy", "macro_f1"],
                },
                "score": {
                    "kind": "regression",
                    "head": True,
                    "train": {"path": "score.csv"},
                    "test": {"path": "score.csv"},
                    "prompt": "{text}",
                    "target": "{value}",
                    "range": [0, 5],
                    "metrics": ["pearson"],
                },
                "intent": {
                    "kind": "classification",
                    "head": True,
                    "train": {"path": "intent.jsonl"},
                    "test": {"path": "intent.jsonl"},
                    "prompt": "{text}",
                    "target": "{intent}",
                },
                "translate": {
                    "kind": "generation",
                    "train": {"path": {"en": "words.en", "xx": "words.xx"}},
                    "test": {"path": {"en": "words.en", "xx": "words.xx"}},
                    "prompt": "{en}\nTranslation:",
                    "target": "{xx}",
                    "max_new_tokens": 4,
                    "metrics": ["exact_match", "chrf"],
                },
            },
            "mixture": {"strategy": "equal"},
            "training": {"steps": 6, "batch_tokens": 300, "log_every": 2, "checkpoint_every": 2},
            "evaluation": {"every": 3, "limit": 4, "bootstrap": 20},
        }

    @staticmethod
    def lines(count: int, line: str) -> str:
        """``count`` lines in which {w} is a word, {n} a number and {c} one of 0, 1 and 2."""
        words = [WORDS[n % len(WORDS)] for n in range(count)]
        return "".join(line.format(w=w, n=n, c=n % 3) + "\n" for n, w in enumerate(words))

    def write(self, name: str, content: str | bytes) -> Path:
        """A file in the workshop's folder."""
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def save(self) -> Path:
        """The run file."""
        return self.write("run.yaml", yaml.safe_dump(self.run, sort_keys=False))

    def task(self, name: str) -> dict[str, Any]:
        """A task of the run file, to be changed."""
        task: dict[str, Any] = self.run["tasks"][name]
        return task

    def tasktune(self, *arguments: str) -> tuple[int, str, str]:
        """Runs the command line; returns its exit code, stdout and stderr."""
        out, error = io.StringIO(), io.StringIO()
        code = 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            try:
                main(list(arguments))
            except SystemExit as stop:
                code = int(stop.code or 0)
        return code, out.getvalue(), error.getvalue()

    def train(self, *overrides: str) -> Path:
        """Trains the run file as it stands; returns the run's folder."""
        code, _, error = self.tasktune("train", str(self.save()), *overrides)
        assert code == 0, error
        named = [o.removeprefix("output=") for o in overrides if o.startswith("output=")]
        return Path(named[-1]) if named else Path(self.run["output"])

    def complaint(self, *overrides: str) -> str:
        """Trains, expects a user's mistake, and returns the one line that says so."""
        code, out, error = self.tasktune("train", str(self.save()), *overrides)
        assert code == 2, (code, out, error)
        assert "Traceback" not in error
        last = error.strip().splitlines()[-1]
        assert last.startswith("tasktune: ")
        return last.removeprefix("tasktune: ")


def killed_after(step: int, run: Path) -> Path:
    """A copy of a run, as if it had been killed once the checkpoint of a step was written."""
    killed = run.with_name(f"{run.name}-killed")
    shutil.copytree(run, killed)
    for checkpoint in (killed / "checkpoints").iterdir():
        if checkpoint.name != f"step-{step}":
            shutil.rmtree(checkpoint)
    assert (killed / "checkpoints" / f"step-{step}").is_dir()
    return killed


def read_json(path: Path) -> Any:
    """A JSON file's content."""
    return json.loads(path.read_text(encoding="utf-8"))
