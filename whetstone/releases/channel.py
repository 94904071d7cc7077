"""A channel's index: which version of each detector is champion, and which were before.

Pure: bytes to `Channel`, `Channel` to the next `Channel`, `Channel` to bytes. The file is

    {"<detector>": {"version": …, "target": …, "published": …,
                    "history": [{"version": …, "target": …, "published": …, "withdrawn": …}, …]}}

with the champion on top and every version that ever was champion in `history`, oldest first.
A rollback withdraws; it erases nothing.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, cast

from whetstone.errors import NotReadyError, ReleaseError

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_VERSION = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True)
class Release:
    """One version that became champion of a channel.

    Attributes:
        version: The bundle's content hash.
        target: Its path in the release repository.
        published: ISO 8601 instant, UTC.
        withdrawn: When it was rolled back; None while it counts.
    """

    version: str
    target: str
    published: str
    withdrawn: str | None = None


@dataclass(frozen=True)
class Channel:
    """Every release of one channel, by detector, oldest first."""

    releases: Mapping[str, tuple[Release, ...]]

    @classmethod
    def empty(cls) -> "Channel":
        """A channel in which nothing was published."""
        return cls({})

    def champion(self, detector: str) -> Release | None:
        """The latest release of `detector` that was not withdrawn."""
        standing = self._standing(detector)
        return standing[-1] if standing else None

    def champions(self) -> dict[str, Release]:
        """Detector to champion, of all detectors that have one, by name."""
        found = ((detector, self.champion(detector)) for detector in sorted(self.releases))
        return {detector: release for detector, release in found if release is not None}

    def history(self, detector: str) -> tuple[Release, ...]:
        """All releases of `detector`, withdrawn ones too, oldest first."""
        return self.releases.get(detector, ())

    def published(self, detector: str, version: str, now: datetime) -> "Channel":
        """The channel after `version` became champion."""
        release = Release(version, target_path(detector, version), now.isoformat())
        return self._with(detector, (*self.history(detector), release))

    def rolled_back(self, detector: str, to_version: str | None, now: datetime) -> "Channel":
        """The channel after the champion, and all down to `to_version`, were withdrawn.

        Raises:
            NotReadyError: There is no earlier version, or `to_version` is not among them.
        """
        earlier = [release.version for release in self._standing(detector)[:-1]]
        if not earlier:
            raise NotReadyError(
                f"cannot roll back {detector}: no earlier version stands in this channel. "
                "Publish the version you want"
            )
        target = to_version or earlier[-1]
        if target not in earlier:
            raise NotReadyError(
                f"cannot roll back {detector} to {target}: the earlier versions of this channel "
                f"are {', '.join(reversed(earlier))}. Name one of them, or publish {target}"
            )
        # The latest standing occurrence: a version may have been champion more than once.
        keep = len(earlier) - earlier[::-1].index(target)
        return self._with(detector, _withdraw(self.history(detector), keep, now))

    def to_bytes(self) -> bytes:
        """The index file; equal channels give equal bytes."""
        index = {
            detector: {
                **_fields(champion),
                "history": [asdict(release) for release in self.history(detector)],
            }
            for detector, champion in self.champions().items()
        }
        return f"{json.dumps(index, sort_keys=True, indent=1)}\n".encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Channel":
        """The channel in an index file.

        Raises:
            ReleaseError: It is not an index file, or champion and history contradict each other.
        """
        try:
            index = cast("dict[str, dict[str, Any]]", json.loads(data))
            channel = cls(
                {
                    checked_name("detector", detector): tuple(
                        _release(detector, fields) for fields in entry["history"]
                    )
                    for detector, entry in index.items()
                }
            )
            stated = {
                name: {field: value for field, value in entry.items() if field != "history"}
                for name, entry in index.items()
            }
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _malformed(repr(error)) from error
        if stated != {name: _fields(release) for name, release in channel.champions().items()}:
            raise _malformed("a champion is not the last standing release of its history")
        return channel

    def _standing(self, detector: str) -> tuple[Release, ...]:
        return tuple(release for release in self.history(detector) if release.withdrawn is None)

    def _with(self, detector: str, releases: tuple[Release, ...]) -> "Channel":
        return Channel({**self.releases, detector: releases})


def target_path(detector: str, version: str) -> str:
    """Where the bundle lies in the release repository."""
    return f"bundles/{detector}/{version}.tar"


def index_path(channel: str) -> str:
    """Where the channel's index lies in the release repository."""
    return f"channels/{channel}.json"


def checked_name(what: str, name: str) -> str:
    """`name`, if it can be part of a path and a URL.

    Raises:
        ReleaseError: It has other characters than a-z, 0-9, _ and -.
    """
    if not _NAME.fullmatch(name):
        raise ReleaseError(
            f"{name!r} cannot name a {what}: use a-z, 0-9, _ and -, at most 100 characters"
        )
    return name


def _withdraw(releases: tuple[Release, ...], keep: int, now: datetime) -> tuple[Release, ...]:
    """Withdraws all standing releases after the first `keep` standing ones."""
    result: list[Release] = []
    standing = 0
    for release in releases:
        if release.withdrawn is None:
            standing += 1
            if standing > keep:
                release = replace(release, withdrawn=now.isoformat())
        result.append(release)
    return tuple(result)


def _fields(champion: Release) -> dict[str, str]:
    return {
        "version": champion.version,
        "target": champion.target,
        "published": champion.published,
    }


def _release(detector: str, fields: dict[str, Any]) -> Release:
    release = Release(**fields)
    absent = {"withdrawn"} if release.withdrawn is None else set[str]()
    if not all(isinstance(fields[name], str) for name in fields.keys() - absent):
        raise TypeError("a release's fields are texts")
    if not _VERSION.fullmatch(release.version):
        raise ValueError(f"{release.version!r} is no version")
    if release.target != target_path(detector, release.version):
        raise ValueError(f"{release.target!r} is not where {release.version} lies")
    return release


def _malformed(reason: str) -> ReleaseError:
    return ReleaseError(
        f"the channel's index is malformed: {reason}. Run the same Whetstone version on the "
        "platform and in the environments, then publish or pull again"
    )
