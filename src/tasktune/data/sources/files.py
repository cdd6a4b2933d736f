"""Opening files so that whatever is wrong with one is said in a line."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

from tasktune.config import SourceConfig
from tasktune.errors import UserError


@dataclass(frozen=True)
class Place:
    """A source with what it takes to find and to name it.

    :param key: the YAML key, such as ``tasks.sst2.train``.
    """

    source: SourceConfig
    folder: Path
    key: str

    @property
    def shown(self) -> str:
        """The path as the user wrote it."""
        assert isinstance(self.source.path, str)
        return self.source.path

    @property
    def path(self) -> Path:
        """The path to open."""
        return resolve(self.shown, self.folder)


def resolve(path: str, folder: Path) -> Path:
    """``path``, started from ``folder`` if it is relative."""
    return folder / Path(path).expanduser()


def read_bytes(place: Place, shown: str) -> bytes:
    """A file's content, unpacked if it ends in .gz.

    :raises UserError: if there is no such file or it can't be read.
    """
    path = resolve(shown, place.folder)
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
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


def read_lines(place: Place, shown: str) -> list[str]:
    """A text file's lines, without their ends; a byte-order mark and carriage returns are dropped.

    Only a line feed ends a line: tweets hold other characters that Unicode counts as line ends.

    :raises UserError: if it is not in the encoding that the source names.
    """
    return read_text(place, shown).replace("\r\n", "\n").removesuffix("\n").split("\n")


def read_text(place: Place, shown: str) -> str:
    """A text file's content, without a byte-order mark.

    :raises UserError: if it is not in the encoding that the source names.
    """
    content = read_bytes(place, shown)
    encoding = place.source.encoding
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(
            f"{place.key}: {shown} line {line} is not {encoding}"
            f" (byte 0x{content[error.start]:02x}); set encoding:, such as latin-1"
        ) from None
    except LookupError:
        raise UserError(f"{place.key}.encoding: there is no encoding '{encoding}'") from None
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise UserError(f"{place.key}: {shown} is empty")
    return text
