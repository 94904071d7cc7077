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
from whetstone.lake import version_of
from whetstone.landing import copy_whole, file_hash
from whetstone.quarantine import CONTRIBUTION, quarantined

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

    Raises:
        InputError: a file does not exist or is empty, or the contribution cannot be written.
    """
    for file in (raw, labels):
        if not file.is_file() or not file.stat().st_size:
            raise InputError(f"{file}: no such file, or it is empty")
    raw_name = raw.name if raw.name not in (_LABELS, _DESCRIPTION) else f"raw-{raw.name}"
    hidden = root / dataset / f".{uuid.uuid4().hex}.tmp"
    try:
        copy_whole(raw, hidden / raw_name)
        copy_whole(labels, hidden / _LABELS)
        # Of the copies: the originals may still be growing.
        contents = file_hash(hidden / raw_name), file_hash(hidden / _LABELS)
        identity = version_of(dataset, *contents, day.isoformat())
        directory = root / dataset / identity
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
        description = {k: v for k, v in asdict(accepted).items() if k != "directory"}
        (hidden / _DESCRIPTION).write_text(json.dumps(description, indent=1), encoding="utf-8")
        return (accepted, True) if _publish(hidden, directory) else (_read(directory), False)
    except OSError as error:
        raise InputError(
            f"{root / dataset}: cannot be written ({error}); free space and repeat"
        ) from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def contributions(root: Path, dataset: str) -> list[Contribution]:
    """The contributions that a golden dataset is made of, by id: none that is in quarantine."""
    held = {mark.name for mark in quarantined(root, dataset) if mark.kind == CONTRIBUTION}
    return [one for one in accepted_contributions(root, dataset) if one.id not in held]


def accepted_contributions(root: Path, dataset: str) -> list[Contribution]:
    """All contributions to a golden dataset that are kept, by id; those in quarantine, too."""
    found = sorted((root / dataset).glob(f"*/{_DESCRIPTION}"))
    return [_read(path.parent) for path in found if not path.parent.name.startswith(".")]


def contributions_version(accepted: Sequence[Contribution]) -> str:
    """The version of a set of contributions."""
    return version_of(*(contribution.id for contribution in accepted))


def _publish(hidden: Path, directory: Path) -> bool:
    """Give a finished contribution its name; False when it is there already."""
    try:
        hidden.rename(directory)
    except OSError:
        if directory.exists():
            return False
        raise
    return True


def _read(directory: Path) -> Contribution:
    description = json.loads((directory / _DESCRIPTION).read_text(encoding="utf-8"))
    return Contribution(**description, directory=directory)
