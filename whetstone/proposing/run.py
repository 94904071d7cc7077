"""Propose a source from a raw file: guess, try, and keep the first guess that parses it."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from whetstone.catalog import validation
from whetstone.catalog.catalog_pb2 import Format, Source
from whetstone.catalog.textproto import read_message
from whetstone.checking.samples import problems_of_samples
from whetstone.comparing.samples import file_sample, first_lines
from whetstone.engine import open_engine
from whetstone.errors import InputError
from whetstone.proposing.fields import PARSES, defined_source
from whetstone.proposing.formats import possible_formats
from whetstone.proposing.writing import textproto
from whetstone.settings import settings
from whetstone.trial import SourceTrial, try_source

_LOOKED_AT_LINES = 2000
_HEADER_LINES = 100
_SAMPLED_LINES = 20_000


@dataclass(frozen=True)
class Proposal:
    """A source that parses a file, its text, and what it made of the file."""

    source: Source
    text: str
    trial: SourceTrial

    @property
    def format(self) -> str:
        """The format that was recognised."""
        return Format.Name(self.source.format)


def writable_path(catalog: Path, name: str) -> Path:
    """Where a new source goes.

    Raises:
        InputError: the name is none, or taken.
    """
    if not validation.is_name(name):
        raise InputError(f"{name}: a name has lower-case letters, digits and _, at most 63")
    path = catalog / "sources" / f"{name}.textproto"
    if path.exists():
        raise InputError(f"{path} is there already; choose another name")
    return path


def write_new(path: Path, text: str) -> None:
    """Write a definition; InputError when the file has come into being, or cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error})") from error


def propose(name: str, file: Path, day: str, records: int) -> Proposal:
    """Propose a definition that parses a raw file.

    Args:
        name: name of the source.
        file: plain, gzip or zstd; its first lines are looked at, then all of it is parsed.
        day: the day it would be landed on, ISO.
        records: how many events to show.

    Raises:
        InputError: the file cannot be read, or is no text.
    """
    lines = _some_lines(file)
    if not lines:
        raise InputError(f"{file}: no lines to learn from")
    with TemporaryDirectory(prefix="whetstone-proposal-") as directory:
        sample = file_sample(
            file, day, _SAMPLED_LINES, Path(directory), settings().max_line_bytes
        ).files[0]
        for skeleton in possible_formats(lines):
            skeleton.name = name
            source = defined_source(skeleton, sample, day)
            if source is None:
                continue
            _keep_good_samples(source)
            text = textproto(source, f"Proposed from {file.name}: check names and personal data.")
            if _problems(text, Path(directory), name):
                continue
            trial = try_source(source, file, day, records)
            if trial.parsed.events >= PARSES * trial.parsed.lines:
                return Proposal(source, text, trial)
    raise InputError(f"{file}: most of it is no text; decode or unpack it first")


def _some_lines(file: Path) -> list[str]:
    """Lines of a file's beginning: the very first, where headers are, and then every so many."""
    lines = first_lines(file, _SAMPLED_LINES, settings().max_line_bytes)
    found = [line for line in lines if line]
    rest = found[_HEADER_LINES:]
    return found[:_HEADER_LINES] + rest[:: len(rest) // _LOOKED_AT_LINES + 1]


def _keep_good_samples(source: Source) -> None:
    """Of the records that were taken as samples, those that parse."""
    with open_engine() as connection:
        bad = problems_of_samples(connection, source)
    good = [sample for number, sample in enumerate(source.samples) if number not in bad]
    del source.samples[:]
    source.samples.extend(good)


def _problems(text: str, directory: Path, name: str) -> bool:
    """Whether `whetstone catalog check` would refuse the file."""
    file = directory / f"{name}.textproto"
    file.write_text(text, encoding="utf-8")
    located = read_message(file, Source)
    return bool(validation.check({name: located}, {}, {}, {}, {}))
