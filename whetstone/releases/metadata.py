"""The signed metadata on the publisher's disk: reading what stands, signing what comes next.

What clients see is decided by `timestamp.json` alone: it names one snapshot, which names one
targets file. Files of a publication that was cut short lie beside them, unnamed, and are written
over by the next one.
"""

# tuf and securesystemslib document these names, but do not mark them as exported.
# pyright: reportPrivateImportUsage=false

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TypeVar, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer

from whetstone.errors import NotReadyError, ReleaseError
from whetstone.releases.files import write_whole


@dataclass(frozen=True)
class Term:
    """How long a role's metadata counts, and how long before its end it is signed anew."""

    lifetime: timedelta
    renew_before: timedelta


# The timestamp's lifetime bounds a freeze: so long can an attacker, or a dead publisher, keep an
# environment on old releases unnoticed.
TERMS: Mapping[str, Term] = {
    Root.type: Term(timedelta(days=730), timedelta(days=90)),
    Targets.type: Term(timedelta(days=365), timedelta(days=90)),
    Snapshot.type: Term(timedelta(days=30), timedelta(days=15)),
    Timestamp.type: Term(timedelta(days=7), timedelta(days=4)),
}

_Role = TypeVar("_Role", Root, Timestamp, Snapshot, Targets)

# So many publications may pass while a client is between the timestamp and the last download.
_KEPT_VERSIONS = 32


@dataclass(frozen=True)
class State:
    """The metadata that stands, verified: each role by root's keys, each file by who names it."""

    root: Root
    timestamp: Timestamp
    snapshot: Snapshot
    targets: Targets


