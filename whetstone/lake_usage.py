"""How large the lake is: by layer and name, from the sizes of its files."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from whetstone.lake import PART, Lake, Place
from whetstone.settings import Retention

_DAY = "day="


@dataclass(frozen=True, slots=True)
class Partition:
    """Bytes of a partition on disk.

    Attributes:
        place: the partition.
        rows: bytes of its rows; 0: it has none, or they have expired.
        beside: bytes of all else that lies there: manifest, sketches, what was kept.
    """

    place: Place
    rows: int
    beside: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What a layer's thing, such as `parsed/sshd`, takes.

    Attributes:
        layer: the layer.
        name: source, view, golden dataset or detector.
        bytes: of all its files.
        partitions: days, or 1 of what has no days.
        with_rows: of them, whose rows are there.
        oldest: oldest day with rows; empty: it has no days, or no rows.
        newest: newest day with rows.
    """

    layer: str
    name: str
    bytes: int
    partitions: int
    with_rows: int
    oldest: str
    newest: str


def partitions(lake: Lake, layers: Iterable[str] = ()) -> Iterator[Partition]:
    """All partitions of some layers, or of all, in the order of layer, name and day.

    What lies beside the days of a thing comes last, as a partition without day.
    """
    for layer in sorted(layers) or _directories(str(lake.root)):
        for name in _directories(f"{lake.root}/{layer}"):
            base = f"{lake.root}/{layer}/{name}"
            found = _entries(base)
            for entry in sorted(found, key=lambda each: each.name):
                if entry.name.startswith(_DAY):
                    yield _measured(
                        Place(layer, name, entry.name.removeprefix(_DAY)), _entries(entry.path)
                    )
            whole = [entry for entry in found if not entry.name.startswith(_DAY)]
            if whole:
                yield _measured(Place(layer, name), whole)


def usage(found: Iterable[Partition]) -> list[Usage]:
    """Sums by layer and name."""
    by_asset: dict[tuple[str, str], list[Partition]] = {}
    for each in found:
        by_asset.setdefault((each.place.layer, each.place.name), []).append(each)
    return [_sum(layer, name, each) for (layer, name), each in by_asset.items()]


def over(bytes_by_layer: Mapping[str, int], limits: Mapping[str, Retention]) -> dict[str, int]:
    """By how many bytes layers exceed their caps; those that do not are left out."""
    caps = {layer: int(each.gigabytes * 1e9) for layer, each in limits.items() if each.gigabytes}
    excess = {layer: bytes_by_layer.get(layer, 0) - cap for layer, cap in caps.items()}
    return {layer: more for layer, more in excess.items() if more > 0}


def age(day: str, today: date) -> int:
    """How many days ago a day was."""
    return (today - date.fromisoformat(day)).days


def _sum(layer: str, name: str, found: list[Partition]) -> Usage:
    days = [each.place.day for each in found if each.rows and each.place.day is not None]
    return Usage(
        layer=layer,
        name=name,
        bytes=sum(each.rows + each.beside for each in found),
        partitions=sum(each.place.day is not None for each in found) or len(found),
        with_rows=sum(each.rows > 0 for each in found),
        oldest=min(days, default=""),
        newest=max(days, default=""),
    )


def _measured(place: Place, found: "Iterable[os.DirEntry[str]]") -> Partition:
    rows = beside = 0
    for entry in found:
        size = _size(entry)
        rows, beside = (size, beside) if entry.name == PART else (rows, beside + size)
    return Partition(place, rows, beside)


def _size(entry: "os.DirEntry[str]") -> int:
    try:
        if entry.is_dir(follow_symlinks=False):
            return sum(_size(each) for each in _entries(entry.path))
        return entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:  # it was being written, and is renamed by now
        return 0


def _directories(path: str) -> list[str]:
    return sorted(entry.name for entry in _entries(path) if entry.is_dir())


def _entries(path: str) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(path) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError):
        return []
