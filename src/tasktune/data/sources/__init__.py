"""Sources: rows out of files, each with its place for messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from tasktune.config import SourceConfig
from tasktune.data.sources.columns import read_columns
from tasktune.data.sources.delimited import read_csv, read_tsv
from tasktune.data.sources.files import Place, ending, resolve
from tasktune.data.sources.json_records import read_json, read_jsonl
from tasktune.data.sources.library import read_dataset
from tasktune.data.sources.parquet import read_parquet
from tasktune.data.sources.row import Row
from tasktune.data.sources.shards import shards, source_files
from tasktune.data.sources.shuffle import shuffled
from tasktune.data.sources.squad import read_squad
from tasktune.errors import UserError

__all__ = [
    "ENDINGS",
    "Row",
    "check_settings",
    "ending",
    "shown_path",
    "source_files",
    "stream_rows",
]

READERS: dict[str, Callable[[Place], Iterator[Row]]] = {
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
MEANT_FOR = {
    "columns": ("csv", "tsv"),
    "split": ("datasets",),
    "name": ("datasets",),
    "streaming": ("datasets",),
}


def stream_rows(source: SourceConfig, folder: Path, key: str) -> Iterator[Row]:
    """The rows of a source, in order, one at a time; those that can't be read with their problem.

    A source of many files is read file after file. With ``shuffle_buffer`` the order is another,
    and ``take`` ends it early.

    :param folder: where relative paths start.
    :param key: the YAML key of the source, such as ``tasks.sst2.train``, for messages.
    :raises UserError: if the source can't be read, naming file, line and way out.
    """
    form = source.format or guess_format(source, folder, key)
    if isinstance(source.path, dict) and form != "text":
        raise UserError(f"{key}: path names a file per column, which is format text, not {form}")
    rows: Iterator[Row] = (
        row for place in shards(source, folder, key) for row in READERS[form](place)
    )
    if source.shuffle_buffer is not None:
        rows = shuffled(rows, source.shuffle_buffer)
    empty = True
    for row in islice(rows, source.take):
        empty = False
        yield row
    if empty:
        raise UserError(f"{key}: {shown_path(source)} holds no rows")


def check_settings(source: SourceConfig, folder: Path, key: str) -> None:
    """Refuses settings that the source's format would pass over in silence.

    :raises UserError: naming the setting.
    """
    form = source.format or guess_format(source, folder, key)
    for setting, forms in MEANT_FOR.items():
        if getattr(source, setting) and form not in forms:
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
    first = source.path if isinstance(source.path, str) else source.path[0]
    if ending(Path(first)) in ENDINGS:
        return ENDINGS[ending(Path(first))]
    path = resolve(first, folder)
    if path.is_dir() or not path.exists():
        return "datasets"
    raise UserError(
        f"{key}: cannot tell the format of {first} by its ending; set format: one of"
        f" {', '.join(READERS)}"
    )


def shown_path(source: SourceConfig) -> str:
    """The path as the user wrote it."""
    if isinstance(source.path, str):
        return source.path
    return ", ".join(source.path.values() if isinstance(source.path, dict) else source.path)
