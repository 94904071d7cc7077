"""Which alerts belong together: one entity's in consecutive windows, and across detectors."""

import hashlib
from collections import OrderedDict
from collections.abc import Collection, Sequence
from typing import Any

from whetstone.streaming.instants import HOUR, SECOND

_MOST = 20_000  # entities that are remembered; the least recently alerted are forgotten
_LONG_AGO = -(1 << 62)

Name = tuple[str, str]
"""What an entity is and is called: `("ip", "192.0.2.1")`."""


class Groups:
    """Chains of windows of one entity in which a detector alerts.

    A group is named after the first window of its chain, not after the alert that came first: in
    whichever order alerts of a window come, the name is the same.
    """

    def __init__(self, detector: str, environment: str):
        self._names = (detector, environment)
        self._chains: OrderedDict[str, tuple[int, int, int]] = OrderedDict()

    def goes_on(self, entity: str, start: int, end: int, since: int = _LONG_AGO) -> bool:
        """Whether an alert in this window carries on a group that has not ended before `since`."""
        chain = self._chains.get(entity)
        return chain is not None and start <= chain[2] >= since and end >= chain[1]

    def join(self, entity: str, start: int, end: int, since: int = _LONG_AGO) -> str:
        """The group that an alert of an entity in a window falls into; 16 hex digits.

        Args:
            entity: what it is called, or what its unit is.
            start, end: of the window, microseconds since 1970.
            since: a group that ended before is over.
        """
        first, last, until = start, start, end
        if self.goes_on(entity, start, end, since):
            first, last, until = self._chains[entity]
            last, until = max(last, start), max(until, end)
        if last >= self._chains.get(entity, (start,))[0]:  # an older window ends no newer chain
            self._chains[entity] = (first, last, until)
            self._chains.move_to_end(entity)
        if len(self._chains) > _MOST:
            self._chains.popitem(last=False)
        identity = "\x1f".join((*self._names, entity, str(first)))
        return hashlib.sha256(identity.encode()).hexdigest()[:16]

    def forget(self, watermark: int) -> None:
        """Drop the chains that no window of the future continues; see `goes_on`."""
        over = [
            entity
            for entity, (_, last, until) in self._chains.items()
            if until + max(until - last, HOUR) <= watermark
        ]
        for entity in over:
            del self._chains[entity]

    def state(self) -> list[Any]:
        """As JSON takes it."""
        return [[entity, *chain] for entity, chain in self._chains.items()]

    def restore(self, state: Sequence[Any]) -> None:
        """Take over what `state` gave."""
        self._chains = OrderedDict(
            (entity, (first, last, until)) for entity, first, last, until in state
        )


class Related:
    """What other detectors said lately about the same addresses, users and hosts.

    Args:
        seconds: of event time that alerts may lie apart.
    """

    def __init__(self, seconds: float):
        self._reach = int(seconds * SECOND)
        self._said: OrderedDict[Name, dict[str, tuple[str, str, int]]] = OrderedDict()

    def others(
        self, names: Collection[Name], detector: str, at: int, most: int
    ) -> list[dict[str, str]]:
        """The latest alert of each other detector about one of the names."""
        found = {
            other: (alert, group)
            for name in names
            for other, (alert, group, when) in self._said.get(name, {}).items()
            if other != detector and abs(at - when) <= self._reach
        }
        return [
            {"detector": other, "alert": alert, "group": group}
            for other, (alert, group) in sorted(found.items())[:most]
        ]

    def tell(self, names: Collection[Name], detector: str, alert: str, group: str, at: int) -> None:
        """Remember an alert."""
        for name in names:
            self._said.setdefault(name, {})[detector] = (alert, group, at)
            self._said.move_to_end(name)
            if len(self._said) > _MOST:
                self._said.popitem(last=False)

    def state(self) -> list[Any]:
        """As JSON takes it."""
        return [[list(name), said] for name, said in self._said.items()]

    def restore(self, state: Sequence[Any]) -> None:
        """Take over what `state` gave."""
        self._said = OrderedDict(
            ((kind, value), {detector: tuple(each) for detector, each in said.items()})
            for (kind, value), said in state
        )
