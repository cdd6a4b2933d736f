"""A file of rows into a file of predictions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

from tasktune import __version__
from tasktune.config_file import dump_config
from tasktune.data import Task
from tasktune.data.cleaning import Pipeline
from tasktune.data.sources import source_files
from tasktune.errors import UserError
from tasktune.locks import FileLock
from tasktune.prediction.formats import as_line, writer_for
from tasktune.prediction.kept import Kept
from tasktune.prediction.parts import AT_ONCE, Part, predicted, rows_of, source_of
from tasktune.run import Run
from tasktune.training.checkpoint import trained_parameters


def predict_file(
    run: Run, task_name: str, file: Path, output: Path, *, skip_bad: bool = False
) -> int:
    """Predicts a file's rows; the same call goes on where a killed one stopped.

    Until all is done, the parts stand in a hidden file beside the output.

    :param output: its ending says the format: ``.jsonl``, ``.csv``, ``.tsv`` or ``.parquet``.
    :param skip_bad: leave out rows that can't be predicted, and say how many.
    :returns: the number of predictions.
    :raises UserError: for an unknown task, files that can't be read or written, and bad rows.
    """
    write = writer_for(output)
    if output.exists() and file.exists() and output.samefile(file):
        raise UserError(f"--output: {output} is the file of rows itself; name another")
    task = run.outline(task_name)
    skip_bad = skip_bad or task.config.on_bad_rows == "skip"
    with writable(output), alone(output):
        kept = Kept(hidden(output, "partial"), job(run, task, file, skip_bad))
        behind = kept.begin()
        if behind:
            run.say(f"going on after {behind:,} rows that are done")
        rows = islice(rows_of(task, file), behind, None)
        with tqdm(initial=behind, unit=" rows", disable=None, leave=False) as bar:
            for part in predicted(run, task_name, rows, skip_bad=skip_bad):
                kept.add(part)
                bar.update(part.read)
        count = Count(run)
        for part in kept.parts():
            count.add(part)
        count.report()
        aside = hidden(output, "written")
        write(kept.rows, aside)
        aside.replace(output)
        kept.path.unlink()
    return count.rows


def print_predictions(
    run: Run, task_name: str, file: Path, stream: TextIO, *, skip_bad: bool = False
) -> None:
    """Writes a JSON line for each of a file's rows as soon as it is predicted.

    :param skip_bad: leave out rows that can't be predicted, and say how many.
    :raises UserError: for an unknown task, a file that can't be read, and bad rows.
    """
    task = run.outline(task_name)
    skip_bad = skip_bad or task.config.on_bad_rows == "skip"
    count = Count(run)
    for part in predicted(run, task_name, rows_of(task, file), skip_bad=skip_bad):
        stream.writelines(as_line(row) for row in part.rows)
        stream.flush()
        count.add(part)
    count.report()


class Count:
    """Counts predictions and the rows that were left out.

    :param run: what tells the user.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.rows = 0
        self.bad = 0
        self.first: tuple[str, str] | None = None

    def add(self, part: Part) -> None:
        """Counts a part."""
        self.rows += len(part.rows)
        self.bad += len(part.bad)
        self.first = self.first or next(iter(part.bad), None)

    def report(self) -> None:
        """Says how many rows were left out.

        :raises UserError: if all were.
        """
        if self.first is not None:
            place, why = self.first
            whole = self.rows + self.bad
            self.run.say(f"{self.bad:,} of {whole:,} rows were left out; the first: {place}: {why}")
        if self.rows == 0:
            raise UserError("no row is left to be predicted")


def job(run: Run, task: Task, file: Path, skip_bad: bool) -> str:
    """Changes whenever the predictions would: with rows, model, run file and users' functions."""
    used = [*source_files(source_of(task, file), Path(), str(file))]
    used.append(trained_parameters(run.folder, run.config.monitor.keep))
    stamps = [
        (str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in used if path.exists()
    ]
    functions = Pipeline(task.config, f"tasks.{task.name}", run.config.folder).fingerprint()
    config = dump_config(run.config)
    parts = [__version__, AT_ONCE, task.name, skip_bad, stamps, config, functions]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def hidden(output: Path, ending: str) -> Path:
    """A file of ours beside the output."""
    return output.with_name(f".{output.name}.{ending}")


@contextmanager
def writable(output: Path) -> Iterator[None]:
    """Says in a line what a disk has against being written to.

    :raises UserError: if it does.
    """
    try:
        yield
    except OSError as error:
        raise UserError(
            f"--output: cannot write {error.filename or output}: {error.strerror}"
        ) from None


@contextmanager
def alone(output: Path) -> Iterator[None]:
    """Keeps other processes from writing the same output.

    :raises UserError: if one does.
    """
    lock = FileLock(hidden(output, "lock"))
    if not lock.acquire(wait=False):
        raise UserError(f"--output: another process writes {output}; wait, or name another file")
    try:
        yield
    finally:
        lock.path.unlink(missing_ok=True)
        lock.release()
