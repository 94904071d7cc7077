"""A bounded sample of real raw lines: the beginnings of the newest files that have landed."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from whetstone.landing import landed_days, landed_files
from whetstone.parsing import RawFile
from whetstone.parsing.lines import read_lines


@dataclass(frozen=True)
class Sample:
    """Raw lines of one source, landed on one day; `files` are copies of their first lines."""

    day: str
    files: tuple[RawFile, ...]
    lines: int


def take_samples(
    sources: Sequence[str], landing: Path, lines: int, into: Path, limit: int
) -> dict[str, list[Sample]]:
    """Samples of what has landed, by source; copies go to directories below `into`."""
    samples: dict[str, list[Sample]] = {}
    for source in sources:
        directory = into / source
        directory.mkdir()
        samples[source] = landed_sample(landing, source, lines, directory, limit)
    return samples


def landed_sample(landing: Path, source: str, lines: int, into: Path, limit: int) -> list[Sample]:
    """The first lines of landed files, the newest days first, until there are enough.

    Args:
        landing: the landing area.
        source: the source's name.
        lines: how many lines, over all days.
        into: a directory for the copies.
        limit: longest line, in bytes.
    """
    samples: list[Sample] = []
    for day in reversed(landed_days(landing, source)):
        files = landed_files(landing, source, day)
        # Every environment has its say.
        share = max(lines // len(files), 1)
        sample = _copied(day, files, share, into, limit)
        samples.append(sample)
        lines -= sample.lines
        if lines <= 0:
            break
    return samples


def file_sample(file: Path, day: str, lines: int, into: Path, limit: int) -> Sample:
    """The first lines of a file.

    Raises:
        InputError: it cannot be read.
    """
    return _copied(day, [RawFile(file, "sample", file.name)], lines, into, limit)


def _copied(day: str, files: Sequence[RawFile], lines: int, into: Path, limit: int) -> Sample:
    copies: list[RawFile] = []
    total = 0
    for file in files:
        path = into / f"{day}-{len(list(into.iterdir()))}"
        with path.open("w", encoding="utf-8", newline="") as copy:
            for line in first_lines(file.path, lines, limit):
                copy.write(f"{line}\n")
                total += 1
        copies.append(replace(file, path=path))
    return Sample(day, tuple(copies), total)


def first_lines(path: Path, lines: int, limit: int) -> Iterator[str]:
    """The first lines of a raw file; what is no text is an empty line, which keeps the numbers."""
    for batch in read_lines(path, limit, chunk_bytes=1 << 20):
        taken = batch.slice(0, lines)
        for line, problem in zip(
            taken.column("line").to_pylist(), taken.column("problem").to_pylist(), strict=True
        ):
            yield "" if problem else line
        lines -= len(taken)
        if lines <= 0:
            return
