"""What happens to the models of a scorer, as records for its outputs. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from whetstone.streaming.instants import instant

Action = Literal[
    "release-swapped",  # a new champion is in service
    "release-kept",  # it stood its probation
    "release-suspect",  # it did not, and there is nothing to go back to
    "release-refused",  # it did not, or could not be used: the one before is in service again
    "release-withdrawn",  # the detector does not score any more
    "release-expired",  # the metadata that vouches for all models is out of date
]


@dataclass(frozen=True)
class Notice:
    """One thing that happened.

    Attributes:
        action: what.
        message: for people.
        detector: to a model of which detector; None: it concerns all.
        version: the model's.
        before: the version before it.
        numbers: what was compared.
    """

    action: Action
    message: str
    detector: str | None
    version: str | None
    before: str | None
    numbers: Mapping[str, float]

    def record(self, environment: str, at: float) -> dict[str, Any]:
        """As outputs give it: ECS's `event.kind: event`, all there is to say under `whetstone`.

        Args:
            environment: where it happened.
            at: when, in seconds since 1970.
        """
        when = instant(int(at * 1_000_000))
        key = "\n".join([environment, self.action, self.detector or "", self.version or "", when])
        return {
            "@timestamp": when,
            "message": self.message,
            "event": {
                "kind": "event",
                "category": ["configuration"],
                "type": ["info" if self.action == "release-expired" else "change"],
                "action": self.action,
                "id": hashlib.sha256(key.encode()).hexdigest()[:16],
                "created": when,
            },
            "whetstone": {
                "kind": "release",
                "environment": environment,
                "revision": 1,
                "message": self.message,
                "action": self.action,
                "detector": self.detector,
                "model_version": self.version,
                "version_before": self.before,
                "numbers": dict(self.numbers),
            },
        }
