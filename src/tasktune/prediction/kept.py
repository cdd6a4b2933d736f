"""What has been predicted so far, on disk: a killed prediction goes on from there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from tasktune.prediction.parts import Part, Values


class Kept:
    """Whole parts, a line each, after a first line that says what they are parts of.

    :param path: of the file, which goes when all is done.
    :param job: changes whenever the predictions would.
    """

    def __init__(self, path: Path, job: str) -> None:
        self.path = path
        self.first = json.dumps({"job": job}).encode() + b"\n"

    def begin(self) -> int:
        """Makes ready to be added to; returns how many rows of the input are behind.

        A line that a kill has cut off is dropped. What is of another job is thrown away.
        """
        end = read = 0
        if self.path.is_file():
            with self.path.open("rb") as file:
                if file.readline() == self.first:
                    end = len(self.first)
                    for line in file:
                        if not line.endswith(b"\n"):
                            break
                        end += len(line)
                        read += int(json.loads(line)["read"])
        if end:
            os.truncate(self.path, end)
        else:
            self.path.write_bytes(self.first)
        return read

    def add(self, part: Part) -> None:
        """Writes a part, whole or not at all; what JSON can't hold, such as a date, as text."""
        text = json.dumps(asdict(part), ensure_ascii=False, default=str)
        line = text.encode("utf-8", "backslashreplace") + b"\n"
        with self.path.open("ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def parts(self) -> Iterator[Part]:
        """All parts, in order."""
        with self.path.open("rb") as file:
            file.readline()
            for line in file:
                yield Part(**json.loads(line))

    def rows(self) -> Iterator[list[Values]]:
        """The rows of each part."""
        return (part.rows for part in self.parts() if part.rows)
