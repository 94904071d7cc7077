"""The publisher: a release repository of plain files, signed by role (TUF).

    <directory>/public/metadata/   N.root.json, N.targets.json, N.snapshot.json, timestamp.json
    <directory>/public/targets/    bundles/<detector>/<hash>.<version>.tar
                                   channels/<hash>.<channel>.json
                                   environments/<hash>.<environment>.textproto
    <directory>/keys/              keys of targets, snapshot, timestamp, mode 0600: never serve them
    <directory>/root-keys/         root's, unless they are made elsewhere: take them offline
    <directory>/root-proposal.json a next root that waits for signatures, see `Ceremony`
    <directory>/lock

Serve `public` with any static web server; what is seen there is whole at every moment.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from tuf.ngclient import TargetFile

from whetstone.catalog.catalog_pb2 import Environment
from whetstone.errors import NotReadyError, ReleaseError
from whetstone.releases import environments as published
from whetstone.releases.bundle import Bundle, unpack
from whetstone.releases.channel import Channel
from whetstone.releases.keys import Quorum
from whetstone.releases.release import (
    CANARY,
    EVERYBODY,
    STABLE,
    Release,
    checked_name,
    target_path,
)
from whetstone.releases.store import Store, utc_now


class Repository:
    """Publishes bundles to channels and takes them back. Any number of processes may do so.

    Args:
        directory: See the module; created by `init`.
        clock: Gives the time (UTC) of publications and signatures.
        lock_timeout: Seconds to wait for another publisher.
        root_keys: Directories with root's keys, beside `root-keys` in the directory. They are
            needed to change root, and belong offline all other time.
        new_root_keys: Where new keys of root are made, spread over the directories; default:
            `root_keys`, or `root-keys` if there are none.
    """

    def __init__(
        self,
        directory: Path,
        clock: Callable[[], datetime] = utc_now,
        lock_timeout: float = 60.0,
        root_keys: Sequence[Path] = (),
        new_root_keys: Sequence[Path] = (),
    ):
        directory = directory.resolve()
        self.store = Store(directory, root_keys, new_root_keys, clock, lock_timeout)
        self.public = self.store.public

    @property
    def url(self) -> str:
        """The `file://` URL at which a client on this machine finds the repository."""
        return self.public.as_uri()

    def root(self) -> bytes:
        """The root metadata; hand it to environments by a way you trust, once.

        Raises:
            NotReadyError: The repository was not initialised.
        """
        return self.root_file.read_bytes()

    @property
    def root_file(self) -> Path:
        """The newest root metadata, as it is served.

        Raises:
            NotReadyError: The repository was not initialised.
        """
        return self.store.metadata.newest_root

    def init(self, quorums: Mapping[str, Quorum] | None = None) -> bool:
        """Makes keys and an empty repository, unless they exist; returns whether it did.

        Args:
            quorums: How many keys a role gets and how many have to sign; default: one of one.

        Raises:
            ReleaseError: The repository is damaged, or another process held it for too long.
        """
        with self.store.changing():
            if self.store.metadata.exists:
                return False
            self.store.metadata.create(self.store.clock(), quorums)
        return True

    def publish(
        self,
        bundle_bytes: bytes,
        detector: str,
        version: str,
        channel: str = STABLE,
        rollout: int = EVERYBODY,
    ) -> bool:
        """Makes a packed bundle the champion of its detector in `channel`.

        Args:
            bundle_bytes: What `pack` returned.
            detector: The detector that the bundle's manifest names.
            version: The version that the bundle's manifest names.
            channel: "stable", "canary", or any other name.
            rollout: Percent of the environments that get it; the others keep what they have.

        Returns:
            Whether anything changed: False if this very bundle is the champion already.

        Raises:
            ReleaseError: The bundle is malformed or another than named, the repository is damaged,
                or another process held it for too long.
            InputError: The rollout is no percentage.
            NotReadyError: The repository was not initialised.
        """

        def following(index: Channel) -> Channel:
            champion = index.champion(detector)
            if champion is not None and champion.version == version:
                return index
            return index.published(detector, version, self.store.clock(), rollout)

        return self._publish(bundle_bytes, detector, version, channel, following)

    def publish_challenger(
        self, bundle_bytes: bytes, detector: str, version: str, channel: str = STABLE
    ) -> bool:
        """Has a packed bundle score in shadow beside the champion of `channel`.

        It takes the place of the challenger before. Arguments, result and errors as of `publish`.
        """

        def following(index: Channel) -> Channel:
            serving = (index.champion(detector), index.challenger(detector))
            if version in [release.version for release in serving if release]:
                return index
            return index.challenged(detector, version, self.store.clock())

        return self._publish(bundle_bytes, detector, version, channel, following)

    def promote(self, detector: str, channel: str = STABLE, rollout: int = EVERYBODY) -> str:
        """Makes the challenger of a channel its champion; returns the version.

        Raises:
            NotReadyError: The channel has no challenger of that detector.
            ReleaseError: As `publish`.
        """

        def following(index: Channel) -> Channel:
            challenger = index.challenger(detector)
            if challenger is None:
                return index.unchallenged(detector)  # which says that there is none
            return index.published(detector, challenger.version, self.store.clock(), rollout)

        return self._change(channel, following).champions()[detector].version

    def promote_canary(self, detector: str, rollout: int = EVERYBODY) -> str:
        """Makes the canary champion that of stable; canary follows stable again.

        Returns:
            The version.

        Raises:
            NotReadyError: Nothing is being tried in canary.
            ReleaseError: As `publish`.
        """
        with self.store.changing():
            state, now = self.store.metadata.read(), self.store.clock()
            canary, stable = (self.store.channel(state, name) for name in (CANARY, STABLE))
            tried, serving = canary.champion(detector), stable.champion(detector)
            if tried is None:
                raise NotReadyError(
                    f"no release of {detector} is being tried in channel canary. Publish one "
                    f"first: whetstone releases publish {detector} --channel canary"
                )
            if serving is None or serving.version != tried.version:
                stable = stable.published(detector, tried.version, now, rollout)
            canary = canary.cleared(detector, now)
            self.store.commit_channels(state, {STABLE: stable, CANARY: canary})
        return tried.version

    def set_rollout(self, detector: str, rollout: int, channel: str = STABLE) -> str:
        """Gives the champion to `rollout` percent of the environments; returns its version.

        Raises:
            NotReadyError: There is no champion.
            InputError: The rollout is no percentage.
            ReleaseError: As `publish`.
        """
        index = self._change(channel, lambda index: index.rolled_out(detector, rollout))
        return index.champions()[detector].version

    def rollback(self, detector: str, channel: str = STABLE, to_version: str | None = None) -> str:
        """Makes an earlier version champion again; what came after it is marked withdrawn.

        Args:
            detector: The detector.
            channel: The channel. In canary the first release can be taken back, too: its
                environments follow stable again.
            to_version: One of the standing versions before the champion; None: the last of them.

        Returns:
            The version that is champion now.

        Raises:
            NotReadyError: There is no such version to go back to.
            ReleaseError: As `publish`.
        """
        below = self.channel(STABLE).champion(detector) if channel == CANARY else None

        def following(index: Channel) -> Channel:
            last = len(index.standing(detector)) == 1 and to_version is None
            if last and below is not None:
                return index.cleared(detector, self.store.clock())
            return index.rolled_back(detector, to_version, self.store.clock())

        champion = self._change(channel, following).champion(detector) or below
        assert champion is not None, "a channel is cleared only above another"
        return champion.version

    def withdraw_challenger(self, detector: str, channel: str = STABLE) -> None:
        """Ends the challenger's scoring in shadow.

        Raises:
            NotReadyError: There is none.
            ReleaseError: As `publish`.
        """
        self._change(channel, lambda index: index.unchallenged(detector))

    def publish_environments(self, environments: Iterable[Environment]) -> tuple[str, ...]:
        """Publishes the definitions of all environments; those of others are removed.

        Returns:
            The names of those that changed; none, and nothing is signed, if all stand as they are.

        Raises:
            ReleaseError: As `publish`.
        """
        with self.store.changing():
            state = self.store.metadata.read()
            targets = state.targets.targets
            paths = published.environment_paths(targets)
            standing = {path: self.store.read(targets[path]) for path in paths}
            written, gone = published.changes(standing, environments)
            if written or gone:
                self.store.commit(state, written, gone)
        return published.names({*written, *gone})

    def environments(self) -> dict[str, Environment]:
        """The definitions that are published, by name.

        Raises:
            ReleaseError: The repository is damaged.
        """
        targets = self.store.metadata.read().targets.targets
        found = (
            published.read_environment(self.store.read(targets[path]))
            for path in published.environment_paths(targets)
        )
        return {environment.name: environment for environment in found}

    def refresh(self) -> tuple[str, ...]:
        """Signs anew the metadata that is near its end; run it daily, from any process.

        Root is signed, too, if its keys are at hand; if they are not, `read_status` says when it
        has to be.

        Returns:
            The roles that were signed: none, if there was nothing to do.

        Raises:
            ReleaseError: As `publish`.
        """
        with self.store.changing():
            return self.store.metadata.renew(self.store.metadata.read(), self.store.clock())

    def champion(self, detector: str, channel: str = STABLE) -> str | None:
        """The version in service, None if nothing was published.

        While a release is rolled out to some environments only, it is the one before.

        Raises:
            ReleaseError: The repository is damaged.
        """
        release = self.channel(channel).in_service(detector)
        return release.version if release else None

    def channel(self, name: str) -> Channel:
        """Everything that was published in a channel.

        Raises:
            ReleaseError: The repository is damaged.
        """
        return self.store.channel(self.store.metadata.read(), name)

    def history(self, detector: str, channel: str = STABLE) -> tuple[Release, ...]:
        """All releases of the detector in the channel, withdrawn ones too, oldest first.

        Raises:
            ReleaseError: The repository is damaged.
        """
        return self.channel(channel).history(detector)

    def load(self, detector: str, version: str | None = None, channel: str = STABLE) -> Bundle:
        """A published bundle, verified by the signed metadata.

        Args:
            detector: The detector.
            version: Any version that was ever published; None: the champion of `channel`.
            channel: The channel whose champion is meant.

        Raises:
            NotReadyError: It was not published.
            ReleaseError: The repository is damaged.
        """
        state = self.store.metadata.read()
        if version is None:
            champion = self.store.channel(state, channel).in_service(detector)
            version = champion.version if champion else "of any version"
        target = state.targets.targets.get(target_path(detector, version))
        if target is None:
            raise NotReadyError(
                f"{detector} {version} was not published in channel {channel}. Publish it first"
            )
        return unpack(self.store.read(target))

    def _publish(
        self,
        bundle_bytes: bytes,
        detector: str,
        version: str,
        channel: str,
        following: Callable[[Channel], Channel],
    ) -> bool:
        """Signs the bundle and what follows the channel's index; returns whether that differs."""
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
        with self.store.changing():
            state = self.store.metadata.read()
            known = state.targets.targets.get(path)
            if known is not None and known.hashes != target.hashes:
                raise ReleaseError(
                    f"cannot publish {detector} {version}: another bundle of that version was "
                    "published before. Publish from the same Whetstone version, or train anew"
                )
            self.store.keep(target, bundle_bytes)
            index = self.store.channel(state, channel)
            changed = following(index)
            if changed == index:
                return False
            state.targets.targets[path] = target
            self.store.commit_channels(state, {channel: changed})
        return True

    def _change(self, channel: str, following: Callable[[Channel], Channel]) -> Channel:
        """Signs what follows the channel's index, and returns it."""
        with self.store.changing():
            state = self.store.metadata.read()
            index = following(self.store.channel(state, channel))
            self.store.commit_channels(state, {channel: index})
        return index


def _identity(bundle: Bundle) -> tuple[object, object]:
    return bundle.manifest.get("detector"), bundle.manifest["version"]
