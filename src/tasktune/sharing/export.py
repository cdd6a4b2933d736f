"""Exports of a run: each task as a plain PEFT adapter or as a whole model, with cards and heads."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tasktune.model.export import adapter_rank, export_adapters, export_merged, save_heads
from tasktune.run import Run
from tasktune.sharing.cards import write_cards


def export(run: Run, form: str = "peft", folder: Path | None = None) -> list[Path]:
    """Writes each task's model, the heads, and a card for each and for the whole.

    :param form: ``peft`` for plain LoRA adapters, ``merged`` for whole models.
    :param folder: in the run's folder where absent.
    :returns: one folder a task.
    :raises UserError: if there is no checkpoint, or a merge is not finite.
    """
    model = run.trained_model()
    target = folder or export_folder(run, form)
    if form == "peft":
        written = export_adapters(model, target)
    else:
        with tempfile.TemporaryDirectory() as aside:
            adapters = export_adapters(model, Path(aside))
            written = [export_merged(adapter, target / adapter.name, model) for adapter in adapters]
    save_heads(model, target)
    write_cards(run, form, target, adapter_rank(model))
    return written


def export_folder(run: Run, form: str) -> Path:
    """Where an export goes that names no folder."""
    return run.folder / ("adapters" if form == "peft" else "merged")
