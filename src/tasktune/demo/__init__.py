"""The demo: a tiny model that comes with the package, and four tasks made on the spot."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from tasktune.demo.tasks import write_demo

__all__ = ["tiny_model_folder", "write_demo"]


def tiny_model_folder() -> Path:
    """The folder of ``builtin:tiny``: weights, configuration and tokenizer, as Transformers loads.

    :raises FileNotFoundError: if the package was installed without its data.
    """
    folder = Path(str(resources.files("tasktune.demo").joinpath("tiny")))
    if not (folder / "model.safetensors").is_file():
        raise FileNotFoundError(f"builtin:tiny is not installed: no weights in {folder}")
    return folder
