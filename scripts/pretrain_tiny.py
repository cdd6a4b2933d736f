"""Pre-trains ``builtin:tiny``, the model that Tasktune carries, on text that Python carries.

    python scripts/pretrain_tiny.py corpus            # gathers the text, trains the tokenizer
    python scripts/pretrain_tiny.py train --minutes 55
    python scripts/pretrain_tiny.py export            # at any time, also while training

Reads top to bottom: the corpus, the tokenizer, the model, the training loop, the export. Nothing
is downloaded. Intermediate files go to ``--work``; the export goes to the package's own data.
Modules and names on which the demo tests are never trained on: see ``tasktune.demo.splits``.
"""

from __future__ import annotations

import argparse
import ast
import importlib.metadata
import json
import math
import random
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tasktune.demo.names import Name, cldr_names, labelled_names
from tasktune.demo.splits import hash_fraction, split_of
from tasktune.demo.standard_library import (
    Definition,
    FunctionNode,
    definitions,
    first_line_and_body,
    parse,
    signature,
    standard_library_modules,
)

END_OF_TEXT = "<|endoftext|>"
PADDING = "<|pad|>"
VOCABULARY_SIZE = 6000
CONTEXT = 512

# Permissively licensed packages only, and none that copies the standard library's own text.
PACKAGES = (
    "accelerate anyio Babel click cloudpickle datasets filelock fsspec h11 huggingface_hub "
    "Jinja2 joblib lxml markdown-it-py MarkupSafe mpmath networkx nltk numpy packaging pandas "
    "peft pip platformdirs pluggy portalocker psutil pyarrow pydantic Pygments pytest "
    "python-dateutil PyYAML rich sacrebleu safetensors scikit-learn scipy setuptools sympy "
    "tabulate threadpoolctl torch torchjd transformers typer virtualenv"
)
DOCSTRING_BYTES_A_PACKAGE = 700_000
SOURCE_BYTES_A_PACKAGE = 150_000
RETOLD_BYTES_A_PACKAGE = 60_000
HELD_OUT_SHARE_OF_FILES = 0.02

# How often a kind of text is repeated in a training pass: the demo is about the first three.
REPEATS = {"library docstrings": 3, "names": 2, "language reference": 2}
# The last part of the time goes to a mix that is denser in what the demo is about.
LATE_FROM = 0.64
LATE_REPEATS = {
    "library docstrings": 1,
    "language reference": 1,
    "names": 1,
    "names in more languages": 2,
    "signatures in words": 1,
    "first lines last": 1,
}
LATE_ONLY = {"names in more languages", "signatures in words", "first lines last"}
LATE_SHARE = 0.1  # of the documents of all other kinds
REST = {"docstrings", "source", "prose", "library source"}
MORE_LANGUAGES = {
    "nl": "Dutch", "sv": "Swedish", "da": "Danish", "es": "Spanish", "it": "Italian",
    "pt": "Portuguese", "de": "German", "fr": "French",
}  # fmt: skip


# ---------------------------------------------------------------- the corpus


@dataclass(frozen=True)
class Document:
    """One text with its kind, the file that it is from, and whether it is held out."""

    kind: str
    origin: str
    text: str
    held_out: bool


def gather_corpus() -> list[Document]:
    """All documents, without duplicates and without held-out lines in the training part."""
    documents = [*library_documents(), *language_reference(), *name_documents()]
    documents.extend(names_in_more_languages())
    for package in PACKAGES.split():
        documents.extend(package_documents(package))
    return without_leaks(without_duplicates(documents))


def library_documents() -> Iterator[Document]:
    for module, path in standard_library_modules():
        tree = parse(path)
        if tree is None:
            continue
        held_out = split_of(module) != "train"
        text = "\n\n".join(described(item) for item in definitions(module, tree))
        title = module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        yield Document("library docstrings", module, f"# {title}\n\n{text}", held_out)
        yield from retold(module, definitions(module, tree), held_out)
        if hash_fraction("source:" + module) < 0.35:
            source = path.read_text(encoding="utf-8", errors="replace")
            yield Document("library source", module, source[:40_000], held_out)


