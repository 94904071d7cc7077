"""A channel's index: which version of each detector is champion, and which were before.

Pure: bytes to `Channel`, `Channel` to the next `Channel`, `Channel` to bytes. The file is

    {"<detector>": {"version": …, "target": …, "published": …, "rollout": …,
                    "challenger": {"version": …, "target": …, "published": …},
                    "history": [{"version": …, "target": …, "published": …, "withdrawn": …}, …]}}

with the champion on top, if there is one, and every version that ever was champion in `history`,
oldest first. A rollback withdraws; it erases nothing. `rollout`, in percent of the environments, is
left out where a release is for all of them, and so is a challenger where there is none: a client
that knows neither reads the file as long as neither is used.

An environment is served by the newest standing release that reaches it.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, cast

from whetstone.errors import InputError, NotReadyError, ReleaseError
from whetstone.releases.release import EVERYBODY, Release, checked_name, target_path

_VERSION = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True)
class Channel:
    """Every release of one channel by detector, oldest first, and what scores in shadow."""

    releases: Mapping[str, tuple[Release, ...]]
    challengers: Mapping[str, Release] = field(default_factory=dict[str, Release])

    @classmethod
    def empty(cls) -> "Channel":
        """A channel in which nothing was published."""
        return cls({})

    @property
    def detectors(self) -> tuple[str, ...]:
        """The detectors that have a champion or a challenger, by name."""
        return tuple(sorted({*self.champions(), *self.challengers}))

    def serving(self, detector: str, environment: str | None) -> Release | None:
        """What scores in `environment`: the newest standing release that reaches it.

        None while a first release is rolled out to others only.
        """
        standing = reversed(self.standing(detector))
        return next((one for one in standing if one.reaches(detector, environment)), None)

    def in_service(self, detector: str) -> Release | None:
        """The newest release that is for all environments; while there is none, the champion."""
        return self.serving(detector, None) or self.champion(detector)

    def challenger(self, detector: str) -> Release | None:
        """What scores in shadow beside the champion, in every environment of the channel."""
        return self.challengers.get(detector)

    def champion(self, detector: str) -> Release | None:
        """The latest release of `detector` that was not withdrawn, however far it is rolled out."""
        standing = self.standing(detector)
        return standing[-1] if standing else None

    def champions(self) -> dict[str, Release]:
        """Detector to champion, of all detectors that have one, by name."""
        found = ((detector, self.champion(detector)) for detector in sorted(self.releases))
        return {detector: release for detector, release in found if release is not None}

    def history(self, detector: str) -> tuple[Release, ...]:
        """All releases of `detector`, withdrawn ones too, oldest first."""
        return self.releases.get(detector, ())

    def withdrawn(self, detector: str) -> frozenset[str]:
        """Versions of `detector` that were taken back and not published again since."""
        standing = {release.version for release in self.standing(detector)}
        return frozenset({release.version for release in self.history(detector)} - standing)

    def standing(self, detector: str) -> tuple[Release, ...]:
        """The releases of `detector` that were not withdrawn, oldest first."""
        return tuple(release for release in self.history(detector) if release.withdrawn is None)

    def needed(self, detector: str) -> tuple[Release, ...]:
        """All that some environment may want: what serves, what to go back to, the challenger."""
        newest = self.standing(detector)[::-1]
        everybody = (n for n, one in enumerate(newest, 1) if one.rollout == EVERYBODY)
        serving = newest[: next(everybody, len(newest)) + 1]
        challenger = self.challenger(detector)
        return (*serving, challenger) if challenger else serving

    def over(self, base: "Channel") -> "Channel":
        """This channel laid over another: its releases are the newer ones, the rest is `base`.

        An environment of the canary channel follows `canary.over(stable)`: what is being tried,
        and stable wherever nothing is.
        """
        names = {*base.releases, *self.releases}
        return Channel(
            {name: (*base.history(name), *self.history(name)) for name in names},
            {**base.challengers, **self.challengers},
        )

    def published(
        self, detector: str, version: str, now: datetime, rollout: int = EVERYBODY
    ) -> "Channel":
        """The channel after `version` became champion for `rollout` percent of environments."""
        release = Release(
            version, target_path(detector, version), now.isoformat(), rollout=_percent(rollout)
        )
        challenger = self.challenger(detector)
        others = self
        if challenger is not None and challenger.version == version:
            others = self.unchallenged(detector)
        return others._with(detector, (*self.history(detector), release))

    def challenged(self, detector: str, version: str, now: datetime) -> "Channel":
        """The channel after `version` began to score in shadow, in the place of the one before."""
        release = Release(version, target_path(detector, version), now.isoformat())
        return replace(self, challengers={**self.challengers, detector: release})

    def unchallenged(self, detector: str) -> "Channel":
        """The channel after the challenger stopped scoring.

        Raises:
            NotReadyError: There is none.
        """
        if detector not in self.challengers:
            raise NotReadyError(
                f"{detector} has no challenger in this channel. Publish one: "
                f"whetstone releases publish {detector} --as challenger"
            )
        rest = {name: one for name, one in self.challengers.items() if name != detector}
        return replace(self, challengers=rest)

    def rolled_out(self, detector: str, rollout: int) -> "Channel":
        """The channel after the champion is for `rollout` percent of the environments.

        Raises:
            NotReadyError: There is no champion.
        """
        champion = self.champion(detector)
        if champion is None:
            raise NotReadyError(f"{detector} has no release in this channel. Publish one first")
        widened = replace(champion, rollout=_percent(rollout))
        history = (widened if one is champion else one for one in self.history(detector))
        return self._with(detector, tuple(history))

    def rolled_back(self, detector: str, to_version: str | None, now: datetime) -> "Channel":
        """The channel after the champion, and all down to `to_version`, were withdrawn.

        Raises:
            NotReadyError: There is no earlier version, or `to_version` is not among them.
        """
        earlier = [release.version for release in self.standing(detector)[:-1]]
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

    def cleared(self, detector: str, now: datetime) -> "Channel":
        """The channel after every standing release of `detector` was withdrawn.

        What lies over another channel follows that one again.
        """
        return self._with(detector, _withdraw(self.history(detector), 0, now))

    def to_bytes(self) -> bytes:
        """The index file; equal channels give equal bytes."""
        known = {*self.releases, *self.challengers}
        index = {name: self._entry(name) for name in known if self._knows(name)}
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
                },
                {
                    detector: _release(detector, entry["challenger"])
                    for detector, entry in index.items()
                    if "challenger" in entry
                },
            )
            if any(one.rollout != EVERYBODY for one in channel.challengers.values()):
                raise ValueError("a challenger scores in every environment")
            for detector, entry in index.items():
                if entry != channel._entry(detector) or not channel._knows(detector):
                    raise ValueError("a champion is not the last standing release of its history")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _malformed(str(error) or repr(error)) from error
        return channel

    def _knows(self, detector: str) -> bool:
        return bool(self.history(detector) or self.challenger(detector))

    def _entry(self, detector: str) -> dict[str, Any]:
        challenger = self.challenger(detector)
        return {
            **_stated(self.champion(detector)),
            **({"challenger": _stated(challenger)} if challenger else {}),
            "history": [_fields(release) for release in self.history(detector)],
        }

    def _with(self, detector: str, releases: tuple[Release, ...]) -> "Channel":
        return replace(self, releases={**self.releases, detector: releases})


def index_path(channel: str) -> str:
    """Where the channel's index lies in the release repository."""
    return f"channels/{channel}.json"


