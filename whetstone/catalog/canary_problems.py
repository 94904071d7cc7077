"""What is wrong with the canaries of a golden dataset, without parsing them (pure).

That their lines are events of the dataset's source is tried by `whetstone catalog check`.
"""

import re
from collections.abc import Iterator

from whetstone.canary_clock import has_clock
from whetstone.catalog.catalog_pb2 import Canary, GoldenDataset

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_TECHNIQUE = re.compile(r"T\d{4}(?:\.\d{3})?")
MOST_LINES, MOST_CHARACTERS = 2_000, 1 << 16

Found = Iterator[tuple[str, str]]


def canary_problems(dataset: GoldenDataset) -> Found:
    """What is wrong with `dataset.canaries`, each problem with its field."""
    seen: set[str] = set()
    for number, canary in enumerate(dataset.canaries):
        path = f"canaries[{number}]"
        if not _NAME.fullmatch(canary.name):
            yield f"{path}.name", "write lower-case letters, digits and _, at most 63"
        if canary.name in seen:
            yield f"{path}.name", f"{canary.name!r} stands twice"
        seen.add(canary.name)
        if canary.technique and not _TECHNIQUE.fullmatch(canary.technique):
            yield (
                f"{path}.technique",
                f"{canary.technique!r} is no ATT&CK technique; write one such as T1110.001, or"
                " leave it out: it is the dataset's then",
            )
        yield from _line_problems(f"{path}.lines", canary)


def _line_problems(path: str, canary: Canary) -> Found:
    if not canary.lines:
        yield path, "write the raw lines of an attack"
    if len(canary.lines) > MOST_LINES or sum(map(len, canary.lines)) > MOST_CHARACTERS:
        yield path, f"write at most {MOST_LINES} lines and {MOST_CHARACTERS} characters"
    for number, line in enumerate(canary.lines):
        if "\n" in line.rstrip("\n"):
            yield f"{path}[{number}]", "holds a line break: write each line as one of `lines`"
        if not has_clock(line):
            yield (
                f"{path}[{number}]",
                "has no clock, so it would be of another day: write the time as"
                " {time:%b %d %H:%M:%S}, in the form that the source expects",
            )
