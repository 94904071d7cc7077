"""One release of a detector, and the names of what is published.

Whether a release that is rolled out step by step reaches an environment is decided by a hash of
detector, version and environment: each release begins with other environments, and raising its
percentage takes none away.
"""

import hashlib
import re
from dataclasses import dataclass

from whetstone.errors import ReleaseError

STABLE = "stable"
CANARY = "canary"
EVERYBODY = 100
"""The percentage of a release that is for all environments."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")


@dataclass(frozen=True)
class Release:
    """One version that became champion, or challenger, of a detector in a channel.

    Attributes:
        version: The bundle's content hash.
        target: Its path in the release repository.
        published: ISO 8601 instant, UTC.
        withdrawn: When it was rolled back; None while it counts.
        rollout: Percent of the environments that it is for, 1 to 100.
    """

    version: str
    target: str
    published: str
    withdrawn: str | None = None
    rollout: int = EVERYBODY

    def reaches(self, detector: str, environment: str | None) -> bool:
        """Whether it is for `environment`; an unnamed one waits until it is for all."""
        if self.rollout >= EVERYBODY:
            return True
        if environment is None:
            return False
        key = f"{detector}\n{self.version}\n{environment}".encode()
        share = int.from_bytes(hashlib.sha256(key).digest()[:8]) / 2**64
        return share * EVERYBODY < self.rollout


def target_path(detector: str, version: str) -> str:
    """Where the bundle lies in the release repository."""
    return f"bundles/{detector}/{version}.tar"


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
