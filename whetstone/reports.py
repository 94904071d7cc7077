"""Names of reports: `<detector>/<detector>_<kind>_<timestamp>.html` below the directory of reports.

The timestamp is that of the data, a day or an instant in UTC, so that an alert leads to the report
on its day and the report leads back.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

_NAME = re.compile(
    r"(?P<detector>.+)_(?P<kind>[a-z]+)_(?P<day>\d{4}-\d\d-\d\d)(?:T(?P<time>\d{6}))?\.html"
)
_DETECTOR = re.compile(r"[A-Za-z0-9_]+")


@dataclass(frozen=True)
class ReportName:
    """What a report is about, as its file's name tells.

    Attributes:
        detector: whose report it is.
        kind: such as `drift` or `quality`.
        timestamp: `YYYY-MM-DD`, or `YYYY-MM-DDTHHMMSS` (UTC), of the data.
    """

    detector: str
    kind: str
    timestamp: str

    @property
    def stem(self) -> str:
        """The name without its ending, by which Evidently's workspace knows the snapshot."""
        return f"{self.detector}_{self.kind}_{self.timestamp}"

    @property
    def path(self) -> str:
        """Where it lies below the directory of reports; a URL path too."""
        return f"{self.detector}/{self.stem}.html"

    @property
    def day(self) -> str:
        """The day of the data."""
        return self.timestamp[:10]


def report_name(detector: str, kind: str, at: date) -> ReportName:
    """The name of a report on data of a day, or up to an instant (a naive one means UTC)."""
    instant = isinstance(at, datetime)
    return ReportName(detector, kind, f"{at:%Y-%m-%dT%H%M%S}" if instant else at.isoformat())


def read_name(file: str) -> ReportName | None:
    """What a file's name tells; None if it is not the name of a report."""
    found = _NAME.fullmatch(file)
    if found is None:
        return None
    time = f"T{found['time']}" if found["time"] else ""
    return ReportName(found["detector"], found["kind"], found["day"] + time)


@dataclass(frozen=True)
class Reports:
    """The reports of an installation: the directory, and the URL that serves it."""

    directory: Path
    url: str

    def on(self, detector: str, kind: str, day: date) -> str | None:
        """The URL of the report on a day of data; None: there is none."""
        return self._url(name for name in self._there(detector, kind) if name.day == f"{day}")

    def newest(self, detector: str, kind: str) -> str | None:
        """The URL of the report on the newest data; None: there is none."""
        return self._url(self._there(detector, kind))

    def _there(self, detector: str, kind: str) -> Iterator[ReportName]:
        # The names of detectors in scorers' alerts are whatever somebody sent.
        if _DETECTOR.fullmatch(detector):
            for file in (self.directory / detector).glob(f"{detector}_{kind}_*.html"):
                name = read_name(file.name)
                if name is not None and name.detector == detector:
                    yield name

    def _url(self, names: Iterable[ReportName]) -> str | None:
        last = max(names, default=None, key=lambda name: name.timestamp)
        return None if last is None else f"{self.url.rstrip('/')}/{last.path}"