def described(item: Definition) -> str:
    """A definition as its signature with the docstring below it."""
    if item.function is not None:
        header = signature(item.function)
        if len(header) > 400:
            header = f"def {item.function.name}(...)"
        return f'{header}:\n"""{item.docstring}"""' if item.docstring else f"{header}: ..."
    return f'class {item.name}:\n"""{item.docstring}"""' if item.name else item.docstring


def retold(origin: str, items: Iterator[Definition], held_out: bool) -> Iterator[Document]:
    """Definitions told another way: what the signature says, in words; the first line at the end.

    Such text makes a small model look things up in what it has just read. None of it is in the
    form of the demo's prompts.
    """
    choice = random.Random(origin)
    signatures, summaries = [], []
    for item in items:
        if item.function is not None and len(header := signature(item.function)) < 250:
            told = _defaults_in_words(item.function, choice)
            signatures.extend([f"{header}: {told}"] if told else [])
        summary, body = first_line_and_body(item.docstring)
        if 15 <= len(summary) <= 90 and len(body) >= 60:
            summaries.append(f"{body[:600]}\n\nIn short: {summary}")
    for kind, texts in (("signatures in words", signatures), ("first lines last", summaries)):
        for start in range(0, min(len(texts), 60), 12):
            text = "\n\n".join(texts[start : start + 12])
            yield Document(kind, f"{origin}#{start}", text, held_out)


def _defaults_in_words(function: FunctionNode, choice: random.Random) -> str:
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    with_default = positional[len(positional) - len(arguments.defaults) :]
    pairs = [*zip(with_default, arguments.defaults, strict=True)]
    pairs += [
        (parameter, default)
        for parameter, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is not None
    ]
    told = [f"{parameter.arg} defaults to {ast.unparse(default)}." for parameter, default in pairs]
    # In any order, so that a default has to be looked up by its name, not by its place.
    choice.shuffle(told)
    return " ".join(line for line in told[:4] if len(line) < 80)


def language_reference() -> Iterator[Document]:
    from pydoc_data.topics import topics

    for topic, text in sorted(topics.items()):
        held_out = hash_fraction("topic:" + topic) < HELD_OUT_SHARE_OF_FILES
        yield Document("language reference", f"topics/{topic}", text, held_out)


def package_documents(package: str) -> Iterator[Document]:
    """Docstrings, prose and some source of an installed package, in an order fixed by hashes."""
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return
    files = [file for file in distribution.files or [] if not _is_noise(str(file))]
    budget = {
        "docstrings": DOCSTRING_BYTES_A_PACKAGE,
        "source": SOURCE_BYTES_A_PACKAGE,
        "signatures in words": RETOLD_BYTES_A_PACKAGE,
        "first lines last": RETOLD_BYTES_A_PACKAGE,
    }
    for file in sorted(files, key=lambda file: hash_fraction(f"{package}:{file}")):
        origin = f"{package}/{file}"
        path = Path(str(distribution.locate_file(file)))
        for kind, text in _texts_of_file(origin, path, file.name):
            if budget.get(kind, 1) > 0 and len(text) > 200:
                budget[kind] = budget.get(kind, 10**9) - len(text)
                held_out = hash_fraction("file:" + origin) < HELD_OUT_SHARE_OF_FILES
                yield Document(kind, origin, text, held_out)


