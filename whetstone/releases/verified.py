"""One state of a release repository, and what its signed metadata vouch for: each file is checked.

Whatever fails is a `ReleaseError`; what was in the cache before stays.
"""

from dataclasses import dataclass
from pathlib import Path

from tuf.ngclient import TargetFile, Updater

from whetstone.catalog.catalog_pb2 import Environment
from whetstone.errors import NotReadyError, ReleaseError
from whetstone.releases.bundle import MAX_BUNDLE_BYTES, unpack
from whetstone.releases.cache import Cache, Role
from whetstone.releases.channel import Channel, environment_path, index_path
from whetstone.releases.diagnosis import explained
from whetstone.releases.environments import read_environment
from whetstone.releases.files import TEMPORARY, replace_durably
from whetstone.releases.pulled import Pulled
from whetstone.releases.release import CANARY, STABLE, Release, checked_name

_MAX_INDEX_BYTES = 64 << 20
_MAX_ENVIRONMENT_BYTES = 1 << 20


@dataclass(frozen=True)
class Fetched:
    """What the cache will hold, and the download that makes it so; None: it holds it already."""

    pulled: Pulled
    role: Role
    partial: Path | None = None


class Verified:
    """What can be had of a repository as one set of metadata describes it.

    Args:
        updater: Its metadata are fresh and verified.
        cache: Holds what is not downloaded again.
        url: Of the repository, for errors.
    """

    def __init__(self, updater: Updater, cache: Cache, url: str):
        self._updater = updater
        self._cache = cache
        self._url = url

    def environment(self, name: str) -> Environment:
        """The definition of an environment, as it was signed.

        Raises:
            NotReadyError: There is none of that name.
            ReleaseError: A check failed.
        """
        target = self._updater.get_targetinfo(environment_path(checked_name("environment", name)))
        if target is None:
            raise NotReadyError(
                f"the platform at {self._url} has no environment {name}. Add it to the platform's "
                "catalog and publish, or correct the name"
            )
        content = self._file(target, self._cache.environment(name), _MAX_ENVIRONMENT_BYTES)
        return parse_environment(name, content)

    def followed(self, environment: Environment) -> Channel:
        """What is in the environment's channel; canary lies over stable.

        Raises:
            NotReadyError: The channel does not exist.
            ReleaseError: A check failed.
        """
        channel = environment.channel or STABLE
        if channel != CANARY:
            return self.channel(channel)
        over = (self._optional(one) for one in (CANARY, STABLE))
        canary, stable = (index or Channel.empty() for index in over)
        return canary.over(stable)

    def channel(self, channel: str) -> Channel:
        """The index of a channel.

        Raises:
            NotReadyError: The channel does not exist.
            ReleaseError: A check failed.
        """
        index = self._optional(channel)
        if index is None:
            raise NotReadyError(
                f"the repository at {self._url} has no channel {channel}. Publish to it, or "
                "correct the environment's channel"
            )
        return index

    def bundle(self, detector: str, release: Release, role: Role = "champion") -> Fetched:
        """What the cache will hold, and the verified download if it does not hold it yet.

        Raises:
            ReleaseError: A check failed.
        """
        path = self._cache.bundle(detector, role)
        target = self._updater.get_targetinfo(release.target)
        if target is None:
            raise ReleaseError(
                f"mix-and-match check failed: channel index names {release.target}, the signed "
                "targets do not. Keep the bundle in service and tell the platform's operators"
            )
        if self._updater.find_cached_target(target, str(path)) is not None:
            return Fetched(Pulled(detector, release.version, path, changed=False), role)
        partial = self._download(target, path, MAX_BUNDLE_BYTES)
        check_identity(partial.read_bytes(), detector, release)
        return Fetched(Pulled(detector, release.version, path, changed=True), role, partial)

    def _optional(self, channel: str) -> Channel | None:
        path = self._cache.index(channel)
        target = self._updater.get_targetinfo(index_path(channel))
        if target is None:
            path.unlink(missing_ok=True)
            return None
        return Channel.from_bytes(self._file(target, path, _MAX_INDEX_BYTES))

    def _file(self, target: TargetFile, path: Path, limit: int) -> bytes:
        if self._updater.find_cached_target(target, str(path)) is None:
            replace_durably(self._download(target, path, limit), path)
        return path.read_bytes()

    def _download(self, target: TargetFile, path: Path, limit: int) -> Path:
        """Downloads beside `path`, under a name that a later download writes over."""
        if target.length > limit:
            raise ReleaseError(
                f"size check failed: {target.path} is signed with {target.length} bytes, more than "
                f"the limit of {limit}. Publish a smaller bundle; nothing was downloaded"
            )
        partial = path.with_name(f"{TEMPORARY}{path.name}")
        with explained(target.path, self._url, self._cache.directory, "content"):
            self._updater.download_target(target, str(partial))
        return partial


def cached_channel(cache: Cache, environment: Environment) -> Channel:
    """What an environment followed when it was pulled last.

    Raises:
        FileNotFoundError: It was never pulled.
        ReleaseError: A cached index is damaged.
    """
    channel = environment.channel or STABLE
    names = (CANARY, STABLE) if channel == CANARY else (channel,)
    paths = [path for path in map(cache.index, names) if path.exists()]
    if not paths:
        raise FileNotFoundError(channel)
    first, *below = (Channel.from_bytes(path.read_bytes()) for path in paths)
    return first.over(below[0]) if below else first


def check_identity(packed: bytes, detector: str, release: Release) -> None:
    """Whether a bundle is the one that the channel's index means.

    Raises:
        ReleaseError: It is malformed, or of another detector or version.
    """
    manifest = unpack(packed).manifest
    if (manifest.get("detector"), manifest["version"]) != (detector, release.version):
        raise ReleaseError(
            f"mix-and-match check failed: {release.target} holds another bundle, "
            f"{manifest.get('detector')} {manifest['version']}. Keep the bundle in service and "
            "tell the platform's operators"
        )


def parse_environment(name: str, content: bytes) -> Environment:
    """The definition of the environment `name`.

    Raises:
        ReleaseError: It cannot be parsed, or is another environment's.
    """
    environment = read_environment(content)
    if environment.name != name:
        raise ReleaseError(
            f"mix-and-match check failed: the definition of environment {name} is that of "
            f"{environment.name!r}. Tell the platform's operators; what was pulled stays in service"
        )
    return environment
