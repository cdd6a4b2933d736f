"""Imports all that a command may need, in the process that others are forked from."""

from __future__ import annotations

import importlib

from tasktune.methods import REGISTRIES

MODULES = (
    "optuna",
    "tasktune.cli",
    "tasktune.comparison.compare",
    "tasktune.comparison.table",
    "tasktune.prediction",
    "tasktune.run",
    "tasktune.train_shown",
    "tasktune.training.progress",
    "tasktune.tuning",
    "tasktune.tuning.table",
    "torch.distributed.fsdp",
    "torch.multiprocessing.spawn",
    "torch.optim",
    "torch.utils.serialization",
    "transformers.generation",
    "transformers.models.llama.modeling_llama",
    "transformers.tokenization_utils_tokenizers",
)

for registry in REGISTRIES:
    registry.names()
for name in MODULES:
    importlib.import_module(name)