def _texts_of_file(origin: str, path: Path, name: str) -> Iterator[tuple[str, str]]:
    if name.endswith(".py"):
        tree = parse(path)
        if tree is None:
            return
        documented = [item for item in definitions(origin, tree) if len(item.docstring) > 30]
        yield "docstrings", "\n\n".join(described(item) for item in documented)
        for document in retold(origin, definitions(origin, tree), held_out=False):
            yield document.kind, document.text
        if hash_fraction("source:" + origin) < 0.5:
            yield "source", path.read_text(encoding="utf-8")[:20_000]
    elif name.endswith((".md", ".rst")) or name == "METADATA":
        text = path.read_text(encoding="utf-8", errors="replace")
        # Metadata opens with header fields; the long description follows the first empty line.
        yield "prose", text.partition("\n\n")[2] if name == "METADATA" else text


def _is_noise(file: str) -> bool:
    return bool(re.search(r"(^|/)(tests?|_vendor|vendored|licenses?|locale-data)/", file, re.I))


def name_documents() -> Iterator[Document]:
    """Translated names in several plain forms, none of them the demo's prompt."""
    names = [name for name in cldr_names() if split_of(name.english.casefold()) == "train"]
    for form in range(5):
        for repeat in range(3):
            shuffler = random.Random(f"{form}/{repeat}")
            shuffler.shuffle(names)
            for start in range(0, len(names), 16):
                lines = [_name_line(name, form) for name in names[start : start + 16]]
                origin = f"names/{form}/{repeat}/{start}"
                yield Document("names", origin, "\n".join(lines), held_out=False)


def _name_line(name: Name, form: int) -> str:
    english, german, french = name.english, name.german, name.french
    return (
        f"{english} ({name.kind}), in German {german}, in French {french}.",
        f"| {english} | {german} | {french} |",
        f'In German, the {name.kind} "{english}" is called "{german}".',
        f'In French, the {name.kind} "{english}" is called "{french}".',
        json.dumps({"en": english, "de": german, "fr": french}, ensure_ascii=False),
    )[form]


def names_in_more_languages() -> Iterator[Document]:
    """Pairs of an English name and its translation, which teach how spellings change."""
    english = labelled_names("en")
    train = sorted(key for key, name in english.items() if split_of(name.casefold()) == "train")
    for code, language in MORE_LANGUAGES.items():
        table = labelled_names(code)
        for repeat in range(2):
            keys = [key for key in train if key in table]
            random.Random(f"{code}/{repeat}").shuffle(keys)
            for start in range(0, len(keys), 20):
                chosen = keys[start : start + 20]
                lines = [f"{english[key]} = {table[key]}" for key in chosen]
                text = f"English = {language}\n" + "\n".join(lines)
                origin = f"names/{code}/{repeat}/{start}"
                yield Document("names in more languages", origin, text, held_out=False)


def without_duplicates(documents: list[Document]) -> list[Document]:
    """Drops documents whose text, spaces aside, has come before."""
    seen: set[str] = set()
    kept = []
    for document in documents:
        fingerprint = document.kind + " ".join(document.text.split())
        if document.text.strip() and fingerprint not in seen:
            seen.add(fingerprint)
            kept.append(document)
    return kept


def without_leaks(documents: list[Document]) -> list[Document]:
    """Drops training lines that stand, word for word, in a held-out standard-library docstring.

    Other packages quote the library (backports, wrappers); short lines say too little to leak.
    """
    held_out = [d for d in documents if d.held_out and d.kind == "library docstrings"]
    secret = {line for d in held_out for line in _telling_lines(d.text)}
    cleaned = []
    for document in documents:
        if not document.held_out and secret & set(_telling_lines(document.text)):
            lines = document.text.split("\n")
            kept = "\n".join(line for line in lines if _normal(line) not in secret)
            document = Document(document.kind, document.origin, kept, held_out=False)
        cleaned.append(document)
    return cleaned


def _telling_lines(text: str) -> list[str]:
    return [normal for line in text.split("\n") if len(normal := _normal(line)) >= 30]


def _normal(line: str) -> str:
    return line.strip().strip("\"'").strip()


# ---------------------------------------------------------------- the tokenizer


