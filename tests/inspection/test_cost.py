"""What the memory of a step is counted by."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

from tasktune.inspection.checks.cost import Growth, Kept
from tests.workshop import Workshop, write_llama

MEBIBYTE = 2**20


def test_what_is_kept_counts_once_and_only_while_it_is_held() -> None:
    layer = nn.Linear(8, 8)
    kept = Kept(layer)
    rows, more = torch.randn(32, 8), torch.randn(64, 8)
    with torch.autograd.graph.saved_tensors_hooks(kept.pack, lambda held: held.tensor):
        first = (layer(rows) + layer(rows)).sum()  # both keep the rows; the weight is a parameter
        assert kept.most == kept.now == rows.nbytes
        first.backward()
        del first
        assert kept.now == 0
        layer(more)  # which nobody keeps: gone at once
    assert kept.most == more.nbytes


def test_growth_is_the_most_that_was_held_meanwhile() -> None:
    size = 256 * MEBIBYTE  # beside which what else the process frees meanwhile is little
    with Growth(torch.device("cpu")) as growth:
        block = torch.ones(size, dtype=torch.uint8)
        until = time.monotonic() + 20
        # The watching thread may have seen it half written: it has to have a look afterwards.
        while growth.bytes < 0.97 * size and time.monotonic() < until:
            time.sleep(0.01)
        del block
        time.sleep(0.1)
    assert 0.95 < growth.bytes / size < 1.25


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak from /proc")
def test_predicted_memory_is_what_a_process_takes(tmp_path: Path) -> None:
    llama = write_llama(tmp_path / "llama")
    workshop = Workshop(tmp_path, llama)
    wide = LlamaConfig.from_pretrained(llama)
    wide.update({"hidden_size": 512, "intermediate_size": 1408, "num_hidden_layers": 4})
    wide.update({"head_dim": 64, "num_attention_heads": 8, "num_key_value_heads": 8})
    LlamaForCausalLM(wide).save_pretrained(llama)
    workshop.run["training"] |= {"batch_tokens": 1000, "precision": "fp32"}
    file = workshop.save()

    def side(name: str) -> float:
        command = [sys.executable, "-m", "tests.inspection.peak", name, str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return float(json.loads(done.stdout.splitlines()[-1]))

    predicted, measured = side("predicted"), side("measured")
    assert measured > 150 * MEBIBYTE  # else what is fixed would count more than the steps
    assert abs(predicted / measured - 1) < 0.2, (predicted, measured)
