"""Liger's kernels, as far as there is no GPU; ``tests/test_cuda.py`` has the rest."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
import torch

from tasktune.errors import UserError
from tasktune.model.kernels import use_liger_kernels
from tests.batching.test_equality import tiny
from tests.training.test_resume import assert_identical
from tests.workshop import Workshop


@pytest.mark.skipif(find_spec("liger_kernel") is not None, reason="liger-kernel is installed")
def test_a_missing_package_is_named() -> None:
    with pytest.raises(UserError, match=r"model\.kernels: liger-kernel is not installed; pip"):
        use_liger_kernels(tiny("llama"))


@pytest.mark.skipif(find_spec("liger_kernel") is None, reason="needs liger-kernel")
def test_a_model_that_liger_does_not_know_is_refused() -> None:
    with pytest.raises(UserError, match=r"model\.kernels: liger has none for 'gpt2'; set kernels"):
        use_liger_kernels(tiny("gpt2"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_key_changes_nothing(workshop: Workshop) -> None:
    """So that a run that was trained on one opens anywhere."""
    plain = workshop.train(f"output={workshop.folder / 'plain'}")
    assert_identical(plain, workshop.train("model.kernels=liger"))
