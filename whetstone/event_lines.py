"""From an event to its raw line, and an event as a line where there is none."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from whetstone.catalog.catalog_pb2 import Source
from whetstone.catalog.validation import EVENT_COLUMNS, MESSAGE_KEY
from whetstone.parsing.records import read_records

_HIDDEN = frozenset({*EVENT_COLUMNS, MESSAGE_KEY} - {"event_time"})


def records_at(
    source: Source, path: Path, numbers: Collection[int], max_line_bytes: int
) -> dict[int, str]:
    """The records of a raw file that begin on these lines; the file is read no further than that.

    Raises:
        InputError: the file cannot be read.
    """
    found: dict[int, str] = {}
    for batch in read_records(source, path, max_line_bytes) if numbers else ():
        for line, number in zip(
            batch.column("line").to_pylist(), batch.column("raw_line").to_pylist(), strict=True
        ):
            if number in numbers:
                found.setdefault(number, str(line))
        if len(found) == len(numbers):
            break
    return found


def in_words(event: Mapping[str, Any]) -> str:
    """An event as `field=value`, without what is not of its line."""
    return " ".join(
        f"{name}={value}"
        for name, value in event.items()
        if value is not None and name not in _HIDDEN and not name.startswith("_")
    )