def environment_path(environment: str) -> str:
    """Where the environment's definition (`Environment`, text format) lies in the repository."""
    return f"environments/{environment}.textproto"


def name_in(path: str, path_of: Callable[[str], str]) -> str | None:
    """The name for which `index_path` or `environment_path` gives `path`; None if there is none."""
    before, after = path_of("\0").split("\0")
    if not (path.startswith(before) and path.endswith(after)):
        return None
    return path.removeprefix(before).removesuffix(after)


def _percent(rollout: int) -> int:
    if not 1 <= rollout <= EVERYBODY:
        raise InputError(f"a rollout of {rollout} percent is none: give 1 to 100")
    return rollout


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


def _fields(release: Release) -> dict[str, Any]:
    fields = asdict(release)
    if release.rollout == EVERYBODY:
        del fields["rollout"]
    return fields


def _stated(release: Release | None) -> dict[str, Any]:
    """What the index says of a champion or challenger; nothing of none."""
    fields = _fields(release) if release else {}
    fields.pop("withdrawn", None)
    return fields


def _release(detector: str, fields: dict[str, Any]) -> Release:
    release = Release(**fields)
    absent = {"withdrawn"} if release.withdrawn is None else set[str]()
    if not all(isinstance(fields[name], str) for name in fields.keys() - absent - {"rollout"}):
        raise TypeError("a release's fields are texts")
    if type(release.rollout) is not int or not 1 <= release.rollout <= EVERYBODY:
        raise ValueError(f"{release.rollout!r} is no percentage")
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
