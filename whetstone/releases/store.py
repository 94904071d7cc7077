"""The publisher's disk: targets under signed metadata, changed by one process at a time.

Every step writes a new file or renames a whole one, and the last, `timestamp.json`, is the one that
counts: cut short at any moment, clients keep verifying what stood before.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tuf.api.exceptions import LengthOrHashMismatchError
from tuf.ngclient import TargetFile

from whetstone.errors import ReleaseError
from whetstone.releases.channel import Channel, index_path
from whetstone.releases.files import TEMPORARY, only_one, write_whole
from whetstone.releases.keys import KeyFiles
from whetstone.releases.metadata import MetadataFiles, State


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


class Store:
    """A release repository's files.

    Args:
        directory: See `whetstone.releases.repository`.
        root_keys: Where root's keys are while they are at hand, beside `root-keys` in `directory`.
        new_root_keys: Where new ones are made; default: `root_keys`, then `root-keys`.
        clock: Gives the time (UTC) of publications and signatures.
        lock_timeout: Seconds to wait for another publisher.
    """

    def __init__(
        self,
        directory: Path,
        root_keys: Sequence[Path],
        new_root_keys: Sequence[Path],
        clock: Callable[[], datetime],
        lock_timeout: float,
    ):
        self.directory = directory
        self.public = directory / "public"
        own = directory / "root-keys"
        self.own_keys = KeyFiles([directory / "keys", own])
        """The keys on this machine, which are removed when they sign nothing any more."""
        self.metadata = MetadataFiles(
            self.public / "metadata",
            directory / "keys",
            (*root_keys, own),
            new_root_keys or root_keys or (own,),
        )
        self.clock = clock
        self._lock_timeout = lock_timeout

    @contextmanager
    def changing(self) -> Generator[None]:
        """The one publisher at work, in a directory without what a killed one left.

        Raises:
            ReleaseError: Another process held it for too long, or the disk cannot be written.
        """
        try:
            with only_one(self.directory / "lock", "publishing", self._lock_timeout):
                for left in self.directory.rglob(f"{TEMPORARY}*"):
                    left.unlink()
                yield
        except OSError as error:
            raise ReleaseError(
                f"cannot write the release repository: {error}. Check the space and permissions of "
                f"{self.directory} and repeat; clients see a whole repository all the while"
            ) from error

    def channel(self, state: State, name: str) -> Channel:
        """The channel's index; an empty one if nothing was published in it."""
        target = state.targets.targets.get(index_path(name))
        return Channel.from_bytes(self.read(target)) if target else Channel.empty()

    def read(self, target: TargetFile) -> bytes:
        """The content of a target, verified.

        Raises:
            ReleaseError: It is missing or damaged.
        """
        path = self.file(target)
        try:
            content = path.read_bytes()
            target.verify_length_and_hashes(content)
        except (OSError, LengthOrHashMismatchError) as error:
            raise ReleaseError(
                f"the release repository is damaged at {path}: {error}. Restore that file from a "
                "backup or any mirror; if it is a bundle, publishing it again does so too"
            ) from error
        return content

    def keep(self, target: TargetFile, content: bytes) -> None:
        """Writes a target's file, unless it is there and whole."""
        try:
            target.verify_length_and_hashes(self.file(target).read_bytes())
        except (FileNotFoundError, LengthOrHashMismatchError):
            write_whole(self.file(target), content)

    def commit(
        self, state: State, files: Mapping[str, bytes] | None = None, gone: Iterable[str] = ()
    ) -> None:
        """Signs `state` with other contents of the small targets in `files`, and without `gone`."""
        for path, content in (files or {}).items():
            target = TargetFile.from_data(path, content, ["sha256"])
            write_whole(self.file(target), content)
            state.targets.targets[path] = target
        for path in gone:
            del state.targets.targets[path]
        self.metadata.commit(state.targets, state, self.clock())
        self.metadata.prune(self.metadata.read(), self.public / "targets")

    def commit_channels(self, state: State, channels: Mapping[str, Channel]) -> None:
        """Signs `state` with these indexes."""
        self.commit(state, {index_path(name): index.to_bytes() for name, index in channels.items()})

    def file(self, target: TargetFile) -> Path:
        """Where a target lies."""
        return self.public / "targets" / target.get_prefixed_paths()[0]
