"""Changing root: other keys for a role, a new term. The one thing that takes the offline keys.

    repository = Repository(directory, root_keys=[Path("/media/ada"), Path("/media/grace")])
    proposal = Ceremony(repository).rotate(["timestamp"])
    proposal.waits_for    # empty: it is in force; else it lies in root-proposal.json

A proposal that lacks signatures is carried to the machines where the other root keys are, signed
there by `sign_file`, carried back, and put into force by `Ceremony.settle`.
"""

# tuf documents these names, but does not mark them as exported.
# pyright: reportPrivateImportUsage=false

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from securesystemslib.signer import Key
from tuf.api.metadata import Root

from whetstone.errors import NotReadyError, ReleaseError
from whetstone.releases.files import write_whole
from whetstone.releases.keys import KeyFiles, Quorum
from whetstone.releases.repository import Repository
from whetstone.releases.root import ROLES, RootProposal, next_root, role_keys

_MAX_PROPOSAL_BYTES = 1 << 20


class Ceremony:
    """Changes of a repository's root.

    Args:
        repository: Where its `root_keys` are, root's keys are looked for.
    """

    def __init__(self, repository: Repository):
        self._store = repository.store
        self._metadata = repository.store.metadata
        self.path = self._store.directory / "root-proposal.json"
        """Where a proposal waits for signatures; it holds no secret."""

    @property
    def proposal(self) -> RootProposal | None:
        """The one that waits, if there is one.

        Raises:
            ReleaseError: Its file is malformed.
        """
        if not self.path.exists():
            return None
        found = read_proposal(self.path)
        # A publisher may have died when it had put it into force.
        in_force = found.following.signed.version <= self._metadata.root().signed.version
        return None if in_force else found

    def rotate(
        self, roles: Sequence[str], quorums: Mapping[str, Quorum] | None = None
    ) -> RootProposal:
        """Gives roles other keys, all in one new root; without roles, only a term that begins anew.

        Args:
            roles: Of "root", "targets", "snapshot", "timestamp".
            quorums: How many keys a role gets and how many have to sign; default: as it was.

        Returns:
            What was proposed. It is in force if it waits for nobody.

        Raises:
            ReleaseError: Another proposal waits, the repository is damaged or held for too long.
            NotReadyError: The repository was not initialised.
        """
        if unknown := [role for role in roles if role not in ROLES]:
            raise ReleaseError(f"there is no role {unknown[0]!r}: name {', '.join(ROLES)}")
        with self._store.changing():
            if self.proposal is not None:
                raise ReleaseError(
                    f"another root waits for signatures in {self.path}. Have it signed: whetstone "
                    "releases sign-root; or give it up: whetstone releases sign-root --discard"
                )
            standing = self._metadata.root()
            as_it_was = {role: _quorum(standing.signed, role) for role in roles}
            wanted = {role: (quorums or as_it_was).get(role, as_it_was[role]) for role in roles}
            keys = {
                role: self._metadata.new_keys(role).another(role, quorum.keys)
                for role, quorum in wanted.items()
            }
            thresholds = {role: quorum.threshold for role, quorum in wanted.items()}
            following = next_root(standing.signed, keys, thresholds, self._store.clock())
            return self._settle(RootProposal.of(standing, following))

    def settle(self, proposal: RootProposal) -> RootProposal:
        """Adds the signatures of the keys at hand; puts it into force, or keeps it waiting.

        Raises:
            ReleaseError: It does not follow the standing root, or as `rotate`.
        """
        with self._store.changing():
            return self._settle(proposal)

    def discard(self) -> None:
        """Gives the waiting proposal up, and the keys that were made for it.

        Raises:
            NotReadyError: None waits.
            ReleaseError: As `rotate`.
        """
        with self._store.changing():
            proposal = self.proposal
            if proposal is None:
                raise NotReadyError("no root waits for signatures: there is nothing to discard")
            new, old = proposal.following.signed.keys, self._metadata.root().signed.keys
            self._remove([key for keyid, key in new.items() if keyid not in old])
            self.path.unlink()

    def _settle(self, proposal: RootProposal) -> RootProposal:
        proposal.sign(self._metadata.root_keys)
        # Kept first: what a publisher began that dies while it puts a root into force can go on.
        write_whole(self.path, proposal.to_bytes())
        if not proposal.waits_for:
            self._remove(self._metadata.install(proposal, self._store.clock()))
            self.path.unlink()
        return proposal

    def _remove(self, keys: Iterable[Key]) -> None:
        for path in self._store.own_keys.files(keys):
            path.unlink()


def sign_file(path: Path, root_keys: Sequence[Path]) -> tuple[RootProposal, int]:
    """Adds the signatures of the root keys in some directories to a proposal's file.

    Takes no repository: this is what runs on the machine where the keys are.

    Returns:
        The proposal, and how many signatures are new.

    Raises:
        ReleaseError: It is no proposal.
        OSError: The file cannot be read or written.
    """
    proposal = read_proposal(path)
    added = proposal.sign(KeyFiles(root_keys))
    if added:
        write_whole(path, proposal.to_bytes())
    return proposal, added


def read_proposal(path: Path) -> RootProposal:
    """The proposal in a file.

    Raises:
        ReleaseError: It is none.
        OSError: The file cannot be read.
    """
    if path.stat().st_size > _MAX_PROPOSAL_BYTES:
        raise ReleaseError(f"{path} is no root that waits for signatures: it is too large")
    return RootProposal.from_bytes(path.read_bytes())


def _quorum(root: Root, role: str) -> Quorum:
    return Quorum(root.get_delegated_role(role).threshold, len(role_keys(root, role)))
