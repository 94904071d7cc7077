"""What an operator of a release repository has to know: terms, keys at hand, what needs doing."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from whetstone.releases.ceremony import Ceremony
from whetstone.releases.metadata import State
from whetstone.releases.repository import Repository
from whetstone.releases.root import ROLES, TERMS, role_keys

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class RoleHealth:
    """One role's metadata and keys.

    Attributes:
        role: "root", "targets", "snapshot" or "timestamp".
        version: Of the metadata that stands.
        expires: When clients refuse it (UTC).
        threshold: How many keys have to sign.
        keys: How many keys it has.
        at_hand: How many of them are on this machine.
    """

    role: str
    version: int
    expires: datetime
    threshold: int
    keys: int
    at_hand: int


@dataclass(frozen=True)
class Health:
    """A repository's roles, and what needs doing, most urgent first, each with its remedy."""

    roles: tuple[RoleHealth, ...]
    needs: tuple[str, ...]


def read_health(repository: Repository, now: datetime) -> Health:
    """How a repository is at `now`.

    Raises:
        NotReadyError: It was not initialised.
        ReleaseError: It is damaged.
    """
    metadata = repository.store.metadata
    state = metadata.read()
    roles = tuple(_role(repository, state, role) for role in ROLES)
    return Health(roles, (*_terms(roles, now), *_keys(repository, roles)))


def root_needs_signing(
    repository: Repository, now: datetime, within: timedelta = TERMS["root"].renew_before
) -> str:
    """What to do about a root that ends `within` that time; empty if it lasts longer.

    Raises:
        NotReadyError: The repository was not initialised.
        ReleaseError: It is damaged.
    """
    expires = repository.store.metadata.root().signed.expires
    return _root_term(expires, now) if expires - now < within else ""


def _role(repository: Repository, state: State, role: str) -> RoleHealth:
    metadata = repository.store.metadata
    keys = role_keys(state.root, role)
    files = metadata.root_keys if role == "root" else metadata.keys
    signed = {
        "root": state.root,
        "targets": state.targets,
        "snapshot": state.snapshot,
        "timestamp": state.timestamp,
    }[role]
    threshold = state.root.get_delegated_role(role).threshold
    return RoleHealth(
        role, signed.version, signed.expires, threshold, len(keys), len(files.signers(keys))
    )


def _terms(roles: tuple[RoleHealth, ...], now: datetime) -> list[str]:
    needs: list[str] = []
    for one in roles:
        left = one.expires - now
        if one.role == "root" and left < TERMS["root"].renew_before:
            needs.append(_root_term(one.expires, now))
        elif left < timedelta(0):
            needs.append(
                f"{one.role} expired on {one.expires:%Y-%m-%d}: environments refuse the "
                "repository. Sign it: whetstone releases refresh"
            )
        elif one.role == "timestamp" and left < TERMS["timestamp"].renew_before - _DAY:
            needs.append(
                f"the timestamp ends in {_days(left)} and nobody renews it: see that the platform "
                "runs, or run daily: whetstone releases refresh"
            )
    return needs


def _root_term(expires: datetime, now: datetime) -> str:
    ended = "expired, and no environment takes a release" if expires < now else "ends"
    return (
        f"root {ended} ({expires:%Y-%m-%d}, {_days(expires - now)}): sign it where its keys are: "
        "whetstone releases sign-root --root-keys DIRECTORY"
    )


def _keys(repository: Repository, roles: tuple[RoleHealth, ...]) -> list[str]:
    store, needs = repository.store, list[str]()
    proposal = Ceremony(repository).proposal
    if proposal is not None:
        needs.append(
            f"root {proposal.following.signed.version} waits for {proposal.waits_for}: carry "
            f"{Ceremony(repository).path} there, sign it, carry it back, and run: whetstone "
            "releases sign-root FILE"
        )
    needs.extend(
        f"{one.role} cannot be signed: {one.at_hand} of the {one.threshold} keys it takes are in "
        f"{store.metadata.keys}. Put them there, or: whetstone releases rotate-key {one.role}"
        for one in roles
        if one.role != "root" and one.at_hand < one.threshold
    )
    root = store.metadata.root().signed
    needs.extend(
        f"a root key lies on this machine: {path}. Move it to where no network reaches it, "
        "with a copy; if others may have read it: whetstone releases rotate-key root"
        for path in store.own_keys.files(role_keys(root, "root"))
    )
    needs.extend(f"a key file cannot be read: {problem}" for problem in store.own_keys.problems())
    return needs


def _days(left: timedelta) -> str:
    days = left // _DAY if left > timedelta(0) else -(-left // _DAY)
    return f"{days} days {'left' if left > timedelta(0) else 'ago'}"
