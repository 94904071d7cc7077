"""Contributions: raw logs plus labels that somebody adds to a golden dataset; immutable.

`contributions/<dataset>/<id>/` holds the raw file, `labels.csv` and `contribution.json`; the id is
a hash of the content, so the same contribution can be handed in any number of times.
"""

import json
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from whetstone.errors import InputError
from whetstone.landing import copy_whole, file_hash
from whetstone.lake import version_of

_DESCRIPTION = "contribution.json"
_LABELS = "labels.csv"


@dataclass(frozen=True)
class Contribution:
    """An accepted contribution.

    Attributes:
        id: hash of raw file, labels and day.
        day: the day that the raw logs were written on or before (the year of year-less clocks).
    """

    id: str
    dataset: str
    source: str
    contributor: str
    note: str
    day: str
    accepted_at: str
    raw_name: str
    directory: Path

    @property
    def raw(self) -> Path:
        """The raw file."""
        return self.directory / self.raw_name

    @property
    def labels(self) -> Path:
        """The labels as handed in."""
        return self.directory / _LABELS


def contribute(
    root: Path,
    dataset: str,
    source: str,
    raw: Path,
    labels: Path,
    *,
    contributor: str,
    day: date,
    note: str = "",
) -> tuple[Contribution, bool]:
    """Accept a contribution, whole or not at all; also tells whether it is new.

    The caller has checked that labels and raw logs fit together.
    """
    for file in (raw, labels):
        if not file.is_file() or not file.stat().st_size:
            raise InputError(f"{file}: no such file, or it is empty")
    identity = version_of(dataset, file_hash(raw), file_hash(labels), day.isoformat())
    directory = root / dataset / identity
    if directory.exists():
        return _read(directory), False
    raw_name = raw.name if raw.name != _LABELS else f"raw-{raw.name}"
    accepted = Contribution(
        id=identity,
        dataset=dataset,
        source=source,
        contributor=contributor,
        note=note,
        day=day.isoformat(),
        accepted_at=datetime.now(UTC).isoformat(timespec="seconds"),
        raw_name=raw_name,
        directory=directory,
    )
    hidden = root / dataset / f".{uuid.uuid4().hex}.tmp"
    try:
        hidden.mkdir(parents=True)
        copy_whole(raw, hidden / raw_name)
        copy_whole(labels, hidden / _LABELS)
        description = {k: v for k, v in asdict(accepted).items() if k != "directory"}
        (hidden / _DESCRIPTION).write_text(json.dumps(description, indent=1), encoding="utf-8")
        hidden.rename(directory)
    except OSError as error:
        if directory.exists():  # somebody else handed in the same at this very moment
            return _read(directory), False
        raise InputError(
            f"{directory}: cannot be written ({error}); free space and repeat"
        ) from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    return accepted, True


def contributions(root: Path, dataset: str) -> list[Contribution]:
    """The accepted contributions of a golden dataset, by id."""
    found = sorted((root / dataset).glob(f"*/{_DESCRIPTION}"))
    return [_read(path.parent) for path in found if not path.parent.name.startswith(".")]


def contributions_version(accepted: Sequence[Contribution]) -> str:
    """The version of a set of contributions."""
    return version_of(*(contribution.id for contribution in accepted))


def _read(directory: Path) -> Contribution:
    description = json.loads((directory / _DESCRIPTION).read_text(encoding="utf-8"))
    return Contribution(**description, directory=directory)
