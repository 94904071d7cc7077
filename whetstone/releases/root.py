"""Changes of root, the metadata that says whose signatures count.

A next root counts when enough keys of the standing root and enough of its own have signed it. Root
keys are meant to be apart, so the signatures may come one by one: `RootProposal` is the file that
travels to them and back. It holds no secret.
"""

# tuf documents these names, but does not mark them as exported.
# pyright: reportPrivateImportUsage=false

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from securesystemslib.signer import Key
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Role, Root, Snapshot, Targets, Timestamp

from whetstone.errors import ReleaseError
from whetstone.releases.keys import KeyFiles, Quorum

ROLES = (Root.type, Targets.type, Snapshot.type, Timestamp.type)
ONLINE_ROLES = ROLES[1:]


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

_SHOWN_ID = 8


def first_root(keys: Mapping[str, Sequence[Key]], quorums: Mapping[str, Quorum]) -> Root:
    """Version 1: the keys of every role."""
    root = Root(consistent_snapshot=True)
    for role in ROLES:
        _replace_keys(root, role, keys[role], quorums.get(role, Quorum()).threshold)
    return root


def next_root(
    standing: Root,
    keys: Mapping[str, Sequence[Key]],
    thresholds: Mapping[str, int],
    now: datetime,
) -> Root:
    """The next version: other keys for the roles in `keys`, and a term that begins anew."""
    root = copy.deepcopy(standing)
    root.version += 1
    root.expires = (now + TERMS[Root.type].lifetime).replace(microsecond=0)
    for role, new in keys.items():
        _replace_keys(root, role, new, thresholds[role])
    return root


def role_keys(root: Root, role: str) -> list[Key]:
    """The keys that may sign as `role`."""
    return [root.get_key(keyid) for keyid in root.get_delegated_role(role).keyids]


def changed_roles(standing: Root, following: Root) -> list[str]:
    """The roles whose keys, or how many of them have to sign, differ."""
    return [role for role in ROLES if _role(standing, role) != _role(following, role)]


@dataclass(frozen=True)
class RootProposal:
    """A next root that collects signatures.

    Attributes:
        standing: The root that it replaces.
        following: The next root, with the signatures that it has so far.
    """

    standing: Metadata[Root]
    following: Metadata[Root]

    @classmethod
    def of(cls, standing: Metadata[Root], following: Root) -> "RootProposal":
        """A proposal that nobody has signed."""
        return cls(standing, Metadata(following))

    def sign(self, keys: KeyFiles) -> int:
        """Adds the signatures of all root keys at hand; returns how many are new."""
        before = len(self._signed())
        asked = {
            keyid: root.get_key(keyid)
            for root in (self.standing.signed, self.following.signed)
            for keyid in root.get_delegated_role(Root.type).keyids
        }
        for signer in keys.signers(asked.values()):
            self.following.sign(signer, append=True)
        return len(self._signed()) - before

    @property
    def missing(self) -> int:
        """How many signatures it lacks at least."""
        result = self._result()
        # A key of both roots signs for both at once.
        return max(result.first.missing, result.second.missing)

    @property
    def waits_for(self) -> str:
        """Whose signatures it lacks, in words; empty if it is complete."""
        result = self._result()
        return " and ".join(
            f"{one.missing} of the {whose} root keys {', '.join(map(_short, one.unsigned))}"
            for one, whose in ((result.first, "standing"), (result.second, "new"))
            if one.missing
        )

    @property
    def changes(self) -> list[str]:
        """What it changes, a line each, for those who sign it."""
        standing, following = self.standing.signed, self.following.signed
        return [
            f"root {standing.version} -> {following.version}",
            *(
                f"{role}: {_shown(standing, role)} -> {_shown(following, role)}"
                for role in changed_roles(standing, following)
            ),
            f"expires: {standing.expires:%Y-%m-%d} -> {following.expires:%Y-%m-%d}",
        ]

    def to_bytes(self) -> bytes:
        """The file."""
        both = {"standing": self.standing.to_dict(), "following": self.following.to_dict()}
        return f"{json.dumps(both, indent=1)}\n".encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "RootProposal":
        """The proposal in a file.

        Raises:
            ReleaseError: It is no such file, or its standing root is not signed as it should be.
        """
        try:
            both = cast("dict[str, Any]", json.loads(data))
            standing = Metadata[Root].from_dict(both["standing"])
            following = Metadata[Root].from_dict(both["following"])
            if standing.signed.type != Root.type or following.signed.type != Root.type:
                raise ValueError("it holds other metadata than root")
            if following.signed.version != standing.signed.version + 1:
                raise ValueError("its versions do not follow each other")
            standing.signed.verify_delegate(Root.type, standing.signed_bytes, standing.signatures)
        except (
            ValueError, KeyError, TypeError, AttributeError, RecursionError, RepositoryError
        ) as error:  # fmt: skip
            raise ReleaseError(
                f"this is no root that waits for signatures: {error}. Take the file that "
                "`whetstone releases rotate-key` or `sign-root` wrote; nothing was signed"
            ) from error
        return cls(standing, following)

    def _result(self) -> Any:
        return self.following.signed.get_root_verification_result(
            self.standing.signed, self.following.signed_bytes, self.following.signatures
        )

    def _signed(self) -> Mapping[str, Key]:
        return self._result().signed


def _replace_keys(root: Root, role: str, keys: Sequence[Key], threshold: int) -> None:
    for keyid in list(root.get_delegated_role(role).keyids):
        root.revoke_key(keyid, role)
    for key in keys:
        root.add_key(key, role)
    root.roles[role] = Role(root.roles[role].keyids, threshold)


def _role(root: Root, role: str) -> tuple[list[str], int]:
    found = root.get_delegated_role(role)
    return found.keyids, found.threshold


def _shown(root: Root, role: str) -> str:
    keyids, threshold = _role(root, role)
    return f"{threshold} of {', '.join(map(_short, keyids))}"


def _short(keyid: str) -> str:
    return keyid[:_SHOWN_ID]
