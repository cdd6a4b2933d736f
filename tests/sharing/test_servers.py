"""Command lines against the rules that servers state."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktune.sharing.servers import VLLM_RANKS, vllm_command, vllm_rank


@given(st.integers(1, 600))
def test_the_least_rank_that_admits(rank: int) -> None:
    admitted = vllm_rank(rank)
    assert [r for r in VLLM_RANKS if r >= rank][:1] == ([] if admitted is None else [admitted])


@pytest.mark.parametrize(("rank", "said"), [(4, "8"), (16, "16"), (24, "32"), (129, "256")])
def test_all_adapters_are_in_the_command(rank: int, said: str) -> None:
    command = vllm_command("org/base", ["one", "two-b"], rank, "v 1")
    assert command is not None
    words = shlex.split(command)
    assert words[:5] == ["vllm", "serve", "org/base", "--revision", "v 1"]
    assert words[words.index("--max-lora-rank") + 1] == said
    assert words[words.index("--lora-modules") + 1 :] == ["one=./one", "two-b=./two-b"]


def test_no_command_beyond_the_largest_rank() -> None:
    assert vllm_command("org/base", ["one"], 513) is None
    assert vllm_command("org/base", [], 8) is None