def train_tokenizer(texts: Iterator[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE: any text round-trips, and no token is ever unknown."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            # Runs of digits are cut to single ones, so that numbers are spelt, not memorised.
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=[END_OF_TEXT, PADDING],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        pad_token=PADDING,
        model_max_length=2048,
        clean_up_tokenization_spaces=False,
    )


def prepare(work: Path) -> None:
    """Gathers the corpus, trains the tokenizer and writes both parts as token files."""
    started = time.monotonic()
    documents = gather_corpus()
    training = [d for d in documents if not d.held_out]
    early = mixed([d for d in training if d.kind not in LATE_ONLY], REPEATS, default=1)
    if not (work / "tokenizer").exists():
        # Weights that are already trained belong to the tokenizer that is there.
        train_tokenizer(iter(early)).save_pretrained(work / "tokenizer")
    tokenizer = PreTrainedTokenizerFast.from_pretrained(work / "tokenizer")
    write_tokens(work / "train.npy", tokenizer, early)
    sample = [
        d for d in training if hash_fraction("late:" + d.origin) < LATE_SHARE and d.kind in REST
    ]
    late = [d for d in training if d.kind in LATE_REPEATS]
    write_tokens(work / "train_late.npy", tokenizer, mixed(late + sample, LATE_REPEATS, default=1))
    held_out: dict[str, list[str]] = {}
    for document in documents:
        if document.held_out and document.kind not in LATE_ONLY:
            held_out.setdefault(document.kind, []).append(document.text)
    for kind, texts in held_out.items():
        write_tokens(work / f"held_out_{kind.replace(' ', '_')}.npy", tokenizer, texts)
    facts = corpus_facts(documents)
    (work / "corpus.json").write_text(json.dumps(facts, indent=2))
    print(json.dumps(facts, indent=2), f"\n{time.monotonic() - started:.0f} s", flush=True)


def mixed(documents: list[Document], repeats: dict[str, int], default: int) -> list[str]:
    """The documents' texts, each as often as its kind is repeated, in a fixed random order."""
    texts = [d.text for d in documents for _ in range(repeats.get(d.kind, default))]
    random.Random(0).shuffle(texts)
    return texts


def write_tokens(path: Path, tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> None:
    """One flat array of tokens, with an end-of-text token before and after every document.

    It stands for both ends, so the model learns to begin as well as to stop.
    """
    end = tokenizer.get_vocab()[END_OF_TEXT]
    pieces = [end]
    for start in range(0, len(texts), 256):
        for tokens in tokenizer(texts[start : start + 256])["input_ids"]:
            pieces.extend(tokens)
            pieces.append(end)
    np.save(path, np.array(pieces, dtype=np.uint16))
    print(f"{path.name}: {len(pieces):,} tokens", flush=True)


def corpus_facts(documents: list[Document]) -> dict[str, Any]:
    """Characters and documents per kind, and every package with its version and licence."""
    kinds: dict[str, dict[str, int]] = {}
    for document in documents:
        row = kinds.setdefault(
            document.kind,
            {"documents": 0, "characters": 0, "held_out_characters": 0, "repeats": 1, "late": 0},
        )
        row["documents"] += 1
        row["held_out_characters" if document.held_out else "characters"] += len(document.text)
        row["repeats"] = 0 if document.kind in LATE_ONLY else REPEATS.get(document.kind, 1)
        row["late"] = LATE_REPEATS.get(document.kind, 0)
    packages = {}
    for package in PACKAGES.split():
        try:
            metadata = importlib.metadata.metadata(package)
        except importlib.metadata.PackageNotFoundError:
            continue
        packages[package] = {"version": metadata["Version"], "licence": _licence(metadata)}
    return {"kinds": kinds, "packages": packages}


def _licence(metadata: Any) -> str:
    classifiers = [c for c in metadata.get_all("Classifier", []) if c.startswith("License ::")]
    named = classifiers[0].split(" :: ")[-1] if classifiers else "see the package"
    written = (metadata["License-Expression"] or metadata["License"] or named).split("\n")[0]
    # Some packages put the licence's whole text into the field that is for its name.
    first, *others = (named if "Copyright" in written else written).split(" AND ")
    name = "Apache-2.0" if first.startswith("Apache") else first
    return f"{name} (and others for parts)" if others else name


# ---------------------------------------------------------------- the model


def new_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A Llama of about 5.2 million parameters."""
    config = LlamaConfig(
        vocab_size=VOCABULARY_SIZE,
        hidden_size=256,
        intermediate_size=704,
        num_hidden_layers=5,
        num_attention_heads=8,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        rms_norm_eps=1e-5,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(0)
    return LlamaForCausalLM(config)


# ---------------------------------------------------------------- training


@dataclass
class Spent:
    """What has gone into the weights so far; it is saved beside them."""

    steps: int = 0
    late_steps: int = 0
    tokens: int = 0
    minutes: float = 0.0
    resumptions: int = 0


@dataclass(frozen=True)
class Settings:
    """The training options of the command line."""

    minutes: float
    rows: int
    compiled: bool
    autocast: bool
    resume: bool


@dataclass(frozen=True)
class Schedule:
    """The learning rate as a function of the share of the time that has gone by.

    The clock is time and not steps, because the script promises minutes on a machine that others
    use too; a run that is cut short by its clock has still cooled down to the end.
    """

    peak: float = 3e-3
    final: float = 1e-4
    warmup_steps: int = 100
    begins_at: int = 0

    def learning_rate(self, step: int, progress: float) -> float:
        # A resumed run warms up again, because the optimiser's moments begin anew.
        warm = min(1.0, (step - self.begins_at + 1) / self.warmup_steps)
        cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
        return warm * (self.final + (self.peak - self.final) * cosine)


def train(work: Path, settings: Settings) -> None:
    """Trains until the time is spent, and leaves a checkpoint every two minutes."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(work / "tokenizer")
    mixes = [np.load(work / name) for name in ("train.npy", "train_late.npy")]
    orders = [row_order(len(tokens)) for tokens in mixes]
    model, spent = new_model(tokenizer), Spent()
    if settings.resume:
        spent = Spent(**json.loads((work / "checkpoint" / "spent.json").read_text()))
        spent.resumptions += 1
        model = LlamaForCausalLM.from_pretrained(work / "checkpoint").train()
    optimizer = new_optimizer(model)
    step_loss = torch.compile(language_loss) if settings.compiled else language_loss
    schedule = Schedule(begins_at=spent.steps)
    rows, before, average = settings.rows, spent.minutes, 0.0
    started = saved = time.monotonic()
    while (progress := spent.minutes / settings.minutes) < 1:
        late = progress >= LATE_FROM
        place = spent.late_steps if late else spent.steps
        batch = next_batch(mixes[late], orders[late], place, rows)
        rate = schedule.learning_rate(spent.steps, progress)
        for group in optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.autocast):
            loss = step_loss(model, batch)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        spent.steps += 1
        spent.late_steps += late
        spent.tokens += rows * CONTEXT
        spent.minutes = before + (time.monotonic() - started) / 60
        average += (loss.item() - average) * max(0.02, 1 / (spent.steps - schedule.begins_at))
        if spent.steps % 25 == 0:
            report(spent, average, rate)
        if time.monotonic() - saved > 120:
            save_checkpoint(work, model, spent)
            saved = time.monotonic()
    save_checkpoint(work, model, spent)


def language_loss(model: LlamaForCausalLM, batch: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of every next token in ``batch`` [rows, CONTEXT + 1]."""
    logits = model(input_ids=batch[:, :-1], use_cache=False).logits
    return nn.functional.cross_entropy(logits.float().flatten(0, 1), batch[:, 1:].flatten())


def new_optimizer(model: nn.Module) -> torch.optim.AdamW:
    """AdamW, with weight decay on matrices only."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() <= 1]
    groups = [
        {"params": matrices, "weight_decay": 0.1},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.95), fused=True)


def row_order(token_count: int) -> np.ndarray:
    """Row starts for several passes over the tokens, each in an order of its own."""
    starts = np.arange(0, token_count - CONTEXT - 1, CONTEXT)
    passes = [np.random.default_rng(seed).permutation(starts) for seed in range(20)]
    return np.concatenate(passes)


def next_batch(tokens: np.ndarray, order: np.ndarray, step: int, rows: int) -> torch.Tensor:
    """Rows of ``CONTEXT + 1`` tokens: the last one is a target only."""
    starts = [order[(step * rows + row) % len(order)] for row in range(rows)]
    picked = np.stack([tokens[start : start + CONTEXT + 1] for start in starts])
    return torch.from_numpy(picked.astype(np.int64))


def report(spent: Spent, loss: float, rate: float) -> None:
    speed = spent.tokens / (60 * spent.minutes)
    mix = "late " if spent.late_steps else ""
    print(
        f"step {spent.steps:5d}  {mix}loss {loss:.3f}  rate {rate:.2e}  {speed:,.0f} tokens/s  "
        f"{spent.minutes:.1f} min",
        flush=True,
    )


def save_checkpoint(work: Path, model: LlamaForCausalLM, spent: Spent) -> None:
    """Weights and what was spent on them, written aside first: a reader sees a whole one."""
    aside = work / "checkpoint.writing"
    aside.mkdir(exist_ok=True)
    model.save_pretrained(aside)
    (aside / "spent.json").write_text(json.dumps(asdict(spent)))
    shutil.rmtree(work / "checkpoint", ignore_errors=True)
    aside.rename(work / "checkpoint")


# ---------------------------------------------------------------- the export


def export(work: Path, folder: Path) -> None:
    """Writes the model in bf16, its tokenizer, and a card from what was measured."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(work / "tokenizer")
    tokenizer.save_pretrained(folder)
    model = LlamaForCausalLM.from_pretrained(work / "checkpoint", dtype=torch.bfloat16)
    model.config.dtype = torch.bfloat16
    model.config.save_pretrained(folder)
    model.generation_config.save_pretrained(folder)
    # The output layer is the embedding: it is written once, as Transformers does.
    weights = {k: v.contiguous() for k, v in model.state_dict().items() if k != "lm_head.weight"}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    # What is measured is what is shipped: the bf16 weights, computed in fp32.
    shipped = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    perplexities = {
        path.stem.removeprefix("held_out_").replace("_", " "): perplexity(shipped, np.load(path))
        for path in sorted(work.glob("held_out_*.npy"))
    }
    spent = json.loads((work / "checkpoint" / "spent.json").read_text())
    corpus = json.loads((work / "corpus.json").read_text())
    card = model_card(shipped.num_parameters(), spent, corpus, perplexities)
    (folder / "README.md").write_text(card, encoding="utf-8")
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{folder}: {size / 1e6:.2f} MB", json.dumps(perplexities), json.dumps(spent))


@torch.no_grad()
def perplexity(
    model: LlamaForCausalLM, tokens: np.ndarray, limit: int = 16_384
) -> dict[str, float]:
    """Perplexity per token over at most ``limit`` tokens, in rows of CONTEXT."""
    total, count = 0.0, 0
    tokens = tokens[: limit + 1].astype(np.int64)
    for start in range(0, len(tokens) - 1, CONTEXT):
        row = torch.from_numpy(tokens[start : start + CONTEXT + 1])[None]
        logits = model(input_ids=row[:, :-1], use_cache=False).logits[0]
        total += nn.functional.cross_entropy(logits, row[0, 1:], reduction="sum").item()
        count += row.shape[1] - 1
    return {"perplexity": round(math.exp(total / count), 2), "tokens": count}


CARD = """---
license: apache-2.0
language: [en, de, fr]
library_name: transformers
pipeline_tag: text-generation
tags: [tiny, tasktune]
---

# builtin:tiny

A Llama of {parameters:,} parameters (weights in bf16) with a byte-level BPE tokenizer of
{vocabulary:,} tokens. It comes with Tasktune so that `tasktune demo`, the tests and the examples
run offline. It knows a little about Python's documentation and about names in three languages; it
is no assistant, and nothing that it says should be relied on.

| | |
|---|---|
| architecture | `LlamaForCausalLM`, tied embeddings, 2,048 positions |
| size | width 256, 5 layers, 8 heads (4 for keys and values), feed-forward 704 |
| trained with | `scripts/pretrain_tiny.py`: AdamW, cosine from 3e-3 |
| a row | {context} tokens |
| steps | {steps:,}, the last {late_steps:,} of them on the late mix |
| tokens seen | {tokens:,} |
| time | {minutes:.0f} minutes on one CPU thread, resumptions: {resumptions} |

## Held-out perplexity

Per token, of the shipped bf16 weights computed in fp32, on files kept out by a hash of their path.

| text | tokens | perplexity |
|---|---|---|
{perplexities}

## Data

Text found in a Python installation; nothing was downloaded for it. Exact duplicates were dropped.

| kind | documents | characters in training | held out | repeats | in the late mix |
|---|---|---|---|---|---|
{kinds}

"Library" is the standard library; "names" are CLDR names in English, German and French, through
Babel, in plain lists and sentences; "docstrings", "source" and "prose" (README, long descriptions)
are from the packages below. The last part of the time went to a mix that is denser in what the
demo is about: "signatures in words" tells the defaults of a signature in sentences, "first lines
last" gives a docstring with its first line at its end, and "names in more languages" are lists of
English names with their translation.

**The demo's test data is not in it.** Modules of the standard library and CLDR names belong to
train, validation or test by a hash of their path or English name (`tasktune.demo.splits`). Training
text has the demo's training part only, and none of it in the demo's prompt formats; lines of
held-out docstrings that other packages repeat were removed.

## Licence

The weights, tokenizer and script are under Apache-2.0. The text is from documentation and source
of Python (PSF licence), Unicode CLDR (Unicode licence) and these packages:

{packages}
"""


def model_card(
    parameters: int, spent: dict[str, Any], corpus: dict[str, Any], perplexities: dict[str, Any]
) -> str:
    """The card; every number in it is from the run that is exported."""
    return CARD.format(
        parameters=parameters,
        vocabulary=VOCABULARY_SIZE,
        context=CONTEXT,
        perplexities="\n".join(
            f"| {kind} | {row['tokens']:,} | {row['perplexity']:.1f} |"
            for kind, row in perplexities.items()
        ),
        kinds="\n".join(
            f"| {kind} | {row['documents']:,} | {row['characters']:,} | "
            f"{row['held_out_characters']:,} | {row['repeats']} | {row['late'] or LATE_SHARE} |"
            for kind, row in corpus["kinds"].items()
        ),
        packages="\n".join(
            f"- {name} {row['version']}: {row['licence']}"
            for name, row in corpus["packages"].items()
        ),
        **spent,
    )


def main() -> None:
    package = Path(__file__).resolve().parent.parent / "src" / "tasktune" / "demo" / "tiny"
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("stage", choices=["corpus", "train", "export"])
    parser.add_argument("--work", type=Path, default=Path("build/tiny"))
    parser.add_argument("--output", type=Path, default=package)
    parser.add_argument("--minutes", type=float, default=55.0)
    parser.add_argument("--rows", type=int, default=8, help="rows of 512 tokens in a step")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument("--bf16", action="store_true", help="bf16 autocast")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    if arguments.stage == "corpus":
        prepare(arguments.work)
    elif arguments.stage == "train":
        settings = Settings(
            arguments.minutes, arguments.rows, arguments.compile, arguments.bf16, arguments.resume
        )
        train(arguments.work, settings)
    else:
        export(arguments.work, arguments.output)


if __name__ == "__main__":
    main()
