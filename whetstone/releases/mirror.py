"""A mirror behind an air gap: exports are verified like a client does, then served like a platform.

<directory>/public/    what to serve: metadata/ and targets/, as of `whetstone.releases.repository`
<directory>/lock

A mirror has no keys. It trusts the root that stands in it, or for its first import the one that is
handed in; an export that is older, expired, incomplete or changed anywhere is refused, and the
mirror stays as it was.

References:
    The client's workflow, https://theupdateframework.github.io/specification/latest/ (section 5)
"""

# tuf documents these names, but does not mark them as exported.
# pyright: reportPrivateImportUsage=false

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.api.metadata import Metadata, Root, Targets, Timestamp
from tuf.ngclient import FetcherInterface, TargetFile, Updater

from whetstone.errors import ReleaseError
from whetstone.releases import archive
from whetstone.releases.bundle import unpack
from whetstone.releases.channel import Channel, environment_path, index_path, name_in
from whetstone.releases.diagnosis import diagnosis, story
from whetstone.releases.environments import read_environment
from whetstone.releases.export import bundle_paths, limit_of, member_of
from whetstone.releases.files import TEMPORARY, only_one, replace_durably, write_whole
from whetstone.releases.release import checked_name, target_path

_LOCK_TIMEOUT_SECONDS = 60.0
_LOCAL = ("timestamp", "snapshot", "targets")


@dataclass(frozen=True)
class Imported:
    """What a mirror is after an import.

    Attributes:
        public: The directory to serve.
        changed: Whether it differs from before.
        version: Of the timestamp.
        expires: ISO 8601 instant (UTC) from which on environments refuse it.
        bundles: How many bundles were new.
    """

    public: Path
    changed: bool
    version: int
    expires: str
    bundles: int


