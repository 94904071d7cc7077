"""`whetstone hunt`: a new release over old days of the lake."""

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import date
from heapq import nlargest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from whetstone import console
from whetstone.cli_options import AsJson
from whetstone.errors import InputError, NotReadyError
from whetstone.settings import settings

if TYPE_CHECKING:
    from whetstone.hunt import HuntedDay
    from whetstone.hunt_findings import Finding
    from whetstone.releases import Bundle, Repository

_CHAMPION = "champion"
_NOTHING = "nothing"
_SHOWN_PARTS = 3  # of an explanation


def hunt(
    bundle: Annotated[
        str,
        typer.Argument(help="A bundle's file, or DETECTOR or DETECTOR@VERSION as released here."),
    ],
    first: Annotated[str, typer.Option("--from", help="Oldest day, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", help="Newest day, YYYY-MM-DD.")],
    against: Annotated[
        str,
        typer.Option(
            help="Whose findings are known: a bundle as above; champion: that of the detector, or"
            " the one before if BUNDLE is the champion itself; nothing: all findings are new."
        ),
    ] = _CHAMPION,
    environment: Annotated[
        list[str] | None, typer.Option(help="Only this environment; may be repeated.")
    ] = None,
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="Go on without days that have no events.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write all findings there, a JSON object a line.")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="Show at most so many findings.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Let a new release look for what the old one did not find on days that have passed.

    Nothing in the lake or the alert queue changes. After Ctrl-C the file has the days that were
    complete.

    Example: `whetstone hunt ssh_bruteforce_gb --from 2026-03-01 --to 2026-03-07 --out found.jsonl`
    """
    from whetstone.hunt import Hunt
    from whetstone.lake import Lake
    from whetstone.releases import Repository
    from whetstone.scoring.run import BundleScorer

    releases = Repository(settings().releases)
    new = _bundle(releases, bundle)
    known = _known(releases, new, against)
    old = None if known is None else BundleScorer(known)
    run = Hunt(Lake(settings().lake), BundleScorer(new), old, environment or ())
    days = run.days(_day("--from", first), _day("--to", last), skip_missing)
    found = _Found(limit)
    with _days_written(out) as write:
        for number, day in enumerate(days, 1):
            hunted = run.day(day)
            write(hunted)
            found.add(hunted)
            console.say(f"{day} ({number} of {len(days)}): {_counted(hunted)}")
    version = new.manifest["version"]
    result: dict[str, Any] = {
        "detector": new.manifest["detector"],
        "version": version,
        "against": None if known is None else known.manifest["version"],
        "days": len(days),
        **found.counts,
        "findings": [finding.to_dict() for finding in found.best],
        "out": None if out is None else str(out),
    }
    if as_json:
        console.show_json(result)
        return
    title = f"{found.counts['found']:,} findings of {new.manifest['detector']} {version}"
    console.show_table(title, [_row(finding) for finding in found.best])
    if known is not None:
        console.show(
            f"{found.counts['known']:,} further alerts are known to {known.manifest['version']},"
            f" which alone has {found.counts['gone']:,}"
        )


def _counted(day: "HuntedDay") -> str:
    return f"{day.units:,} units, {day.alerts:,} alerts, {day.count:,} findings"


class _Found:
    """The sums of the days, and the findings that score highest."""

    def __init__(self, most: int):
        self._most = most
        self.best: list[Finding] = []
        self.counts = dict.fromkeys(("units", "alerts", "known", "gone", "found", "left_out"), 0)

    def add(self, day: "HuntedDay") -> None:
        """Count a day in."""
        for name in ("units", "alerts", "known", "gone", "left_out"):
            self.counts[name] += getattr(day, name)
        self.counts["found"] += day.count
        self.best = nlargest(self._most, [*self.best, *day.findings], key=lambda f: f.score)


def _row(finding: "Finding") -> dict[str, Any]:
    parts = [
        f"{part['feature']}{'' if 'position' not in part else [part['position']]}={part['value']}"
        for part in finding.explanation[:_SHOWN_PARTS]
    ]
    return {
        "time": f"{finding.event_timestamp:%Y-%m-%d %H:%M:%S}",
        "environment": finding.environment,
        "unit": finding.unit,
        "score": finding.score,
        "known_as": finding.against,
        "a_day": finding.per_day,
        "events": finding.events,
        "why": ", ".join(parts),
    }


def _bundle(releases: "Repository", name: str) -> "Bundle":
    """A bundle by its file, or by its detector and version in the local repository."""
    from whetstone.releases import unpack

    path = Path(name)
    if path.suffix or len(path.parts) > 1:
        try:
            return unpack(path.read_bytes())
        except OSError as error:
            raise InputError(f"{name}: cannot be read: {error.strerror}") from error
    detector, _, version = name.partition("@")
    return releases.load(detector, version or None)


def _known(releases: "Repository", new: "Bundle", against: str) -> "Bundle | None":
    """The bundle whose findings are known; None where there is none."""
    if against == _NOTHING:
        return None
    if against != _CHAMPION:
        return _bundle(releases, against)
    detector, version = new.manifest["detector"], new.manifest["version"]
    try:
        standing = [r.version for r in releases.history(detector) if r.withdrawn is None]
    except NotReadyError:  # a bundle's file, where nothing was ever released
        return None
    if standing[-1:] == [version]:
        standing.pop()
    others = [each for each in standing if each != version]
    return releases.load(detector, others[-1]) if others else None


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{option} {text}: write YYYY-MM-DD") from error


@contextmanager
def _days_written(out: Path | None) -> Generator["Callable[[HuntedDay], None]"]:
    """Takes days whose findings go to a new file; it holds whole days however this ends."""
    if out is None:
        yield lambda _: None
        return
    try:
        file = out.open("xb")
    except FileExistsError as error:
        raise InputError(f"--out {out}: exists; remove it or name another file") from error
    except OSError as error:
        raise InputError(f"--out {out}: cannot be written: {error.strerror}") from error
    whole = 0

    def write(day: "HuntedDay") -> None:
        nonlocal whole
        lines = (f"{json.dumps(finding.to_dict())}\n" for finding in day.findings)
        file.write("".join(lines).encode())
        file.flush()
        whole = file.tell()

    with file:
        try:
            yield write
        finally:
            file.truncate(whole)
