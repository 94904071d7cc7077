"""The environment's side: verified bundles from a release repository, kept in a cache directory.

<cache_dir>/bundles/<detector>.tar   the bundle in service; replaced whole
<cache_dir>/metadata/                what was verified last: later metadata may not be older
<cache_dir>/lock
"""

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.ngclient import TargetFile, Updater
from urllib3.exceptions import HTTPError

from whetstone.errors import NotReadyError, ReleaseError
from whetstone.releases.bundle import MAX_BUNDLE_BYTES, Bundle, unpack
from whetstone.releases.channel import Channel, Release, checked_name, index_path
from whetstone.releases.fetcher import fetcher_for
from whetstone.releases.files import TEMPORARY, only_one, replace_durably

_MAX_INDEX_BYTES = 64 << 20
_LOCK_TIMEOUT_SECONDS = 60.0


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


class Client:
    """Pulls what a channel's champions are, and verifies all of it before it touches the cache.

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
        self._cache = cache_dir
        self._trusted_root = trusted_root
        if trusted_root is None and not (cache_dir / "metadata" / "root.json").is_file():
            raise ReleaseError(
                f"there is no root to trust: {cache_dir} has seen no repository yet. Get root.json "
                "from the platform by a way you trust and hand it in with the first pull"
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
        with self._updating() as updater:
            champions = self._index(updater, channel).champions()
            wanted = sorted(champions if detectors is None else set(detectors))
            if missing := [detector for detector in wanted if detector not in champions]:
                raise NotReadyError(
                    f"channel {channel} has no release of {', '.join(missing)}; it has "
                    f"{', '.join(champions) or 'none at all'}. Publish it, or pull without it"
                )
            found = [self._fetch(updater, name, champions[name]) for name in wanted]
            for pulled, partial in found:
                if partial is not None:
                    replace_durably(partial, pulled.path)
        return [pulled for pulled, _ in found]

    def champions(self, channel: str) -> Mapping[str, Release]:
        """Detector to champion, as the repository says now, verified; pulls nothing.

        Raises:
            ReleaseError: Which check failed and the remedy.
        """
        with self._updating() as updater:
            return self._index(updater, channel).champions()

    def load(self, detector: str) -> Bundle:
        """The bundle in service, from the cache; asks the repository nothing.

        Raises:
            NotReadyError: It was never pulled.
            ReleaseError: The cached file is damaged.
        """
        try:
            return unpack(self._path(detector).read_bytes())
        except FileNotFoundError as error:
            raise NotReadyError(f"{detector} was never pulled: pull it first") from error

    @contextmanager
    def _updating(self) -> Generator[Updater]:
        """Fresh, verified metadata; one process at a time, as the cache must not be shared."""
        metadata = self._cache / "metadata"
        with (
            self._explained("the metadata", "consistency"),
            only_one(self._cache / "lock", "pulling", _LOCK_TIMEOUT_SECONDS),
        ):
            metadata.mkdir(exist_ok=True)
            with self._explained("the trusted root", "form"):
                updater = Updater(
                    str(metadata),
                    f"{self._url}/metadata/",
                    target_base_url=f"{self._url}/targets/",
                    fetcher=self._fetcher,
                    bootstrap=self._trusted_root,
                )
            updater.refresh()
            yield updater

    def _index(self, updater: Updater, channel: str) -> Channel:
        target = updater.get_targetinfo(index_path(checked_name("channel", channel)))
        if target is None:
            raise NotReadyError(
                f"the repository at {self._url} has no channel {channel}. Publish to it, or "
                "correct the environment's channel"
            )
        path = self._cache / f"{channel}.json"
        if updater.find_cached_target(target, str(path)) is None:
            replace_durably(self._download(updater, target, path, _MAX_INDEX_BYTES), path)
        return Channel.from_bytes(path.read_bytes())

    def _fetch(
        self, updater: Updater, detector: str, champion: Release
    ) -> tuple[Pulled, Path | None]:
        """What the cache will hold, and the verified download if it does not hold it yet."""
        path = self._path(detector)
        target = updater.get_targetinfo(champion.target)
        if target is None:
            raise ReleaseError(
                f"mix-and-match check failed: channel index names {champion.target}, the signed "
                "targets do not. Keep the bundle in service and tell the platform's operators"
            )
        if updater.find_cached_target(target, str(path)) is not None:
            return Pulled(detector, champion.version, path, changed=False), None
        partial = self._download(updater, target, path, MAX_BUNDLE_BYTES)
        manifest = unpack(partial.read_bytes()).manifest
        if (manifest.get("detector"), manifest["version"]) != (detector, champion.version):
            raise ReleaseError(
                f"mix-and-match check failed: {champion.target} holds another bundle, "
                f"{manifest.get('detector')} {manifest['version']}. Keep the bundle in service and "
                "tell the platform's operators"
            )
        return Pulled(detector, champion.version, path, changed=True), partial

    def _download(self, updater: Updater, target: TargetFile, path: Path, limit: int) -> Path:
        """Downloads beside `path`, under a name that a later download writes over."""
        if target.length > limit:
            raise ReleaseError(
                f"size check failed: {target.path} is signed with {target.length} bytes, more than "
                f"the limit of {limit}. Publish a smaller bundle; nothing was downloaded"
            )
        partial = path.with_name(f"{TEMPORARY}{path.name}")
        with self._explained(target.path, "content"):
            updater.download_target(target, str(partial))
        return partial

    def _path(self, detector: str) -> Path:
        return self._cache / "bundles" / f"{checked_name('detector', detector)}.tar"

    @contextmanager
    def _explained(self, what: str, checked: str) -> Generator[None]:
        """Turns what TUF and the disk say into the check that failed, where, and what to do."""
        try:
            yield
        except (RepositoryError, DownloadError, HTTPError) as error:
            reason, remedy = _diagnosis(error, checked)
            raise ReleaseError(
                f"{reason} for {what} at {self._url} ({_story(error)}). {remedy}. "
                "What was pulled before stays in service"
            ) from error
        except OSError as error:
            raise ReleaseError(
                f"the cache {self._cache} cannot be written: {error}. Check its space and "
                "permissions. What was pulled before stays in service"
            ) from error


def _diagnosis(error: Exception, checked: str) -> tuple[str, str]:
    """The check that failed and the remedy; `checked` is what a length or hash would prove."""
    again = (
        "Pull again; if that repeats, tell the platform's operators: somebody may be between you "
        "and them"
    )
    match error:
        case UnsignedMetadataError():
            return (
                "signature check failed (wrong key)",
                "Compare the trusted root with the platform's; if the platform was set up anew, "
                "hand in its new root and an empty cache",
            )
        case ExpiredMetadataError():
            return (
                "freshness check failed (expired: a freeze attack, or nobody renews it)",
                "Check this machine's clock, then that the platform's daily refresh runs",
            )
        case BadVersionNumberError():
            return (
                "rollback check failed (older than what was seen before)",
                f"Ask whether the platform was restored from a backup. {again}",
            )
        case LengthOrHashMismatchError() if checked == "consistency":
            return "consistency check failed (mix-and-match, truncated or changed)", again
        case LengthOrHashMismatchError():
            return f"{checked} check failed (truncated or changed)", again
        case DownloadLengthMismatchError():
            return "size check failed (oversize: more bytes than were signed)", again
        case RepositoryError():
            return "form check failed (malformed)", again
        case _:
            return (
                "download failed (unreachable or too slow)",
                "Check the URL, the network, and that the repository's public directory is served",
            )


def _story(error: BaseException | None) -> str:
    told: list[str] = []
    while error is not None:
        told.append(str(error) or type(error).__name__)
        error = error.__cause__
    return ": ".join(told)
