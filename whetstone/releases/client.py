"""The environment's side: verified bundles from a release repository, kept in a cache directory.

How the cache is laid out is said in `whetstone.releases.cache`.
"""

from collections.abc import Collection, Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from tuf.ngclient import Updater

from whetstone.catalog.catalog_pb2 import Environment
from whetstone.errors import NotReadyError, ReleaseError
from whetstone.releases.bundle import Bundle
from whetstone.releases.cache import Cache, Role
from whetstone.releases.channel import Channel
from whetstone.releases.diagnosis import explained
from whetstone.releases.fetcher import fetcher_for
from whetstone.releases.files import only_one
from whetstone.releases.pulled import Pulled, PulledEnvironment
from whetstone.releases.release import Release
from whetstone.releases.verified import Fetched, Verified, cached_channel, parse_environment

_LOCK_TIMEOUT_SECONDS = 60.0


class Client:
    """Pulls what scores in an environment, and verifies all of it before it touches the cache.

    Args:
        url: Where the repository's `public` directory is: `file://`, `http://` or `https://`.
        cache_dir: Kept between runs: it remembers what it saw, which is what exposes a rollback.
        trusted_root: The repository's root metadata, from a way other than `url`. None: the root
            that the cache trusts already.

    Raises:
        ReleaseError: `url` is no URL, or there is no root to trust.
    """

    def __init__(self, url: str, cache_dir: Path, trusted_root: bytes | None = None):
        self._url = url.rstrip("/")
        self._fetcher = fetcher_for(url)
        self._cache = Cache(cache_dir)
        self._trusted_root = trusted_root
        if trusted_root is None and not self._cache.trusts:
            raise ReleaseError(
                f"there is no root to trust: {cache_dir} has seen no repository yet. Get root.json "
                "from the platform by a way you trust and hand it in with --root, once"
            )

    def pull(self, channel: str, detectors: Iterable[str] | None = None) -> list[Pulled]:
        """Brings the cache up to date with the champions of `channel`.

        All bundles are downloaded and verified before the first replaces its predecessor: if one
        fails, nothing changes. What is in the cache already is not downloaded again.

        Args:
            channel: Such as "stable".
            detectors: Those to pull; None: all of the channel.

        Returns:
            One entry a detector, by name.

        Raises:
            ReleaseError: Which check failed and the remedy.
            NotReadyError: The channel has no champion for a detector that was asked for.
        """
        with self._updating() as verified:
            champions = verified.channel(channel).champions()
            wanted = sorted(champions if detectors is None else set(detectors))
            if missing := [detector for detector in wanted if detector not in champions]:
                raise NotReadyError(
                    f"channel {channel} has no release of {', '.join(missing)}; it has "
                    f"{', '.join(champions) or 'none at all'}. Publish it, or pull without it"
                )
            return self._replace([verified.bundle(name, champions[name]) for name in wanted])

    def pull_environment(
        self,
        name: str,
        refused: Mapping[str, Collection[str]] | None = None,
        unproven: Collection[str] = (),
    ) -> PulledEnvironment:
        """Brings the cache up to date with what the platform has `name` run.

        That is decided by the environment's signed definition (detectors, channel), by how far a
        release is rolled out, and by what this environment refused. As with `pull`, everything is
        verified before anything is replaced.

        Args:
            name: The environment.
            refused: Detector to versions that did not stand their probation here; the bundle in
                service stays in their place, unless the platform took that one back.
            unproven: Detectors whose bundle in service is on probation; the one before it stays
                the one to go back to.

        Raises:
            ReleaseError: Which check failed and the remedy.
            NotReadyError: The platform has no such environment, or its channel does not exist.
        """
        with self._updating() as verified:
            environment = verified.environment(name)
            index = verified.followed(environment)
            champions: list[Fetched] = []
            challengers: list[Fetched] = []
            for detector in sorted(environment.detectors):
                unwanted = {*(refused or {}).get(detector, ()), *index.withdrawn(detector)}
                release, challenger = index.serving(detector, name), index.challenger(detector)
                if release is not None and release.version in unwanted:
                    champions += self._kept(detector, unwanted)
                elif release is not None:
                    champions.append(verified.bundle(detector, release))
                    unwanted.add(release.version)
                if challenger is not None and challenger.version not in unwanted:
                    challengers.append(verified.bundle(detector, challenger, "challenger"))
            self._replace([*champions, *challengers], unproven)
            return self._pulled(environment, index, champions, challengers)

    def cached_environment(self, name: str) -> PulledEnvironment:
        """What the last pull of the environment left in service; asks the repository nothing.

        Raises:
            NotReadyError: It was never pulled.
            ReleaseError: A cached file is damaged.
        """
        path = self._cache.environment(name)
        try:
            environment = parse_environment(name, path.read_bytes())
            index = cached_channel(self._cache, environment)
        except FileNotFoundError as error:
            raise NotReadyError(
                f"environment {name} was never pulled: reach the release repository once"
            ) from error
        champions: list[Fetched] = []
        challengers: list[Fetched] = []
        for detector in sorted(environment.detectors):
            unwanted = set(index.withdrawn(detector))
            if index.serving(detector, name) is not None:
                champions += self._kept(detector, unwanted)
            if index.challenger(detector) is not None:
                unwanted |= {one.pulled.version for one in champions}
                challengers += self._kept(detector, unwanted, "challenger")
        return self._pulled(environment, index, champions, challengers)

    def champions(self, channel: str) -> Mapping[str, Release]:
        """Detector to champion, as the repository says now, verified; pulls nothing.

        Raises:
            ReleaseError: Which check failed and the remedy.
        """
        with self._updating() as verified:
            return verified.channel(channel).champions()

    def load(self, detector: str, role: Role = "champion") -> Bundle:
        """A bundle from the cache; asks the repository nothing.

        Args:
            detector: The detector.
            role: "champion": in service; "previous": what was in service before it; "challenger".

        Raises:
            NotReadyError: It was never pulled.
            ReleaseError: The cached file is damaged.
        """
        return self._cache.load(detector, role)

    def go_back(self, detector: str, version: str) -> str:
        """Puts the previous bundle in the place of `version`, if that is in service in the cache.

        Pass the version that was taken out to every later `pull_environment` as refused.

        Returns:
            The version in service now.

        Raises:
            NotReadyError: There is none.
            ReleaseError: The cached file is damaged, or another process pulls for too long.
        """
        with self._explained("the cache", "content"), self._alone():
            serving = self._cache.load(detector, "champion").manifest["version"]
            return self._cache.go_back(detector) if serving == version else serving

    @contextmanager
    def _updating(self) -> Generator[Verified]:
        """Fresh, verified metadata; one process at a time, as the cache must not be shared."""
        with self._explained("the metadata", "consistency"), self._alone():
            self._cache.metadata.mkdir(exist_ok=True)
            with self._explained("the trusted root", "form"):
                updater = Updater(
                    str(self._cache.metadata),
                    f"{self._url}/metadata/",
                    target_base_url=f"{self._url}/targets/",
                    fetcher=self._fetcher,
                    bootstrap=self._trusted_root,
                )
            updater.refresh()
            yield Verified(updater, self._cache, self._url)

    def _kept(
        self, detector: str, unwanted: Collection[str], role: Role = "champion"
    ) -> list[Fetched]:
        """The bundle in the cache as it is, if there is one that is wanted."""
        version = self._cache.version(detector, role)
        if version is None or version in unwanted:
            return []
        path = self._cache.bundle(detector, role)
        return [Fetched(Pulled(detector, version, path, changed=False), role)]

    def _replace(self, fetched: list[Fetched], unproven: Collection[str] = ()) -> list[Pulled]:
        for one in fetched:
            detector = one.pulled.detector
            if one.partial is not None:
                self._cache.put(one.partial, detector, one.role, proven=detector not in unproven)
        return [one.pulled for one in fetched]

    def _pulled(
        self,
        environment: Environment,
        index: Channel,
        champions: list[Fetched],
        challengers: list[Fetched],
    ) -> PulledEnvironment:
        return PulledEnvironment.of(
            environment,
            {detector: index.withdrawn(detector) for detector in environment.detectors},
            (one.pulled for one in champions),
            (one.pulled for one in challengers),
            self._cache.expires(),
        )

    @contextmanager
    def _alone(self) -> Generator[None]:
        lock = self._cache.directory / "lock"
        with only_one(lock, "pulling", _LOCK_TIMEOUT_SECONDS):
            yield

    @contextmanager
    def _explained(
        self, what: str, proves: Literal["consistency", "content", "form"]
    ) -> Generator[None]:
        with explained(what, self._url, self._cache.directory, proves):
            yield
