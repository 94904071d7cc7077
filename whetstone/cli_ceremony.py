"""`whetstone releases …`: keys and signatures of the release repository."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from whetstone import console
from whetstone.cli_options import AsJson, ReleaseDirectory
from whetstone.errors import InputError
from whetstone.settings import settings

if TYPE_CHECKING:
    from whetstone.releases import Repository
    from whetstone.releases.keys import Quorum
    from whetstone.releases.root import RootProposal

RootKeys = Annotated[
    list[Path] | None,
    typer.Option(help="Directory of root keys, such as a removable disk; may be repeated."),
]
Quorums = Annotated[
    list[str] | None,
    typer.Option(
        "--quorum",
        help="ROLE=K/N: N keys, of which K have to sign, such as root=2/3; may be repeated.",
    ),
]


def init(
    root_keys: RootKeys = None,
    quorum: Quorums = None,
    repository: ReleaseDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Make a release repository and its keys. `whetstone up` does so by itself, with one key each.

    Root keys say which other keys count. They are needed for changing keys and every two years,
    and belong offline: spread them over removable disks.

    Example: `whetstone releases init --root-keys /media/ada --root-keys /media/grace
    --root-keys /media/vault --quorum root=2/3`
    """
    releases = _open(repository, root_keys)
    made = releases.init(_quorums(quorum))
    root = releases.root_file
    result: dict[str, Any] = {
        "made": made,
        "public": releases.public,
        "root": root,
        "sha256": hashlib.sha256(root.read_bytes()).hexdigest(),
        "root_keys": [str(path) for path in _root_key_files(releases)],
    }
    if as_json:
        console.show_json(result)
        return
    console.show(f"{'made' if made else 'there is already'} a repository in {releases.public}")
    for path in result["root_keys"]:
        console.show(f"root key: {path} (make a copy, take both offline)")
    console.show(f"hand to environments: {result['root']} (SHA-256 {result['sha256']})")


def rotate_key(
    roles: Annotated[
        list[str], typer.Argument(metavar="ROLE…", help="root, targets, snapshot or timestamp.")
    ],
    root_keys: RootKeys = None,
    new_root_keys: Annotated[
        list[Path] | None,
        typer.Option(help="Where new root keys go; may be repeated; default: --root-keys."),
    ] = None,
    quorum: Quorums = None,
    repository: ReleaseDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Give roles other keys, in one step and without a gap for environments.

    Takes root keys. Where not enough of them are here, the next root waits in a file for the
    signatures of the others: see `whetstone releases sign-root`.

    Example: `whetstone releases rotate-key targets snapshot timestamp --root-keys /media/ada`
    """
    from whetstone.releases.ceremony import Ceremony

    ceremony = Ceremony(_open(repository, root_keys, new_root_keys))
    proposal = ceremony.rotate(roles, _quorums(quorum))
    _tell(proposal, ceremony.path, as_json)


def sign_root(
    file: Annotated[
        Path | None,
        typer.Argument(help="A root that waits for signatures; default: the repository's own."),
    ] = None,
    root_keys: RootKeys = None,
    discard: Annotated[
        bool, typer.Option("--discard", help="Give up the root that waits.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Sign without asking.")] = False,
    repository: ReleaseDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Sign the next root with the root keys that are here; complete, it comes into force.

    On a machine without the repository it signs FILE, to be carried back. Without a root that
    waits it renews the standing one, which ends after two years.

    Example: `whetstone releases sign-root root-proposal.json --root-keys /media/grace`
    """
    from whetstone.releases.ceremony import Ceremony, read_proposal, sign_file

    releases = _open(repository, root_keys)
    ceremony = Ceremony(releases)
    if discard:
        ceremony.discard()
        said = "given up; the keys that were made for it on this machine are gone"
        console.show_json({"discarded": True}) if as_json else console.show(said)
        return
    offline = file is not None and not releases.store.metadata.exists
    waiting = read_proposal(file) if file else ceremony.proposal
    if waiting is not None and not yes:
        _ask(waiting, as_json)
    if file is not None and offline:
        proposal, added = sign_file(file, root_keys or [])
        if not added:
            raise InputError(
                f"no root key here signs {file}, or all have: name their directory with --root-keys"
            )
        _tell(proposal, file, as_json)
        return
    _tell(ceremony.settle(waiting) if waiting else ceremony.rotate([]), ceremony.path, as_json)


def refresh(repository: ReleaseDirectory = None, as_json: AsJson = False) -> None:
    """Renew the signatures that are near their end; the platform does so daily.

    Needs no root key, and says when root has to be signed.

    Example: `whetstone releases refresh`
    """
    from whetstone.releases.health import root_needs_signing

    releases = _open(repository)
    roles = releases.refresh()
    need = root_needs_signing(releases, datetime.now(UTC))
    if as_json:
        console.show_json({"renewed": roles, "root": need})
        return
    console.show(f"renewed: {', '.join(roles) or 'nothing was due'}")
    if need:
        console.say(f"warning: {need}")


COMMANDS = {"init": init, "rotate-key": rotate_key, "sign-root": sign_root, "refresh": refresh}
"""The commands by name."""


def _open(
    directory: Path | None,
    root_keys: list[Path] | None = None,
    new_root_keys: list[Path] | None = None,
) -> "Repository":
    from whetstone.releases import Repository

    return Repository(
        directory or settings().releases,
        root_keys=root_keys or (),
        new_root_keys=new_root_keys or (),
    )


def _quorums(texts: list[str] | None) -> Mapping[str, "Quorum"]:
    from whetstone.releases.keys import Quorum
    from whetstone.releases.root import ROLES

    found: dict[str, Quorum] = {}
    for text in texts or ():
        role, _, quorum = text.partition("=")
        if role not in ROLES:
            raise InputError(f"--quorum {text}: write ROLE=K/N with a role of {', '.join(ROLES)}")
        found[role] = Quorum.parse(quorum)
    return found


def _root_key_files(releases: "Repository") -> list[Path]:
    from whetstone.releases.root import role_keys

    metadata = releases.store.metadata
    return metadata.root_keys.files(role_keys(metadata.root().signed, "root"))


def _ask(proposal: "RootProposal", as_json: bool) -> None:
    if as_json:
        raise InputError("with --json nobody can be asked: read the changes, then add --yes")
    for line in proposal.changes:
        console.show(line)
    if not typer.confirm("Sign it?"):
        raise InputError("not signed; nothing was changed")


def _tell(proposal: "RootProposal", path: Path, as_json: bool) -> None:
    waits_for = proposal.waits_for
    if as_json:
        console.show_json(
            {
                "root": proposal.following.signed.version,
                "changes": proposal.changes,
                "waits_for": waits_for,
                "file": path if waits_for or path.exists() else None,
            }
        )
        return
    for line in proposal.changes:
        console.show(line)
    if waits_for:
        console.show(
            f"waits for {waits_for}: carry {path} to the machine with those keys, and there: "
            f"whetstone releases sign-root {path.name} --root-keys DIRECTORY"
        )
    elif path.exists():
        console.show(f"complete: carry {path} back to the platform, and there: whetstone releases "
                     f"sign-root {path.name}")  # fmt: skip
    else:
        console.show("in force")
