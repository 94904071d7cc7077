"""The ledger: what has been made, by its manifests, and what was tried in vain.

`attempt.json` lies beside a partition while it is being made and is removed when it was. One that
stays behind says that the making failed, or that its process ended without a word.
"""

import json
import os
import sys
import uuid
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from whetstone.lake import Lake, Place, version_of

RETRY_AFTER = timedelta(hours=1)
_ATTEMPT = "attempt.json"


@dataclass(frozen=True, slots=True)
class Made:
    """What decides whether a partition is stale: the part of its manifest that the plan needs.

    Attributes:
        code_version: hash of the definitions that made it.
        inputs: version of each input as of the making.
        version: content version.
        made_at: UTC time, ISO 8601.
        gate: `passed` or `failed` where the asset has a gate, else empty.
        expired: its rows are gone; what was made from them stands.
    """

    code_version: str
    inputs: Mapping[str, str]
    version: str
    made_at: str = ""
    gate: str = ""
    expired: bool = False


@dataclass(frozen=True)
class Attempt:
    """The last try to make a partition that did not succeed.

    Attributes:
        evidence: hash of the inputs and definitions of the try.
        at: UTC time of its start, ISO 8601.
        times: tries in a row, on this evidence, that ended without a word.
        error: why it failed; empty when it ended without a word.
    """

    evidence: str
    at: str
    times: int = 1
    error: str = ""

    def forbids(self, evidence: str, now: datetime) -> bool:
        """Whether the same must not be tried again yet.

        What failed is tried again when its inputs or definitions change, and once an hour: a full
        disk or a database that was away is not in the data. A killed process is repeated at once,
        the first time.
        """
        recent = now - datetime.fromisoformat(self.at) < RETRY_AFTER
        return recent and evidence == self.evidence and bool(self.error or self.times > 1)

    @property
    def story(self) -> str:
        """What happened, in words."""
        again = datetime.fromisoformat(self.at) + RETRY_AFTER
        what = f"failed: {self.error}" if self.error else "its process was killed, twice"
        return f"{what} (tried again after {again:%H:%M} UTC, or when an input changes)"


class Ledger(Protocol):
    """What the plan reads."""

    def made(self, asset: str, day: str | None) -> Made | None:
        """What has been made; None: nothing yet."""
        ...

    def days(self, asset: str) -> Mapping[str, Made]:
        """What has been made of a daily asset, by day, ascending."""
        ...

    def attempt(self, asset: str, day: str | None) -> Attempt | None:
        """The last try, where it did not succeed."""
        ...


class LakeLedger:
    """The ledger of a lake; manifests that did not change are not read again."""

    def __init__(self, lake: Lake):
        self._root = str(lake.root)

    def made(self, asset: str, day: str | None) -> Made | None:
        """What has been made; None: nothing yet."""
        path = self._path(asset, day, "manifest.json")
        try:
            status = os.stat(path)  # noqa: PTH116 (tens of thousands of them in a look)
        except FileNotFoundError:
            return None
        return _made(path, status.st_mtime_ns, status.st_ino)

    def days(self, asset: str) -> dict[str, Made]:
        """What has been made of a daily asset, by day, ascending."""
        try:
            names = os.listdir(f"{self._root}/{asset}")  # noqa: PTH208
        except FileNotFoundError:
            return {}
        days = sorted(name.removeprefix("day=") for name in names if name.startswith("day="))
        found = ((day, self.made(asset, day)) for day in days)
        return {day: made for day, made in found if made is not None}

    def attempt(self, asset: str, day: str | None) -> Attempt | None:
        """The last try, where it did not succeed."""
        return _read_attempt(Path(self._path(asset, day, _ATTEMPT)))

    def _path(self, asset: str, day: str | None, file: str) -> str:
        directory = f"{self._root}/{asset}" if day is None else f"{self._root}/{asset}/day={day}"
        return f"{directory}/{file}"


@contextmanager
def attempting(lake: Lake, place: Place, evidence: str) -> Generator[None]:
    """Note that a partition is being made; afterwards, why it was not, if it was not."""
    path = lake.directory(place) / _ATTEMPT
    before = _read_attempt(path)
    died = before is not None and before.evidence == evidence and not before.error
    times = before.times + 1 if before and died else 1
    attempt = Attempt(evidence, datetime.now(UTC).isoformat(timespec="milliseconds"), times)
    with suppress(OSError):  # What comes next says better what is wrong with the disk.
        _write(path, attempt)
    try:
        yield
    except Exception as error:
        with suppress(OSError):
            _write(path, Attempt(evidence, attempt.at, times, str(error) or repr(error)))
        raise
    path.unlink(missing_ok=True)


def evidence_of(code_version: str, inputs: Mapping[str, str]) -> str:
    """Hash of what a partition would be made from."""
    return version_of(code_version, *(f"{name}={inputs[name]}" for name in sorted(inputs)))


@lru_cache(maxsize=500_000)
def _made(path: str, _modified: int, _inode: int) -> Made:
    with open(path, "rb") as file:  # noqa: PTH123
        manifest = json.loads(file.read())
    return Made(
        sys.intern(manifest["code_version"]),
        {sys.intern(name): version for name, version in manifest["inputs"].items()},
        manifest["version"],
        manifest["made_at"],
        sys.intern(manifest["facts"].get("gate", "")),
        bool(manifest.get("expired_at")),
    )


def _read_attempt(path: Path) -> Attempt | None:
    try:
        return Attempt(**json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None


def _write(path: Path, attempt: Attempt) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{_ATTEMPT}.{uuid.uuid4().hex}.tmp")
    try:
        hidden.write_text(json.dumps(asdict(attempt)), encoding="utf-8")
        hidden.replace(path)
    finally:
        hidden.unlink(missing_ok=True)
