"""Zeek's logs as public datasets hold them: records by name, lines as they stand there."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.datasets.files import read_lines, write_lines


@dataclass(frozen=True)
class Record:
    """One record of a log.

    Attributes:
        line: as it stands there.
        values: by the names of Zeek's columns; what is not set is not among them.
    """

    line: str
    values: dict[str, str]

    @property
    def service(self) -> str:
        """The unit of one source, one destination and its port, as the feature views name it."""
        columns = ("id.orig_h", "id.resp_h", "id.resp_p")
        return "|".join(self.values[column] for column in columns)


@dataclass(frozen=True)
class Log:
    """A log: JSON, or TSV whose `header` names the columns."""

    header: list[str]
    records: list[Record]

    @staticmethod
    def read(path: Path) -> "Log":
        """Read a log, plain or gzip."""
        lines = [line for line in read_lines(path) if line]
        header = [line for line in lines if line.startswith("#")]
        body = [line for line in lines if not line.startswith("#")]
        columns = next((line for line in header if line.startswith("#fields")), "").split("\t")[1:]
        return Log(header, list(_records(body, columns)))

    def write(self, path: Path, chosen: Callable[[Record], bool]) -> Path:
        """Write the records that are chosen, in the format that they came in."""
        return write_lines(path, [*self.header, *(r.line for r in self.records if chosen(r))])


def _records(lines: list[str], columns: list[str]) -> Iterator[Record]:
    for line in lines:
        if columns:
            pairs = zip(columns, line.split("\t"), strict=True)
            yield Record(line, {name: value for name, value in pairs if value != "-"})
        else:
            yield Record(line, {name: str(value) for name, value in json.loads(line).items()})
