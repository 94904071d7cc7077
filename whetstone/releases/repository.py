"""The publisher: a release repository of plain files, signed by role (TUF).

    <directory>/public/metadata/   N.root.json, N.targets.json, N.snapshot.json, timestamp.json
    <directory>/public/targets/    bundles/<detector>/<hash>.<version>.tar
                                   channels/<hash>.<channel>.json
    <directory>/keys/              <role>.pem, mode 0600: never serve or copy this
    <directory>/lock

Serve `public` with any static web server. Every step writes a new file or renames a whole one, and
the last, `timestamp.json`, is the one that counts: cut short at any moment, clients keep verifying
what stood before.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tuf.api.exceptions import LengthOrHashMismatchError
from tuf.ngclient import TargetFile

from whetstone.errors import NotReadyError, ReleaseError
from whetstone.releases.bundle import Bundle, unpack
from whetstone.releases.channel import Channel, Release, checked_name, index_path, target_path
from whetstone.releases.files import TEMPORARY, only_one, write_whole
from whetstone.releases.metadata import MetadataFiles, State


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


class Repository:
    """Publishes bundles to channels and takes them back. Any number of processes may do so.

    Args:
        directory: See the module; created by `init`.
        clock: Gives the time (UTC) of publications and signatures.
        lock_timeout: Seconds to wait for another publisher.
    """

    def __init__(
        self,
        directory: Path,
        clock: Callable[[], datetime] = utc_now,
        lock_timeout: float = 60.0,
    ):
        self.public = directory.resolve() / "public"
        self._directory = directory.resolve()
        self._targets = self.public / "targets"
        self._metadata = MetadataFiles(self.public / "metadata", self._directory / "keys")
        self._clock = clock
        self._lock_timeout = lock_timeout

    @property
    def url(self) -> str:
        """The `file://` URL at which a client on this machine finds the repository."""
        return self.public.as_uri()

    def root(self) -> bytes:
        """The root metadata; hand it to environments by a way you trust, once.

        Raises:
            NotReadyError: The repository was not initialised.
        """
        return self._metadata.root().to_bytes()

    def init(self) -> None:
        """Makes keys and an empty repository, unless they exist.

        Raises:
            ReleaseError: The repository is damaged, or another process held it for too long.
        """
        with self._publishing():
            if not self._metadata.exists:
                self._metadata.create(self._clock())

    def publish(
        self, bundle_bytes: bytes, detector: str, version: str, channel: str = "stable"
    ) -> bool:
        """Makes a packed bundle the champion of its detector in `channel`.

        Args:
            bundle_bytes: What `pack` returned.
            detector: The detector that the bundle's manifest names.
            version: The version that the bundle's manifest names.
            channel: "stable", "canary", or any other name.

        Returns:
            Whether anything changed: False if this very bundle is the champion already.

        Raises:
            ReleaseError: The bundle is malformed or another than named, the repository is damaged,
                or another process held it for too long.
            NotReadyError: The repository was not initialised.
        """
        checked_name("detector", detector)
        checked_name("channel", channel)
        named = _identity(unpack(bundle_bytes))
        if named != (detector, version):
            raise ReleaseError(
                f"cannot publish {detector} {version}: the bundle is {named[0]} {named[1]}. "
                "Name what the bundle's manifest names"
            )
        path = target_path(detector, version)
        target = TargetFile.from_data(path, bundle_bytes, ["sha256"])
        with self._publishing():
            state = self._metadata.read()
            known = state.targets.targets.get(path)
            if known is not None and known.hashes != target.hashes:
                raise ReleaseError(
                    f"cannot publish {detector} {version}: another bundle of that version was "
                    "published before. Publish from the same Whetstone version, or train anew"
                )
            if not self._holds(target):
                write_whole(self._file(target), bundle_bytes)
            index = self._channel(state, channel)
            champion = index.champion(detector)
            if champion is not None and champion.version == version:
                return False
            state.targets.targets[path] = target
            self._commit(state, channel, index.published(detector, version, self._clock()))
        return True

    def rollback(
        self, detector: str, channel: str = "stable", to_version: str | None = None
    ) -> str:
        """Makes an earlier version champion again; what came after it is marked withdrawn.

        Args:
            detector: The detector.
            channel: The channel.
            to_version: One of the standing versions before the champion; None: the last of them.

        Returns:
            The version that is champion now.

        Raises:
            NotReadyError: There is no such version to go back to.
            ReleaseError: As `publish`.
        """
        with self._publishing():
            state = self._metadata.read()
            now = self._clock()
            index = self._channel(state, channel).rolled_back(detector, to_version, now)
            self._commit(state, channel, index)
        return index.champions()[detector].version

    def refresh(self) -> tuple[str, ...]:
        """Signs anew the metadata that is near its end; run it daily, from any process.

        Returns:
            The roles that were due: none, if there was nothing to do.

        Raises:
            ReleaseError: As `publish`; or root is due and its key is kept elsewhere.
        """
        with self._publishing():
            return self._metadata.renew(self._metadata.read(), self._clock())

    def champion(self, detector: str, channel: str = "stable") -> str | None:
        """The version in service, None if nothing was published.

        Raises:
            ReleaseError: The repository is damaged.
        """
        release = self._channel(self._metadata.read(), channel).champion(detector)
        return release.version if release else None

    def history(self, detector: str, channel: str = "stable") -> tuple[Release, ...]:
        """All releases of the detector in the channel, withdrawn ones too, oldest first.

        Raises:
            ReleaseError: The repository is damaged.
        """
        return self._channel(self._metadata.read(), channel).history(detector)

    def load(self, detector: str, version: str | None = None, channel: str = "stable") -> Bundle:
        """A published bundle, verified by the signed metadata.

        Args:
            detector: The detector.
            version: Any version that was ever published; None: the champion of `channel`.
            channel: The channel whose champion is meant.

        Raises:
            NotReadyError: It was not published.
            ReleaseError: The repository is damaged.
        """
        state = self._metadata.read()
        if version is None:
            champion = self._channel(state, channel).champion(detector)
            version = champion.version if champion else "of any version"
        target = state.targets.targets.get(target_path(detector, version))
        if target is None:
            raise NotReadyError(
                f"{detector} {version} was not published in channel {channel}. Publish it first"
            )
        return unpack(self._read(target))

    def _commit(self, state: State, channel: str, index: Channel) -> None:
        content = index.to_bytes()
        target = TargetFile.from_data(index_path(channel), content, ["sha256"])
        write_whole(self._file(target), content)
        state.targets.targets[target.path] = target
        self._metadata.commit(state.targets, state, self._clock())
        self._metadata.prune(self._metadata.read(), self._targets)

    def _channel(self, state: State, channel: str) -> Channel:
        target = state.targets.targets.get(index_path(channel))
        return Channel.from_bytes(self._read(target)) if target else Channel.empty()

    def _read(self, target: TargetFile) -> bytes:
        path = self._file(target)
        try:
            content = path.read_bytes()
            target.verify_length_and_hashes(content)
        except (OSError, LengthOrHashMismatchError) as error:
            raise ReleaseError(
                f"the release repository is damaged at {path}: {error}. Restore that file from a "
                "backup or any mirror; if it is a bundle, publishing it again does so too"
            ) from error
        return content

    def _holds(self, target: TargetFile) -> bool:
        try:
            target.verify_length_and_hashes(self._file(target).read_bytes())
        except (FileNotFoundError, LengthOrHashMismatchError):
            return False
        return True

    def _file(self, target: TargetFile) -> Path:
        return self._targets / target.get_prefixed_paths()[0]

    @contextmanager
    def _publishing(self) -> Generator[None]:
        """The one publisher at work, in a directory without what a killed one left."""
        try:
            with only_one(self._directory / "lock", "publishing", self._lock_timeout):
                for left in self._directory.rglob(f"{TEMPORARY}*"):
                    left.unlink()
                yield
        except OSError as error:
            raise ReleaseError(
                f"cannot write the release repository: {error}. Check the space and permissions of "
                f"{self._directory} and repeat; clients see a whole repository all the while"
            ) from error


def _identity(bundle: Bundle) -> tuple[object, object]:
    return bundle.manifest.get("detector"), bundle.manifest["version"]
