"""The grouped product equals a plain LoRA on each task's tokens, values and gradients."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tasktune.model import grouped_lora as module
from tasktune.model.grouped_lora import KERNEL_GROUPS, grouped_lora, takes_kernel
from tasktune.model.layouts import Factors
from tasktune.model.slices import ROUND

INPUTS, OUTPUTS, SCALE = 6, 5, 1.5


def separate(base: Tensor, rows: Tensor, down: Tensor, up: Tensor, offsets: list[int]) -> Tensor:
    """What each task's own plain LoRA gives, one after the other."""
    parts = []
    for k, (start, end) in enumerate(zip(offsets, offsets[1:], strict=False)):
        pair = (down[min(k, len(down) - 1)], up[min(k, len(up) - 1)])
        parts.append(base[start:end] + SCALE * rows[start:end] @ pair[0].T @ pair[1].T)
    return torch.cat(parts)


def tensors(groups: tuple[int, int], tokens: int, rank: int) -> list[Tensor]:
    shapes = [
        (tokens, OUTPUTS),
        (tokens, INPUTS),
        (groups[0], rank, INPUTS),
        (groups[1], OUTPUTS, rank),
    ]
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


@settings(max_examples=50, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 7), min_size=1, max_size=6).filter(any),
    rank=st.integers(1, 4),
    common_down=st.booleans(),
    common_up=st.booleans(),
)
def test_equals_separate_products(
    lengths: list[int], rank: int, common_down: bool, common_up: bool
) -> None:
    offsets = [sum(lengths[:k]) for k in range(len(lengths) + 1)]
    groups = (1 if common_down else len(lengths), 1 if common_up else len(lengths))
    base, rows, down, up = tensors(groups, offsets[-1], rank)
    grouped = grouped_lora(base, rows, Factors(down, up, SCALE), offsets)
    expected = separate(base, rows, down, up, offsets)
    torch.testing.assert_close(grouped, expected)
    out = torch.randn_like(expected)
    inputs = (base, rows, down, up)
    ours = torch.autograd.grad(grouped, inputs, out, materialize_grads=True)
    theirs = torch.autograd.grad(expected, inputs, out, materialize_grads=True)
    for mine, reference in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, reference)


@settings(max_examples=50, deadline=None)
@given(lengths=st.lists(st.integers(0, 3 * ROUND), min_size=2, max_size=6).filter(any))
def test_round_lengths_take_nothing_from_a_neighbour(lengths: list[int]) -> None:
    """Half precision on a CPU: what it gives is single precision's, to its own rounding."""
    offsets = [sum(lengths[:k]) for k in range(len(lengths) + 1)]
    half = [each.detach().bfloat16() for each in tensors((len(lengths),) * 2, offsets[-1], 3)]
    out = torch.randn(offsets[-1], OUTPUTS).bfloat16()
    found = []
    for dtype in (torch.bfloat16, torch.float32):
        base, *inputs = (each.to(dtype).requires_grad_() for each in half)
        rows, down, up = inputs
        value = grouped_lora(base, rows, Factors(down, up, SCALE), offsets)
        found.append([value, *torch.autograd.grad(value, inputs, out.to(dtype))])
    for ours, exact in zip(*found, strict=True):
        assert ours.dtype == torch.bfloat16
        assert (ours.float() - exact).norm() <= 0.02 * exact.norm()
        for mine, reference in zip(by_task(ours, offsets), by_task(exact, offsets), strict=True):
            assert (mine.float() - reference).norm() <= 0.03 * reference.norm()


def by_task(values: Tensor, offsets: list[int]) -> list[Tensor]:
    """A task's rows, or its factor."""
    return list(values if values.dim() == 3 else values.tensor_split(offsets[1:-1]))


def test_views_of_one_pair_receive_each_tasks_own_gradient() -> None:
    """The one idea that makes per-task gradients free: see the module's docstring."""
    offsets, rank = [0, 3, 3, 8, 12], 2
    base, rows, down, up = tensors((1, 1), offsets[-1], rank)
    views = [pair.detach().expand(4, -1, -1).requires_grad_() for pair in (down, up)]
    out = torch.randn(offsets[-1], OUTPUTS, dtype=torch.float64)
    grouped_lora(base, rows, Factors(*views, SCALE), offsets).backward(out)
    for k, (start, end) in enumerate(zip(offsets, offsets[1:], strict=False)):
        alone = separate(base, rows, down, up, [0, 12])[start:end]
        expected = torch.autograd.grad(
            alone, (down, up), out[start:end], materialize_grads=True, retain_graph=True
        )
        torch.testing.assert_close(views[0].grad[k], expected[0][0])
        torch.testing.assert_close(views[1].grad[k], expected[1][0])


def test_gradcheck() -> None:
    base, rows, down, up = tensors((3, 3), 7, 2)
    assert torch.autograd.gradcheck(
        lambda b, r, d, u: grouped_lora(b, r, Factors(d, u, SCALE), [0, 2, 2, 7]),
        (base, rows, down, up),
    )


def test_half_precision_base_keeps_full_precision_gradients() -> None:
    base, rows, down, up = tensors((2, 2), 8, 2)
    half = grouped_lora(base.bfloat16(), rows.bfloat16(), Factors(down, up, SCALE), [0, 4, 8])
    assert half.dtype == torch.bfloat16
    half.float().sum().backward()
    assert down.grad is not None and down.grad.dtype == torch.float64


def test_one_kernel_for_all_slices_gives_what_a_product_each_gives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The path of CUDA, on the CPU, where PyTorch has the operation in single precision too."""
    lengths = [3, 1, 9, 4, 7, 2, 5, 8, 6]
    offsets = [sum(lengths[:k]) for k in range(len(lengths) + 1)]
    torch.manual_seed(0)
    shapes = [(45, 24), (45, 16), (9, 8, 16), (9, 24, 8)]
    inputs = [torch.randn(shape, requires_grad=True) for shape in shapes]
    out = torch.randn(45, 24)
    base, rows, down, up = inputs

    def both() -> tuple[Tensor, ...]:
        value = grouped_lora(base, rows, Factors(down, up, SCALE), offsets)
        return value, *torch.autograd.grad(value, inputs, out)

    loop = both()
    asked: list[int] = []

    def always(*args: object) -> bool:
        asked.append(1)
        return True

    monkeypatch.setattr(module, "takes_kernel", always)
    kernel = both()
    assert len(asked) == 6  # two products forwards; two and two outer ones backwards
    torch.testing.assert_close(kernel, loop, rtol=1e-5, atol=1e-5)
    monkeypatch.undo()
    expected = separate(base, rows, down, up, offsets)
    torch.testing.assert_close(kernel[0], expected, rtol=1e-5, atol=1e-5)


def test_the_kernel_is_taken_where_it_can_serve_and_launches_are_many() -> None:
    cuda, many = torch.device("cuda"), tuple(range(0, 4 * KERNEL_GROUPS + 1, 4))
    assert takes_kernel(cuda, torch.bfloat16, (64, 8), many)
    assert not takes_kernel(torch.device("cpu"), torch.bfloat16, (64, 8), many)
    assert not takes_kernel(cuda, torch.float32, (64, 8), many)
    assert not takes_kernel(cuda, torch.bfloat16, (64, 4), many)  # rank 4: rows of 8 bytes
    assert not takes_kernel(cuda, torch.bfloat16, (64, 8), many[:-1])
    assert not takes_kernel(cuda, torch.bfloat16, (64, 8), (0, 0, *many[2:]))  # an empty slice
