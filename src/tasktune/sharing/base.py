"""The base model, as others know it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import ModelCard, try_to_load_from_cache
from huggingface_hub.errors import HFValidationError

from tasktune.config import ModelConfig
from tasktune.model.loading import BUILTIN


@dataclass(frozen=True)
class Base:
    """What a card says of the base model.

    :param hub_id: None for a model that is a folder of this machine.
    :param shown: what to name it in a sentence.
    :param loaded_from: what stands for it in code.
    :param revision: of a hub id that is not the newest.
    :param license: as its own card states it; None where that says none or is not at hand.
    """

    hub_id: str | None
    shown: str
    loaded_from: str
    revision: str | None
    license: str | None


def describe(config: ModelConfig, source: str) -> Base:
    """The base of a run.

    :param source: the folder or hub id that it was loaded from.
    """
    folder = Path(source)
    if folder.is_dir():
        builtin = config.base.startswith(BUILTIN)
        shown = config.base if builtin else Path(config.base).name or folder.name
        stated = stated_license(folder / "README.md")
        return Base(None, shown, f"path/to/{folder.name}", None, stated)
    try:
        cached = try_to_load_from_cache(source, "README.md", revision=config.revision)
    except HFValidationError:
        cached = None
    found = stated_license(Path(cached)) if isinstance(cached, str) else None
    return Base(source, source, source, config.revision, found)


def stated_license(card: Path) -> str | None:
    """The licence in a model card's metadata."""
    if not card.is_file():
        return None
    try:
        license = ModelCard.load(card, ignore_metadata_errors=True).data.license
    except (ValueError, OSError):
        return None
    return license if isinstance(license, str) else None
