"""What only a GPU can show: its kernels, its precision, and whole runs on it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from tasktune.batching import attention
from tasktune.batching.attention import packed_attention
from tasktune.batching.attention_plan import plan_attention
from tasktune.batching.self_test import packed_equals_separate
from tasktune.model import grouped_lora as grouped
from tasktune.model.grouped_lora import grouped_lora
from tasktune.model.layouts import Factors
from tasktune.training.checkpoint import latest_checkpoint
from tasktune.training.journal import read_journal
from tests.batching.test_equality import CONFIGS, tiny
from tests.models import random_items, tiny_model
from tests.objective.test_gradients import SHARING, a_pass_each, one_pass
from tests.workshop import Workshop, read_json

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

CUDA = torch.device("cuda")
LENGTHS = (5, 40, 2, 33, 300, 1)


def relative(ours: Tensor, theirs: Tensor) -> float:
    return float((ours.double() - theirs.double()).norm() / theirs.double().norm())


def attended(states: list[Tensor], causal: bool, window: int | None) -> list[Tensor]:
    """What attention within ``LENGTHS`` gives, and what it sends back."""
    leaves = [part.clone().requires_grad_() for part in states]
    output, _ = packed_attention(
        nn.Module(), *leaves, None, is_causal=causal, sliding_window=window,
        attention_plan=plan_attention(LENGTHS).to(CUDA),
    )  # fmt: skip
    back = torch.linspace(-1, 1, output.numel(), device=CUDA).view(output.shape)
    return [output, *torch.autograd.grad(output, leaves, back.to(output.dtype))]


@pytest.mark.parametrize("head", [64, 128, 80, 12])
@pytest.mark.parametrize("key_heads", [4, 2])
@pytest.mark.parametrize(("causal", "window"), [(True, None), (True, 7), (False, None)])
def test_the_variable_length_kernel_gives_what_groups_give(
    monkeypatch: pytest.MonkeyPatch, head: int, key_heads: int, causal: bool, window: int | None
) -> None:
    torch.manual_seed(0)
    heads = (4, key_heads, key_heads)
    states = [torch.randn(1, n, sum(LENGTHS), head, device=CUDA).bfloat16() for n in heads]
    expected = attended([part.float() for part in states], causal, window)
    taken: list[int] = []
    kernel = attention._variable_length

    def counted(*arguments: object) -> Tensor:
        taken.append(1)
        return kernel(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(attention, "_variable_length", counted)
    ours = attended(states, causal, window)
    assert bool(taken) == (head % 8 == 0)
    for mine, reference in zip(ours, expected, strict=True):
        assert mine.dtype == torch.bfloat16
        assert relative(mine, reference) < 1e-2


@pytest.mark.parametrize("sizes", [(3, 1, 9, 4, 70, 2, 5, 8, 6), (0, 3, 1, 9, 0, 70, 2, 5, 8, 0)])
@pytest.mark.parametrize("rank", [8, 16, 4])
def test_one_kernel_for_all_slices_gives_what_a_product_each_gives(
    monkeypatch: pytest.MonkeyPatch, sizes: tuple[int, ...], rank: int
) -> None:
    torch.manual_seed(0)
    offsets = [0, *accumulate(sizes)]
    groups, tokens = len(sizes), offsets[-1]
    shapes = [(tokens, 64), (tokens, 48), (groups, rank, 48), (groups, 64, rank)]
    inputs = [torch.randn(shape, device=CUDA).bfloat16().requires_grad_() for shape in shapes]
    out = torch.randn(tokens, 64, device=CUDA).bfloat16()

    def product() -> list[Tensor]:
        base, rows, down, up = inputs
        value = grouped_lora(base, rows, Factors(down, up, 1.5), offsets)
        return [value, *torch.autograd.grad(value, inputs, out)]

    ours = product()
    monkeypatch.setattr(grouped, "takes_kernel", lambda *arguments: False)
    for mine, reference in zip(ours, product(), strict=True):
        assert relative(mine, reference) < 1e-2


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_packed_equals_separate(kind: str, dtype: torch.dtype) -> None:
    model = tiny(kind).to(CUDA, dtype)
    assert packed_equals_separate(model) < (1e-3 if dtype == torch.float32 else 5e-2)


@pytest.mark.parametrize("layout", SHARING)
@pytest.mark.parametrize("tasks", [4, 10])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_one_pass_gives_every_tasks_gradient(layout: str, tasks: int, dtype: torch.dtype) -> None:
    """As near to double precision as one backward pass a task comes. Of rank 8 and on a base in
    half precision, so that the kernel serves many tasks.
    """
    names = [f"task{k}" for k in range(tasks)]
    items, present = random_items(3 * tasks, tasks, head=1), list(range(tasks))
    exact = a_pass_each(tiny_model(layout, names, rank=8).to(CUDA), [items], present)
    model = tiny_model(layout, names, rank=8, dtype=torch.float32).to(CUDA)
    for parameter in model.transformer.parameters():
        if not parameter.requires_grad:
            parameter.data = parameter.data.to(dtype)
    ours, theirs = (take(model, [items], present) for take in (one_pass, a_pass_each))
    for mine, other, reference in zip(ours, theirs, exact, strict=True):
        assert relative(mine, reference) < 1e-6 + 2 * relative(other, reference) < 0.2


def weights(folder: Path) -> dict[str, Tensor]:
    return load_file(latest_checkpoint(folder) / "model.safetensors")


@pytest.mark.parametrize("method", ["equal", "upgrad", "uw"])
def test_a_run_resumed_is_the_run_uninterrupted(workshop: Workshop, method: str) -> None:
    workshop.run["weighting"] = {"method": method}
    whole = workshop.train(f"output={workshop.folder / 'whole'}")
    half = workshop.folder / "half"
    shutil.copytree(whole, half)
    shutil.rmtree(latest_checkpoint(half))  # as if killed before the last one
    code, _, error = workshop.tasktune("train", str(workshop.save()), f"output={half}", "--resume")
    assert code == 0, error
    theirs = weights(whole)
    for name, ours in weights(half).items():
        assert relative(ours, theirs[name]) < 1e-3, name


def test_commands_on_a_gpu(workshop: Workshop) -> None:
    """Trains in bfloat16, and what is trained is evaluated, asked and exported."""
    folder = workshop.train("training.steps=30", "training.learning_rate=0.01")
    losses = [line["loss"] for line in read_journal(folder / "metrics.jsonl") if "loss" in line]
    assert losses[-1] < losses[0]
    hardware = read_json(folder / "environment.json")["hardware"]
    assert hardware["gpu"] == torch.cuda.get_device_name()
    for command in (
        ["evaluate", str(folder)],
        ["report", str(folder)],
        ["predict", str(folder), str(workshop.folder / "colour.tsv"), "--task", "colour",
         "--output", str(workshop.folder / "answers.jsonl")],
        ["export", str(folder), "--output", str(workshop.folder / "exported")],
    ):  # fmt: skip
        code, out, error = workshop.tasktune(*command)
        assert code == 0, (command, out, error)
    assert (folder / "report.html").is_file()


@pytest.mark.parametrize("quantization", ["nf4", "int8"])
def test_a_quantised_base_trains(workshop: Workshop, quantization: str) -> None:
    if find_spec("bitsandbytes") is None:
        pytest.skip("needs bitsandbytes")
    folder = workshop.train(
        f"model.quantization={quantization}", "training.steps=30", "training.learning_rate=0.01"
    )
    losses = [line["loss"] for line in read_journal(folder / "metrics.jsonl") if "loss" in line]
    assert losses[-1] < losses[0]
    code, _, error = workshop.tasktune("evaluate", str(folder))
    assert code == 0, error


def test_ligers_kernels_change_nothing_but_the_time(workshop: Workshop) -> None:
    if find_spec("liger_kernel") is None:
        pytest.skip("needs liger-kernel")
    plain = workshop.train(f"output={workshop.folder / 'plain'}", "adapter.dropout=0.0")
    fused = workshop.train(
        f"output={workshop.folder / 'fused'}", "adapter.dropout=0.0", "model.kernels=liger"
    )
    lines = [
        [line for line in read_journal(folder / "metrics.jsonl") if "loss" in line]
        for folder in (plain, fused)
    ]
    for theirs, ours in zip(*lines, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-2)
        assert ours["gradient_norm"] == pytest.approx(theirs["gradient_norm"], rel=5e-2)


@pytest.mark.parametrize("offload", ["false", "true"])
def test_a_base_that_is_cut_trains_alike(workshop: Workshop, offload: str) -> None:
    """FSDP2 over NCCL, on the one GPU there is."""
    whole = workshop.train(f"output={workshop.folder / 'whole'}", "training.precision=fp32")
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1",
        "-m", "tasktune", "train", str(workshop.save()), f"output={workshop.folder / 'cut'}",
        "training.precision=fp32", "training.sharding=base", f"training.offload={offload}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    theirs = weights(whole)
    for name, ours in weights(workshop.folder / "cut").items():
        assert relative(ours, theirs[name]) < 1e-2, name
