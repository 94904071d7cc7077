"""Raw logs of any length from real ones, the same for the same length, in bounded memory."""

import gzip
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_HDFS = "hdfs/raw/HDFS_first20k.log.gz"
_CLOCK, _CLOCK_LENGTH = "%y%m%d %H%M%S", 13
# Between one copy of the log and the next; all are of one day.
_SECONDS = 20
# How many digits at the end of a block's number change; with the factor, no two copies agree.
_DIGITS, _STEP = 6, 7919


def write_hdfs(data: Path, target: Path, lines: int) -> None:
    """Write HDFS lines: copies of the real ones with other blocks at other times."""
    with gzip.open(data / _HDFS) as file:
        text = file.read()
    real = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(real == ord("\n")) + 1
    starts = np.concatenate([[0], ends[:-1]])
    clocks = starts[:, None] + np.arange(_CLOCK_LENGTH)
    times, of_line = np.unique(
        [text[at : at + _CLOCK_LENGTH].decode() for at in starts], return_inverse=True
    )
    moments = [datetime.strptime(time, _CLOCK) for time in times]  # noqa: DTZ007
    powers = 10 ** np.arange(_DIGITS - 1, -1, -1)
    tails = np.array([found.end() - _DIGITS for found in re.finditer(rb"blk_-?\d{7,}", text)])
    digits = tails[:, None] + np.arange(_DIGITS)
    numbers = (real[digits].astype(np.int64) - ord("0")) @ powers
    with target.open("wb") as file:
        for copy in range(-(-lines // len(ends))):
            piece = real.copy()
            changed = (numbers + copy * _STEP) % 10**_DIGITS
            piece[digits] = changed[:, None] // powers % 10 + ord("0")
            piece[clocks] = _shifted(moments, copy * _SECONDS)[of_line]
            left = lines - copy * len(ends)
            file.write(piece[: ends[left - 1]] if left < len(ends) else piece)


def write_eve(data: Path, target: Path, lines: int) -> None:
    """Write Suricata's flow events: copies of the real ones with other flow ids."""
    real = list(_flows(data / "suricata"))
    with target.open("wb") as file:
        for number in range(lines):
            before, after = real[number % len(real)]
            file.write(b'%s"flow_id":%d%s' % (before, 10**15 + number, after))


def _flows(directory: Path) -> Iterator[tuple[bytes, bytes]]:
    """The real events, apart at their flow id."""
    for path in sorted(directory.glob("*.json.gz")):
        with gzip.open(path) as file:
            for line in file:
                parts = re.split(rb'"flow_id": ?\d+', line)
                if re.search(rb'"event_type": ?"flow"', line) and len(parts) == 2:
                    yield parts[0], parts[1]


def _shifted(moments: list[datetime], seconds: int) -> NDArray[np.uint8]:
    by = timedelta(seconds=seconds)
    texts = [(moment + by).strftime(_CLOCK) for moment in moments]
    return np.array(texts, f"S{_CLOCK_LENGTH}").view(np.uint8).reshape(-1, _CLOCK_LENGTH)
