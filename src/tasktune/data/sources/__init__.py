"""Sources: rows out of files, each with its place for messages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tasktune.config import SourceConfig
from tasktune.data.sources.columns import read_columns
from tasktune.data.sources.delimited import read_csv, read_tsv
from tasktune.data.sources.files import Place, resolve
from tasktune.data.sources.json_records import read_json, read_jsonl
from tasktune.data.sources.library import read_dataset
from tasktune.data.sources.parquet import read_parquet
from tasktune.data.sources.row import Row
from tasktune.data.sources.squad import read_squad
from tasktune.errors import UserError

__all__ = ["Row", "check_settings", "read_rows", "shown_path", "source_files"]

READERS: dict[str, Callable[[Place], list[Row]]] = {
    "csv": read_csv,
    "tsv": read_tsv,
    "json": read_json,
    "jsonl": read_jsonl,
    "parquet": read_parquet,
    "squad": read_squad,
    "text": read_columns,
    "datasets": read_dataset,
}
ENDINGS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".txt": "text",
}


def read_rows(source: SourceConfig, folder: Path, key: str, *, damaged: bool = False) -> list[Row]:
    """All rows of a source, in order.

    :param folder: where relative paths start.
    :param key: the YAML key of the source, such as ``tasks.sst2.train``, for messages.
    :param damaged: whether rows that can't be read come along, each with its problem.
    :raises UserError: if the source can't be read, naming file, line and way out; at its first
        damaged row, unless those are asked for and some row is sound.
    """
    form = source.format or guess_format(source, folder, key)
    if isinstance(source.path, dict) and form != "text":
        raise UserError(f"{key}: path names a file per column, which is format text, not {form}")
    rows = READERS[form](Place(source, folder, key))
    if not rows:
        raise UserError(f"{key}: {shown_path(source)} holds no rows")
    bad = [row for row in rows if row.problem]
    if bad and (not damaged or len(bad) == len(rows)):
        count = f"{len(bad):,} of {len(rows):,} rows"
        raise UserError(f"{key}: {bad[0].place}: {bad[0].problem} ({count})")
    return rows


def check_settings(source: SourceConfig, folder: Path, key: str) -> None:
    """Refuses settings that the source's format would pass over in silence.

    :raises UserError: naming the setting.
    """
    form = source.format or guess_format(source, folder, key)
    meant_for = {"columns": ("csv", "tsv"), "split": ("datasets",), "name": ("datasets",)}
    for setting, forms in meant_for.items():
        if getattr(source, setting) is not None and form not in forms:
            raise UserError(
                f"{key}.{setting}: means something for format {' and '.join(forms)} only; this"
                f" source is {form}"
            )


def guess_format(source: SourceConfig, folder: Path, key: str) -> str:
    """The format by the file's ending; a folder or a hub id is read by the datasets library.

    :raises UserError: if the ending says nothing.
    """
    if isinstance(source.path, dict):
        return "text"
    name = Path(source.path.removesuffix(".gz"))
    if name.suffix in ENDINGS:
        return ENDINGS[name.suffix]
    path = resolve(source.path, folder)
    if path.is_dir() or not path.exists():
        return "datasets"
    raise UserError(
        f"{key}: cannot tell the format of {source.path} by its ending; set format: one of"
        f" {', '.join(READERS)}"
    )


def shown_path(source: SourceConfig) -> str:
    """The path as the user wrote it."""
    return source.path if isinstance(source.path, str) else ", ".join(source.path.values())


def source_files(source: SourceConfig, folder: Path) -> list[Path]:
    """The files behind a source, those that exist, for fingerprints."""
    names = [source.path] if isinstance(source.path, str) else list(source.path.values())
    found: list[Path] = []
    for name in names:
        path = resolve(name, folder)
        found += [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    return found
