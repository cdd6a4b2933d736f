"""Opening files so that whatever is wrong with one is said in a line."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from tasktune.config import SourceConfig
from tasktune.errors import UserError

CHUNK = 1 << 20  # bytes read at once: a file of any size passes through this much memory


@dataclass(frozen=True)
class Place:
    """One file, folder or hub id of a source, with what it takes to find and to name it.

    :param shown: the path as the user wrote it; of a source of many files, one of them.
    :param key: the YAML key, such as ``tasks.sst2.train``.
    """

    source: SourceConfig
    shown: str
    folder: Path
    key: str

    @property
    def path(self) -> Path:
        """The path to open."""
        return resolve(self.shown, self.folder)


def resolve(path: str, folder: Path) -> Path:
    """``path``, started from ``folder`` if it is relative."""
    return folder / Path(path).expanduser()


def unpacked(path: Path) -> Path:
    """The name that a file has once it is unpacked."""
    return path.with_suffix("") if path.suffix.lower() == ".gz" else path


def ending(path: Path) -> str:
    """A file's ending in small letters, without a final .gz: ``.csv`` of ``TRAIN.CSV.gz``."""
    return unpacked(path).suffix.lower()


@contextmanager
def open_bytes(place: Place, shown: str) -> Iterator[BinaryIO]:
    """A file's content, unpacked if it ends in .gz.

    :raises UserError: if there is no such file or it can't be read, at once or further on.
    """
    path = resolve(shown, place.folder)
    try:
        with path.open("rb") if unpacked(path) == path else gzip.open(path) as file:
            yield cast(BinaryIO, file)
    except FileNotFoundError:
        raise UserError(
            f"{place.key}: file {shown} does not exist (looked in {place.folder})"
        ) from None
    except IsADirectoryError:
        raise UserError(f"{place.key}: {shown} is a folder where a file is expected") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{place.key}: {shown} is not a whole gzip file: {error}") from None
    except OSError as error:
        raise UserError(f"{place.key}: cannot read {shown}: {error.strerror}") from None


def read_lines(place: Place, shown: str) -> Iterator[str]:
    """A text file's lines, without their ends; a byte-order mark and carriage returns are dropped.

    Only a line feed ends a line: tweets hold other characters that Unicode counts as line ends.

    :raises UserError: if it is not in the encoding that the source names, or empty.
    """
    return (line.removesuffix("\n").removesuffix("\r") for line in whole_lines(place, shown))


def whole_lines(place: Place, shown: str) -> Iterator[str]:
    """A text file's lines with their ends, one after the other: the file is never whole in memory.

    :raises UserError: if it is not in the encoding that the source names, or empty.
    """
    rest: list[str] = []
    blank = True
    for text in text_chunks(place, shown):
        blank = blank and not text.strip()
        *lines, last = text.split("\n")
        for line in lines:
            rest.append(line)
            yield "".join(rest) + "\n"
            rest = []
        rest.append(last)
    if blank:
        raise UserError(f"{place.key}: {shown} is empty")
    if any(rest):
        yield "".join(rest)


def read_text(place: Place, shown: str) -> str:
    """A text file's content, without a byte-order mark.

    :raises UserError: if it is not in the encoding that the source names, or empty.
    """
    text = "".join(text_chunks(place, shown))
    if not text.strip():
        raise UserError(f"{place.key}: {shown} is empty")
    return text


def text_chunks(place: Place, shown: str) -> Iterator[str]:
    """A text file's content, a piece at a time, without a byte-order mark.

    :raises UserError: if it is not in the encoding that the source names.
    """
    encoding = place.source.encoding
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
    except LookupError:
        raise UserError(f"{place.key}.encoding: there is no encoding '{encoding}'") from None
    line, first = 1, True
    with open_bytes(place, shown) as file:
        while True:
            content = file.read(CHUNK)
            try:
                text = decoder.decode(content, final=not content)
            except UnicodeDecodeError as error:
                line += error.object[: error.start].count(b"\n")
                raise UserError(
                    f"{place.key}: {shown} line {line} is not {encoding}"
                    f" (byte 0x{error.object[error.start]:02x}); set encoding:, such as latin-1"
                ) from None
            except UnicodeError as error:  # UTF-16 without its byte-order mark
                raise UserError(
                    f"{place.key}: {shown} is not {encoding} ({error}); set another encoding:"
                ) from None
            yield text.removeprefix("\ufeff") if first else text
            if not content:
                return
            line, first = line + text.count("\n"), first and not text