class MetadataFiles:
    """The metadata directory of a release repository and the keys that sign it.

    Args:
        directory: `N.root.json`, `N.targets.json`, `N.snapshot.json`, `timestamp.json`; served.
        keys: `<role>.pem`, ed25519, mode 0600; never served.
    """

    def __init__(self, directory: Path, keys: Path):
        self.directory = directory
        self._keys = keys

    @property
    def exists(self) -> bool:
        """Whether a repository was initialised here."""
        return (self.directory / "timestamp.json").exists()

    def create(self, now: datetime) -> None:
        """Keys, where there are none, and version 1 of every role; repeats safely if cut short.

        Raises:
            ReleaseError: More was published here before, and its timestamp.json or keys are gone.
        """
        if self._versions(Snapshot.type) - {1} or self._versions(Targets.type) - {1}:
            raise ReleaseError(
                f"{self.directory} holds a release repository without timestamp.json; beginning "
                "anew would look like an attack to every client. Restore it from a backup"
            )
        if not self._versions(Root.type):
            root = Root(consistent_snapshot=True)
            for role in TERMS:
                root.add_key(self._new_key(role), role)
            self._sign(root, root, now)
        self.commit(Targets(), None, now)

    def read(self) -> State:
        """What stands.

        Raises:
            ReleaseError: A file is missing or was not signed by the repository's keys.
        """
        root = self.root().signed
        timestamp = self._verified(Timestamp, root, self.directory / "timestamp.json", None)
        meta = timestamp.snapshot_meta
        snapshot = self._verified(Snapshot, root, self._path(Snapshot.type, meta.version), meta)
        meta = snapshot.meta["targets.json"]
        targets = self._verified(Targets, root, self._path(Targets.type, meta.version), meta)
        return State(root, timestamp, snapshot, targets)

    def commit(self, targets: Targets, standing: State | None, now: datetime) -> None:
        """Signs `targets` and what names them, in the order that keeps every moment consistent.

        Args:
            targets: Version and expiry are set here.
            standing: What `read` returned; None for the first time.
            now: The moment of signing.

        Raises:
            ReleaseError: A key is missing or not the one that root names.
        """
        targets.version = standing.targets.version + 1 if standing else 1
        signed = self._sign(targets, self.root().signed, now)
        snapshot = Snapshot(
            meta={"targets.json": MetaFile.from_data(targets.version, signed, ["sha256"])}
        )
        self._commit_snapshot(snapshot, standing, now)

    def renew(self, standing: State, now: datetime) -> tuple[str, ...]:
        """Signs anew what is near its end, and what names it; returns the roles, changed or not.

        Raises:
            ReleaseError: A key is missing. Root's may be kept elsewhere until it is due.
        """
        due = [
            signed.type
            for signed in (standing.targets, standing.snapshot, standing.timestamp, standing.root)
            if signed.expires - now < TERMS[signed.type].renew_before
        ]
        if Targets.type in due:
            self.commit(standing.targets, standing, now)
        elif Timestamp.type in due:  # the snapshot is always signed with it, and lives longer
            self._commit_snapshot(standing.snapshot, standing, now)
        if Root.type in due:
            standing.root.version += 1
            self._sign(standing.root, standing.root, now)
        return tuple(due)

    def root(self) -> Metadata[Root]:
        """The newest root metadata, signed by itself.

        Raises:
            ReleaseError: There is no repository here, or its root is damaged.
        """
        versions = self._versions(Root.type)
        if not versions:
            raise NotReadyError(
                f"there is no release repository at {self.directory}. Initialise it first"
            )
        path = self._path(Root.type, max(versions))
        try:
            root = Metadata[Root].from_bytes(path.read_bytes())
            root.signed.verify_delegate(Root.type, root.signed_bytes, root.signatures)
        except (OSError, RepositoryError) as error:
            raise _damaged(path, error) from error
        return root

    def prune(self, state: State, targets: Path) -> None:
        """Removes metadata that no client can still be reading, and the indexes only it names.

        Bundles stay for ever: every later targets file names them too.
        """
        oldest = state.targets.version - _KEPT_VERSIONS
        versions = sorted(self._versions(Targets.type))
        needed = _file_names(state.targets)
        for version, following in pairwise(versions):
            if version >= oldest:
                break
            outlived, kept = (self._read_targets(n) for n in (version, following))
            for name in _file_names(outlived) - _file_names(kept) - needed:
                (targets / name).unlink(missing_ok=True)
            self._path(Targets.type, version).unlink()
        for version in self._versions(Snapshot.type):
            if version < state.snapshot.version - _KEPT_VERSIONS:
                self._path(Snapshot.type, version).unlink()

    def _commit_snapshot(self, snapshot: Snapshot, standing: State | None, now: datetime) -> None:
        root = self.root().signed
        snapshot.version = standing.snapshot.version + 1 if standing else 1
        signed = self._sign(snapshot, root, now)
        timestamp = Timestamp(
            version=standing.timestamp.version + 1 if standing else 1,
            snapshot_meta=MetaFile.from_data(snapshot.version, signed, ["sha256"]),
        )
        self._sign(timestamp, root, now)

    def _sign(self, signed: _Role, root: Root, now: datetime) -> bytes:
        signed.expires = (now + TERMS[signed.type].lifetime).replace(microsecond=0)
        metadata = Metadata(signed)
        metadata.sign(self._signer(signed.type, root))
        content = metadata.to_bytes(JSONSerializer(compact=True))
        write_whole(self._path(signed.type, signed.version), content)
        return content

    def _signer(self, role: str, root: Root) -> CryptoSigner:
        path = self._keys / f"{role}.pem"
        try:
            private = load_pem_private_key(path.read_bytes(), password=None)
            public = root.get_key(root.get_delegated_role(role).keyids[0])
            return CryptoSigner(private, cast("SSlibKey", public))
        except (OSError, ValueError, UnsupportedAlgorithm) as error:
            raise ReleaseError(
                f"cannot sign as {role} with {path}: {error}. Put the key there that the "
                "repository was initialised with; nothing was published"
            ) from error

    def _new_key(self, role: str) -> SSlibKey:
        """The role's key; the one on disk if initialising was cut short after it."""
        path = self._keys / f"{role}.pem"
        if path.exists():
            return CryptoSigner(load_pem_private_key(path.read_bytes(), password=None)).public_key
        signer = CryptoSigner.generate_ed25519()
        write_whole(path, signer.private_bytes, mode=0o600)
        return signer.public_key

    def _verified(self, role: type[_Role], root: Root, path: Path, meta: MetaFile | None) -> _Role:
        try:
            content = path.read_bytes()
            if meta is not None:
                meta.verify_length_and_hashes(content)
            metadata = Metadata[_Role].from_bytes(content)
            root.verify_delegate(role.type, metadata.signed_bytes, metadata.signatures)
        except (OSError, RepositoryError) as error:
            raise _damaged(path, error) from error
        return metadata.signed

    def _read_targets(self, version: int) -> Targets:
        return Metadata[Targets].from_bytes(self._path(Targets.type, version).read_bytes()).signed

    def _path(self, role: str, version: int) -> Path:
        name = f"{role}.json" if role == Timestamp.type else f"{version}.{role}.json"
        return self.directory / name

    def _versions(self, role: str) -> set[int]:
        paths = self.directory.glob(f"*.{role}.json")
        return {int(path.name.split(".")[0]) for path in paths}


def _file_names(targets: Targets) -> set[str]:
    return {target.get_prefixed_paths()[0] for target in targets.targets.values()}


def _damaged(path: Path, error: Exception) -> ReleaseError:
    return ReleaseError(
        f"the release repository is damaged at {path}: {error}. Restore it from a backup, or from "
        "any mirror of the served directory"
    )
