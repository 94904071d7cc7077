"""The clock of planted lines: canaries are written with places for the time (pure).

`{time:FORMAT}` is an instant, FORMAT as of strftime or `epoch`; `{time-90s:FORMAT}` and
`{time+0.5s:FORMAT}` are so many seconds before and after it:

    {time:%b %d %H:%M:%S} canary sshd[1]: Failed password for root from 192.0.2.1 port 1 ssh2
"""

import re
from datetime import datetime, timedelta

_TIME = re.compile(r"\{time(?:([+-]\d{1,6}(?:\.\d{1,6})?)s)?:([^{}\n]+)\}")


def with_clock(text: str, at: datetime) -> str:
    """Lines as they would be written at an instant, in whose zone their times are."""

    def written(place: re.Match[str]) -> str:
        when = at + timedelta(seconds=float(place[1] or 0))
        return f"{when.timestamp():.6f}" if place[2] == "epoch" else when.strftime(place[2])

    return _TIME.sub(written, text)


def has_clock(text: str) -> bool:
    """Whether lines have a place for the time."""
    return _TIME.search(text) is not None
