"""What an environment keeps of the releases it pulled. Each file is whole and was verified.

<directory>/bundles/<detector>.tar             in service
<directory>/bundles/<detector>.previous.tar    in service before it, to go back to
<directory>/bundles/<detector>.challenger.tar  scores in shadow
<directory>/environments/<environment>.textproto
<directory>/<channel>.json                     the channel's index
<directory>/metadata/                          what was verified last
"""

import os
from datetime import datetime
from pathlib import Path
from typing import Literal

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root  # pyright: ignore[reportPrivateImportUsage]

from whetstone.durable import flush
from whetstone.errors import NotReadyError, ReleaseError
from whetstone.releases.bundle import Bundle, unpack
from whetstone.releases.files import TEMPORARY, replace_durably
from whetstone.releases.release import checked_name

Role = Literal["champion", "previous", "challenger"]

_SUFFIXES: dict[Role, str] = {
    "champion": ".tar",
    "previous": ".previous.tar",
    "challenger": ".challenger.tar",
}


class Cache:
    """The directory; one process changes it at a time, any number may read it.

    Args:
        directory: Made by the first pull.
    """

    def __init__(self, directory: Path):
        self.directory = directory
        self.metadata = directory / "metadata"

    @property
    def trusts(self) -> bool:
        """Whether it knows a root."""
        return (self.metadata / "root.json").is_file()

    def bundle(self, detector: str, role: Role = "champion") -> Path:
        """Where the detector's bundle lies, if there is one."""
        return self.directory / "bundles" / f"{checked_name('detector', detector)}{_SUFFIXES[role]}"

    def index(self, channel: str) -> Path:
        """Where the channel's index lies."""
        return self.directory / f"{checked_name('channel', channel)}.json"

    def environment(self, name: str) -> Path:
        """Where the environment's definition lies."""
        return self.directory / "environments" / f"{checked_name('environment', name)}.textproto"

    def load(self, detector: str, role: Role) -> Bundle:
        """The bundle.

        Raises:
            NotReadyError: There is none.
            ReleaseError: The file is damaged.
        """
        try:
            return unpack(self.bundle(detector, role).read_bytes())
        except FileNotFoundError as error:
            if role == "champion":
                raise NotReadyError(f"{detector} was never pulled: pull it first") from error
            raise NotReadyError(f"{detector} has no {role} in this environment") from error

    def version(self, detector: str, role: Role = "champion") -> str | None:
        """The bundle's version; None where there is none that can be read."""
        try:
            return self.load(detector, role).manifest["version"]
        except (NotReadyError, ReleaseError):
            return None

    def put(self, partial: Path, detector: str, role: Role, proven: bool) -> None:
        """Puts a verified bundle in its place.

        What was in service becomes the previous one, unless it is not `proven` and there is one.
        """
        path = self.bundle(detector, role)
        keeps = proven or not self.bundle(detector, "previous").exists()
        if role == "champion" and keeps and path.exists():
            self._keep(detector)
        replace_durably(partial, path)

    def go_back(self, detector: str) -> str:
        """Puts the previous bundle back in service; returns its version.

        Raises:
            NotReadyError: There is none.
            ReleaseError: The file is damaged.
        """
        version = self.load(detector, "previous").manifest["version"]
        replace_durably(self.bundle(detector, "previous"), self.bundle(detector))
        return version

    def expires(self) -> datetime | None:
        """When the first of the verified metadata ends; None before the first pull."""
        found: list[datetime] = []
        for role in ("root", "timestamp", "snapshot", "targets"):
            try:
                content = (self.metadata / f"{role}.json").read_bytes()
                found.append(Metadata[Root].from_bytes(content).signed.expires)
            except (OSError, RepositoryError):
                return None
        return min(found)

    def _keep(self, detector: str) -> None:
        """A second name for the file in service, so that at no moment there is none."""
        path, previous = self.bundle(detector), self.bundle(detector, "previous")
        linked = previous.with_name(f"{TEMPORARY}{previous.name}")
        linked.unlink(missing_ok=True)
        os.link(path, linked)
        os.replace(linked, previous)  # noqa: PTH105 - as files.py
        # Renaming one name of a file to another of the same file does nothing and leaves the first.
        linked.unlink(missing_ok=True)
        flush(path.parent)
