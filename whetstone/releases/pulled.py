"""What a pull gives: a bundle a detector, and what one environment is to run."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from whetstone.catalog.catalog_pb2 import Environment


@dataclass(frozen=True)
class Pulled:
    """One detector's bundle after a pull.

    Attributes:
        detector: The detector.
        version: The version in the cache now.
        path: The packed bundle; the same path for every version.
        changed: Whether this pull replaced it.
    """

    detector: str
    version: str
    path: Path
    changed: bool


@dataclass(frozen=True)
class PulledEnvironment:
    """What one environment is to run.

    Attributes:
        environment: Its definition, as the platform signed it.
        champions: Detector to bundle in service.
        challengers: Detector to bundle that scores in shadow beside the champion.
        missing: Detectors of the environment for which the channel has no release, by name: never
            published, taken back, or refused here with nothing to keep in their place.
        withdrawn: Detector to versions that the platform took back: never to be in service again
            unless they are published anew.
        expires: When the metadata ends that vouches for all this; None if that is unknown.
    """

    environment: Environment
    champions: Mapping[str, Pulled]
    challengers: Mapping[str, Pulled]
    missing: tuple[str, ...]
    withdrawn: Mapping[str, Collection[str]]
    expires: datetime | None

    @staticmethod
    def of(
        environment: Environment,
        withdrawn: Mapping[str, Collection[str]],
        champions: Iterable[Pulled],
        challengers: Iterable[Pulled],
        expires: datetime | None,
    ) -> "PulledEnvironment":
        """With what is missing."""
        serving = {one.detector: one for one in champions}
        return PulledEnvironment(
            environment,
            serving,
            {one.detector: one for one in challengers},
            tuple(sorted(set(environment.detectors) - set(serving))),
            withdrawn,
            expires,
        )
