"""The signed metadata on the publisher's disk: reading what stands, signing what comes next.

What clients see is decided by `timestamp.json` alone: it names one snapshot, which names one
targets file. Files of a publication that was cut short lie beside them, unnamed, and are written
over by the next one.
"""

# tuf and securesystemslib document these names, but do not mark them as exported.
# pyright: reportPrivateImportUsage=false

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from securesystemslib.signer import Key
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer

from whetstone.errors import NotReadyError, ReleaseError
from whetstone.releases.files import write_whole
from whetstone.releases.keys import KeyFiles, Quorum
from whetstone.releases.root import (
    ONLINE_ROLES,
    ROLES,
    TERMS,
    RootProposal,
    changed_roles,
    first_root,
    next_root,
    role_keys,
)

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
        keys: Where the keys of targets, snapshot and timestamp are; never served.
        root_keys: Where root's keys are looked for. Earlier versions of Whetstone kept them in
            `keys`, so they are looked for there, too.
        new_root_keys: Where new ones are made; default: in `keys`.
    """

    def __init__(
        self,
        directory: Path,
        keys: Path,
        root_keys: Sequence[Path] = (),
        new_root_keys: Sequence[Path] = (),
    ):
        self.directory = directory
        self.keys = KeyFiles([keys])
        self.root_keys = KeyFiles([*root_keys, *new_root_keys, keys])
        self._new_root_keys = KeyFiles(new_root_keys or [keys])

    @property
    def exists(self) -> bool:
        """Whether a repository was initialised here."""
        return (self.directory / "timestamp.json").exists()

    def create(self, now: datetime, quorums: Mapping[str, Quorum] | None = None) -> None:
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
            wanted = {role: (quorums or {}).get(role, Quorum()) for role in ROLES}
            keys = {role: self.new_keys(role).first(role, wanted[role].keys) for role in ROLES}
            root = first_root(keys, wanted)
            self._sign(root, [root], now)
        self.commit(Targets(), None, now)

    def read(self, *roots: Root) -> State:
        """What stands.

        Args:
            roots: Those whose keys may have signed it; without any, the newest.

        Raises:
            ReleaseError: A file is missing or was not signed by the repository's keys.
        """
        roots = roots or (self.root().signed,)
        timestamp = self._verified(Timestamp, roots, self.directory / "timestamp.json", None)
        meta = timestamp.snapshot_meta
        snapshot = self._verified(Snapshot, roots, self._path(Snapshot.type, meta.version), meta)
        meta = snapshot.meta["targets.json"]
        targets = self._verified(Targets, roots, self._path(Targets.type, meta.version), meta)
        return State(roots[-1], timestamp, snapshot, targets)

    def commit(self, targets: Targets, standing: State | None, now: datetime, *roots: Root) -> None:
        """Signs `targets` and what names them, in the order that keeps every moment consistent.

        Args:
            targets: Version and expiry are set here.
            standing: What `read` returned; None for the first time.
            now: The moment of signing.
            roots: Those whose keys sign, the last of them enough; without any, the newest.

        Raises:
            ReleaseError: A key is missing or not the one that root names.
        """
        roots = roots or (self.root().signed,)
        targets.version = standing.targets.version + 1 if standing else 1
        signed = self._sign(targets, roots, now)
        snapshot = Snapshot(
            meta={"targets.json": MetaFile.from_data(targets.version, signed, ["sha256"])}
        )
        self._commit_snapshot(snapshot, standing, now, roots)

    def renew(self, standing: State, now: datetime) -> tuple[str, ...]:
        """Signs anew what is near its end, and what names it; returns the roles, changed or not.

        Root is left as it is, and out of what is returned, if its keys are not at hand.

        Raises:
            ReleaseError: A key of another role is missing.
        """
        due = [
            signed.type
            for signed in (standing.targets, standing.snapshot, standing.timestamp)
            if signed.expires - now < TERMS[signed.type].renew_before
        ]
        if Targets.type in due:
            self.commit(standing.targets, standing, now)
        elif Timestamp.type in due:  # the snapshot is always signed with it, and lives longer
            self._commit_snapshot(standing.snapshot, standing, now, [standing.root])
        if standing.root.expires - now < TERMS[Root.type].renew_before:
            proposal = RootProposal.of(self.root(), next_root(standing.root, {}, {}, now))
            proposal.sign(self.root_keys)
            if not proposal.waits_for:
                self.install(proposal, now)
                due.append(Root.type)
        return tuple(due)

    def new_keys(self, role: str) -> KeyFiles:
        """Where new keys of `role` belong."""
        return self.keys if role in ONLINE_ROLES else self._new_root_keys

    def install(self, proposal: RootProposal, now: datetime) -> list[Key]:
        """Puts a root that was signed by enough keys into force; returns what it retires.

        What the next root lets other keys sign is first signed with the old and the new ones: it
        is valid before and after, so that no client sees a gap.

        Raises:
            ReleaseError: It is not signed by enough keys, or does not follow the standing root.
        """
        standing = self.root().signed
        following = proposal.following
        if following.signed.version != standing.version + 1:
            raise ReleaseError(
                f"root {following.signed.version} does not follow the standing root "
                f"{standing.version}. Begin anew: whetstone releases rotate-key or sign-root"
            )
        if waits_for := RootProposal(self.root(), following).waits_for:
            raise ReleaseError(
                f"root {following.signed.version} lacks the signatures of {waits_for}. Sign it "
                "where those keys are: whetstone releases sign-root FILE --root-keys DIRECTORY"
            )
        roots = (standing, following.signed)
        changed = changed_roles(*roots)
        if Targets.type in changed:
            state = self.read(*roots)
            self.commit(state.targets, state, now, *roots)
        elif {Snapshot.type, Timestamp.type} & {*changed}:
            state = self.read(*roots)
            self._commit_snapshot(state.snapshot, state, now, roots)
        write_whole(self._path(Root.type, following.signed.version), _compact(following))
        return [key for keyid, key in standing.keys.items() if keyid not in following.signed.keys]

    @property
    def newest_root(self) -> Path:
        """The file of the newest root.

        Raises:
            NotReadyError: There is no repository here.
        """
        versions = self._versions(Root.type)
        if not versions:
            raise NotReadyError(
                f"there is no release repository at {self.directory}. Initialise it: whetstone "
                "releases init, or start the platform: whetstone up"
            )
        return self._path(Root.type, max(versions))

    def root(self) -> Metadata[Root]:
        """The newest root metadata, signed by itself.

        Raises:
            NotReadyError: There is no repository here.
            ReleaseError: Its root is damaged.
        """
        path = self.newest_root
        try:
            root = Metadata[Root].from_bytes(path.read_bytes())
            root.signed.verify_delegate(Root.type, root.signed_bytes, root.signatures)
        except (OSError, RepositoryError) as error:
            raise _damaged(path, error) from error
        return root

    def files(self, state: State) -> dict[str, bytes]:
        """What stands and every root before, by file name."""
        paths = [
            *(self._path(Root.type, version) for version in sorted(self._versions(Root.type))),
            self._path(Targets.type, state.targets.version),
            self._path(Snapshot.type, state.snapshot.version),
            self.directory / "timestamp.json",
        ]
        return {path.name: path.read_bytes() for path in paths}

    def lasting_files(
        self, standing: State, now: datetime, lifetime: timedelta
    ) -> dict[str, bytes]:
        """As `files`, with a snapshot and a timestamp that last longer than the served ones.

        Both are signed anew before, so that whoever saw the standing ones takes these.

        Raises:
            ReleaseError: Other metadata would end before; or a key is missing.
        """
        limits = (standing.root, standing.targets)
        if first := [one for one in limits if one.expires < now + lifetime]:
            raise ReleaseError(
                f"{first[0].type} ends on {first[0].expires:%Y-%m-%d}, before the export would. "
                "Give it fewer days, or sign that role anew first"
            )
        self._commit_snapshot(standing.snapshot, standing, now, [standing.root])
        state = self.read()
        files = self.files(state)
        snapshot = self._signed(state.snapshot, [state.root], now + lifetime)
        meta = MetaFile.from_data(state.snapshot.version, snapshot, ["sha256"])
        timestamp = Timestamp(version=state.timestamp.version, snapshot_meta=meta)
        files[self._path(Snapshot.type, state.snapshot.version).name] = snapshot
        files["timestamp.json"] = self._signed(timestamp, [state.root], now + lifetime)
        return files

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

    def _commit_snapshot(
        self, snapshot: Snapshot, standing: State | None, now: datetime, roots: Sequence[Root]
    ) -> None:
        snapshot.version = standing.snapshot.version + 1 if standing else 1
        signed = self._sign(snapshot, roots, now)
        timestamp = Timestamp(
            version=standing.timestamp.version + 1 if standing else 1,
            snapshot_meta=MetaFile.from_data(snapshot.version, signed, ["sha256"]),
        )
        self._sign(timestamp, roots, now)

    def _sign(self, signed: _Role, roots: Sequence[Root], now: datetime) -> bytes:
        content = self._signed(signed, roots, now + TERMS[signed.type].lifetime)
        write_whole(self._path(signed.type, signed.version), content)
        return content

    def _signed(self, signed: _Role, roots: Sequence[Root], expires: datetime) -> bytes:
        signed.expires = expires.replace(microsecond=0)
        metadata = Metadata(signed)
        keys = {key.keyid: key for root in roots for key in role_keys(root, signed.type)}
        for signer in self._keys_of(signed.type).signers(keys.values()):
            metadata.sign(signer, append=True)
        result = roots[-1].get_verification_result(
            signed.type, metadata.signed_bytes, metadata.signatures
        )
        if not result:
            where = self._keys_of(signed.type)
            raise ReleaseError(
                f"cannot sign as {signed.type}: {len(result.signed)} of the {result.threshold} "
                f"keys that it takes are in {'; '.join([str(where), *where.problems()])}. Put the "
                "keys there that the repository's root names; nothing was published"
            )
        return _compact(metadata)

    def _keys_of(self, role: str) -> KeyFiles:
        return self.keys if role in ONLINE_ROLES else self.root_keys

    def _verified(
        self, role: type[_Role], roots: Sequence[Root], path: Path, meta: MetaFile | None
    ) -> _Role:
        try:
            content = path.read_bytes()
            if meta is not None:
                meta.verify_length_and_hashes(content)
            metadata = Metadata[_Role].from_bytes(content)
            signed = (role.type, metadata.signed_bytes, metadata.signatures)
            if not any(root.get_verification_result(*signed) for root in roots):
                roots[-1].verify_delegate(*signed)
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


def _compact(metadata: Metadata[_Role]) -> bytes:
    return metadata.to_bytes(JSONSerializer(compact=True))


def _file_names(targets: Targets) -> set[str]:
    return {target.get_prefixed_paths()[0] for target in targets.targets.values()}


def _damaged(path: Path, error: Exception) -> ReleaseError:
    return ReleaseError(
        f"the release repository is damaged at {path}: {error}. Restore it from a backup, or from "
        "any mirror of the served directory"
    )