def import_releases(
    file: Path,
    directory: Path,
    trusted_root: bytes | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Imported:
    """Verifies an export and puts it into a mirror.

    Args:
        file: What `export` wrote; hostile until this function has returned.
        directory: The mirror; made if it is not there.
        trusted_root: The platform's root metadata, by a way other than the file; for the first
            import only, afterwards the mirror knows it.
        say: Told of progress.

    Raises:
        ReleaseError: Which check failed and the remedy; the mirror is as it was.
        OSError: The file cannot be read or the mirror not written.
    """
    if (directory / "keys").exists():
        raise ReleaseError(
            f"{directory} is a repository with keys, no mirror. Name another directory with --into"
        )
    with (
        file.open("rb") as opened,
        only_one(directory / "lock", "importing", _LOCK_TIMEOUT_SECONDS),
        tempfile.TemporaryDirectory(dir=directory, prefix=TEMPORARY) as scratch,
    ):
        mirror = _Mirror(directory / "public")
        members = _Members(opened, archive.scan(opened, limit_of))
        say("verifying the metadata")
        for left in directory.glob(f"{TEMPORARY}*"):
            if left != Path(scratch):
                shutil.rmtree(left)  # of an import that was killed
        metadata = _verified(mirror, members, trusted_root, Path(scratch))
        return _put(mirror, members, metadata, Path(scratch), say)


class _Mirror:
    """The served directory."""

    def __init__(self, public: Path):
        self.public = public
        self.metadata = public / "metadata"

    def newest_root(self) -> bytes | None:
        """The root it trusts."""
        versions = [int(path.name.split(".")[0]) for path in self.metadata.glob("*.root.json")]
        if not versions:
            return None
        return (self.metadata / f"{max(versions)}.root.json").read_bytes()

    def known(self) -> dict[str, bytes]:
        """The metadata it serves, by role, as far as there is any."""
        found: dict[str, bytes] = {}
        timestamp = self.metadata / "timestamp.json"
        if timestamp.exists():
            found["timestamp"] = timestamp.read_bytes()
            for role in ("snapshot", "targets"):
                paths = self.metadata.glob(f"*.{role}.json")
                newest = max(paths, key=lambda path: int(path.name.split(".")[0]), default=None)
                if newest:
                    found[role] = newest.read_bytes()
        return found

    def channels(self) -> set[str]:
        """The channels it serves."""
        found = self.public.glob(f"targets/{index_path('*.*')}")
        return {path.name.split(".")[1] for path in found}

    def path(self, target: TargetFile) -> Path:
        """Where it serves a target."""
        return self.public / "targets" / target.get_prefixed_paths()[0]


class _Members(FetcherInterface):
    """An archive, read as the web server that it stands for."""

    def __init__(self, file: BinaryIO, spans: Mapping[str, archive.Span]):
        super().__init__()
        self._file = file
        self.spans = spans
        self.name = str(file.name)

    def read(self, member: str) -> bytes:
        return self.spans[member].read(self._file)

    def _fetch(self, url: str) -> Iterator[bytes]:
        member = urlsplit(url).path.lstrip("/")
        if member not in self.spans:
            raise DownloadHTTPError(f"the archive has no {member}", 404)
        yield self.read(member)


def _verified(
    mirror: _Mirror, members: _Members, trusted_root: bytes | None, scratch: Path
) -> dict[str, bytes]:
    """The archive's metadata by file name, verified against what the mirror knows."""
    root = mirror.newest_root() or trusted_root
    if root is None:
        raise ReleaseError(
            f"there is no root to trust: {mirror.public} is empty. Hand in the platform's "
            "root.json, which you got by a way other than the archive, with --root"
        )
    for role, content in mirror.known().items():
        (scratch / f"{role}.json").write_bytes(content)
    try:
        updater = Updater(str(scratch), "archive:///metadata/", fetcher=members, bootstrap=root)
        updater.refresh()
        found = {name: (scratch / f"{name}.json").read_bytes() for name in _LOCAL}
        versions = {name: Metadata[Root].from_bytes(found[name]).signed.version for name in _LOCAL}
        roots = _roots(members, scratch / "root_history")
    except (RepositoryError, DownloadError) as error:
        raise _refused(members, error) from error
    return {
        **roots,
        f"{versions['targets']}.targets.json": found["targets"],
        f"{versions['snapshot']}.snapshot.json": found["snapshot"],
        "timestamp.json": found["timestamp"],
    }


def _roots(members: _Members, history: Path) -> dict[str, bytes]:
    """Every root, for clients that know an older one only: each signed by the one before."""
    found = {int(path.name.split(".")[0]): path.read_bytes() for path in history.iterdir()}
    for version, content in found.items():
        member = f"metadata/{version}.root.json"
        if member in members.spans and not _same(content, members.read(member)):
            raise _incomplete(members, f"{member} is not the root that the mirror trusts")
    version = min(found) - 1
    while (member := f"metadata/{version}.root.json") in members.spans:
        found[version] = members.read(member)
        version -= 1
    for older, newer in pairwise(sorted(found)):
        signed = Metadata[Root].from_bytes(found[newer])
        Metadata[Root].from_bytes(found[older]).signed.verify_delegate(
            Root.type, signed.signed_bytes, signed.signatures
        )
    return {f"{version}.root.json": content for version, content in sorted(found.items())}


def _same(trusted: bytes, stated: bytes) -> bool:
    """Whether two files are the same root; each Whetstone version may write it differently."""
    one, other = (Metadata[Root].from_bytes(content) for content in (trusted, stated))
    one.signed.verify_delegate(Root.type, other.signed_bytes, other.signatures)
    return one.signed_bytes == other.signed_bytes


def _put(
    mirror: _Mirror,
    members: _Members,
    metadata: Mapping[str, bytes],
    scratch: Path,
    say: Callable[[str], None],
) -> Imported:
    """Verifies the targets, then moves them in and, last, the metadata that names them."""
    (targets_file,) = (name for name in metadata if name.endswith(".targets.json"))
    targets = Metadata[Targets].from_bytes(metadata[targets_file]).signed.targets
    arrived = {
        path: target for path, target in targets.items() if member_of(target) in members.spans
    }
    staged: dict[Path, Path] = {}
    for number, (path, target) in enumerate(sorted(arrived.items()), start=1):
        say(f"verifying {number} of {len(arrived)}: {path}")
        # What was verified is what is kept: the file may lie on a disk of somebody else.
        staged[mirror.path(target)] = scratch / str(number)
        (scratch / str(number)).write_bytes(_checked(path, target, members))
    _check_complete(
        mirror,
        members,
        targets,
        {path: staged[mirror.path(target)] for path, target in arrived.items()},
    )
    timestamp = Metadata[Timestamp].from_bytes(metadata["timestamp.json"]).signed
    before = mirror.known().get("timestamp")
    new = [path for path in staged if not path.exists()]
    for path, partial in staged.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_durably(partial, path)
    for name, content in metadata.items():
        write_whole(mirror.metadata / name, content)
    return Imported(
        mirror.public,
        bool(new) or before != metadata["timestamp.json"],
        timestamp.version,
        timestamp.expires.isoformat(),
        sum(path.suffix == ".tar" for path in new),
    )


def _checked(path: str, target: TargetFile, members: _Members) -> bytes:
    """A target's content, if it is what was signed and what its path says."""
    content = members.read(member_of(target))
    try:
        target.verify_length_and_hashes(content)
    except RepositoryError as error:
        raise _refused(members, error, path) from error
    if name := name_in(path, index_path):
        checked_name("channel", name)
        Channel.from_bytes(content)
        return content
    if name := name_in(path, environment_path):
        stated = environment_path(checked_name("environment", read_environment(content).name))
    else:
        manifest = unpack(content).manifest
        stated = target_path(checked_name("detector", manifest["detector"]), manifest["version"])
    if stated != path:
        raise _incomplete(members, f"{path} holds another thing, {stated}")
    return content


def _check_complete(
    mirror: _Mirror,
    members: _Members,
    targets: Mapping[str, TargetFile],
    staged: Mapping[str, Path],
) -> None:
    """Refuses what would leave an environment without something that the metadata names."""
    signed = {member_of(target) for target in targets.values()}
    arrived = {name for name in members.spans if name.startswith("targets/")}
    if foreign := sorted(arrived - signed):
        raise _incomplete(members, f"it holds {foreign[0]}, which nobody signed")
    indexes = {
        name: Channel.from_bytes(content.read_bytes())
        for path, content in staged.items()
        if (name := name_in(path, index_path))
    }
    if not indexes:
        raise _incomplete(members, "it holds no channel")
    if left := sorted(mirror.channels() - indexes.keys()):
        raise _incomplete(
            members, f"the mirror serves channel {left[0]} as well, which is not in it"
        )
    if missing := [path for path in bundle_paths(indexes) if path not in staged]:
        raise _incomplete(members, f"{missing[0]} is missing, which its channel names")


def _refused(members: _Members, error: Exception, what: str = "the metadata") -> ReleaseError:
    reason, _ = diagnosis(error, "consistency" if what == "the metadata" else "content")
    return ReleaseError(
        f"{reason} for {what} in {members.name} ({story(error)}). Export it anew and carry it by "
        "a way you trust; the mirror is as it was"
    )


def _incomplete(members: _Members, reason: str) -> ReleaseError:
    return ReleaseError(
        f"archive refused: {members.name}: {reason}. Export it anew, with all channels that the "
        "mirror serves; the mirror is as it was"
    )
