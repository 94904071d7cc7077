"""`whetstone releases …`: what environments run, and how it gets there."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from whetstone import console
from whetstone.cli_ceremony import COMMANDS as CEREMONY
from whetstone.cli_options import AsJson, ReleaseDirectory, trusted_root
from whetstone.errors import InputError, NotReadyError
from whetstone.settings import settings

if TYPE_CHECKING:
    from whetstone.releases import Repository

releases_app = typer.Typer(
    help="The signed releases: publish, try, roll out, take back, carry, keys.",
    no_args_is_help=True,
)
_CHAMPION, _CHALLENGER, _CANARY = "champion", "challenger", "canary"
_STABLE = "stable"
_EVERYBODY = 100

Detector = Annotated[str, typer.Argument(help="Detector, as in the catalog.")]
Channel = Annotated[str, typer.Option(help="stable, or canary to try it first.")]
Rollout = Annotated[
    int, typer.Option(min=1, max=100, help="Percent of the environments that get it.")
]


@releases_app.command()
def status(repository: ReleaseDirectory = None, as_json: AsJson = False) -> None:
    """Say who runs what, how long the signatures last, and what needs doing.

    Example: `whetstone releases status`
    """
    from whetstone.releases.health import read_health

    releases = _open(repository)
    health = read_health(releases, datetime.now(UTC))
    environments = [
        {"environment": one.name, "channel": one.channel or _STABLE}
        for one in releases.environments().values()
    ]
    if as_json:
        console.show_json(
            {
                "public": releases.public,
                "roles": [vars(role) for role in health.roles],
                "releases": _serving(releases),
                "environments": environments,
                "needs": health.needs,
            }
        )
        return
    roles = [
        {
            "role": one.role,
            "version": one.version,
            "expires": f"{one.expires:%Y-%m-%d %H:%M}",
            "signatures": f"{one.threshold} of {one.keys}",
            "keys_here": one.at_hand,
        }
        for one in health.roles
    ]
    console.show_table(f"signatures in {releases.public}", roles)
    console.show_table("releases", _serving(releases))
    console.show_table("environments", environments)
    for need in health.needs or ["nothing"]:
        console.show(f"to do: {need}")


@releases_app.command()
def publish(
    what: Annotated[
        str, typer.Argument(help="A packed bundle, or a detector: its newest trained model.")
    ],
    channel: Channel = _STABLE,
    role: Annotated[
        str, typer.Option("--as", help="champion, or challenger to score in shadow only.")
    ] = _CHAMPION,
    rollout: Rollout = _EVERYBODY,
    force: Annotated[
        bool, typer.Option("--force", help="Publish what the gate holds back.")
    ] = False,
    repository: ReleaseDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Publish a model: as champion, or as challenger that scores silently beside it.

    The platform publishes by itself what passes its gate. What the gate holds back can be tried
    as challenger: its alerts are reported to the platform and shown to nobody else.

    Example: `whetstone releases publish ssh_bruteforce_gb --as challenger`
    """
    from whetstone.releases import unpack

    if role not in (_CHAMPION, _CHALLENGER):
        raise InputError(f"--as {role}: write champion or challenger")
    if role == _CHALLENGER and rollout != _EVERYBODY:
        raise InputError("--rollout: a challenger scores in every environment; leave it out")
    content = _content(what)
    manifest = unpack(content).manifest
    detector, version = manifest["detector"], manifest["version"]
    releases = _open(repository)
    if role == _CHALLENGER:
        changed = releases.publish_challenger(content, detector, version, channel)
    else:
        if channel == _STABLE and not force:
            _check_gate(detector, version)
        changed = releases.publish(content, detector, version, channel, rollout)
        _follow(releases, detector, channel)
    result = {"detector": detector, "version": version, "channel": channel, "as": role}
    said = f"{detector} {version} is {role} in channel {channel}"
    _tell({**result, "rollout": rollout, "changed": changed}, said, as_json)


@releases_app.command()
def promote(
    detector: Detector,
    source: Annotated[
        str, typer.Option("--from", help="challenger: of the channel; canary: its champion.")
    ] = _CHALLENGER,
    channel: Channel = _STABLE,
    rollout: Rollout = _EVERYBODY,
    repository: ReleaseDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Make a challenger the champion, or what was tried in canary that of stable.

    Example: `whetstone releases promote ssh_bruteforce_gb --from canary --rollout 25`
    """
    releases = _open(repository)
    if source == _CANARY:
        channel = _STABLE
        version = releases.promote_canary(detector, rollout)
    elif source == _CHALLENGER:
        version = releases.promote(detector, channel, rollout)
    else:
        raise InputError(f"--from {source}: write challenger or canary")
    _follow(releases, detector, channel)
    result = {"detector": detector, "version": version, "channel": channel, "rollout": rollout}
    _tell(result, f"{detector} {version} is champion in channel {channel}", as_json)


@releases_app.command("rollout")
def roll_out(
    detector: Detector,
    percent: Annotated[int, typer.Argument(min=1, max=100, help="Of the environments.")],
    channel: Channel = _STABLE,
    repository: ReleaseDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Give the newest release to more environments, or to fewer.

    Which they are follows from their names; more percent never take it away from one.

    Example: `whetstone releases rollout ssh_bruteforce_gb 50`
    """
    releases = _open(repository)
    version = releases.set_rollout(detector, percent, channel)
    _follow(releases, detector, channel)
    index = releases.channel(channel)
    concerned = sorted(
        one.name
        for one in releases.environments().values()
        if (one.channel or _STABLE) == channel and detector in one.detectors
    )
    reached = [
        name
        for name in concerned
        if (serving := index.serving(detector, name)) and serving.version == version
    ]
    waiting = [name for name in concerned if name not in reached]
    result = {"detector": detector, "version": version, "channel": channel, "rollout": percent}
    said = (
        f"{detector} {version} is for {percent} % of channel {channel}: "
        f"{', '.join(reached) or 'no environment yet'}"
        f"{'; not yet for ' + ', '.join(waiting) if waiting else ''}"
    )
    _tell({**result, "reached": reached, "waiting": waiting}, said, as_json)


@releases_app.command()
def rollback(
    detector: Detector,
    to: Annotated[str | None, typer.Option(help="Version; default: the one before.")] = None,
    channel: Channel = _STABLE,
    challenger: Annotated[
        bool, typer.Option("--challenger", help="End the challenger's scoring in shadow instead.")
    ] = False,
    repository: ReleaseDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Put an earlier release back into service; what came after it is withdrawn for good.

    In channel canary the first release can be taken back, too: canary follows stable again.

    Example: `whetstone releases rollback ssh_bruteforce_gb`
    """
    releases = _open(repository)
    if challenger:
        releases.withdraw_challenger(detector, channel)
        said = f"{detector} has no challenger in channel {channel} any more"
        _tell({"detector": detector, "channel": channel, "challenger": None}, said, as_json)
        return
    version = releases.rollback(detector, channel, to)
    _follow(releases, detector, channel)
    result = {"detector": detector, "champion": version, "channel": channel}
    _tell(result, f"champion of {detector} in channel {channel} is {version} again", as_json)


@releases_app.command("export")
def export_file(
    file: Annotated[Path, typer.Argument(help="To write.")],
    channel: Annotated[
        list[str] | None, typer.Option(help="Channel; may be repeated; default: stable.")
    ] = None,
    valid_days: Annotated[
        int | None,
        typer.Option(min=1, max=365, help="How long it counts; default: the week of a pull."),
    ] = None,
    repository: ReleaseDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Write releases into one file, for a site that no network reaches.

    Example: `whetstone releases export /media/usb/releases.tar --valid-days 30`
    """
    from whetstone.releases.export import export

    valid = timedelta(days=valid_days) if valid_days else None
    made = export(_open(repository), file, channel or [_STABLE], valid, console.say)
    said = (
        f"{made.file}: {made.bundles} bundles of {' and '.join(made.channels)}, "
        f"{made.size / 1e6:.1f} MB, valid until {made.expires}"
    )
    _tell(vars(made), said, as_json)


@releases_app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="What `export` wrote.")],
    into: Annotated[Path, typer.Option(help="The mirror's directory; serve its `public`.")],
    root: Annotated[
        Path | None,
        typer.Option(help="root.json of the platform, by a way you trust; first import only."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify an exported file and put it into a mirror, which any web server can serve.

    Example: `whetstone releases import releases.tar --into /srv/releases --root root.json`
    """
    from whetstone.releases.mirror import import_releases

    trusted = trusted_root(root)
    made = import_releases(file, into, trusted, console.say)
    state = f"{made.bundles} new bundles" if made.changed else "it was there already"
    said = f"{made.public}: version {made.version}, {state}, valid until {made.expires}"
    _tell(vars(made), said, as_json)


for _name, _command in CEREMONY.items():
    releases_app.command(_name)(_command)


def _open(directory: Path | None) -> "Repository":
    from whetstone.releases import Repository

    return Repository(directory or settings().releases)


def _content(what: str) -> bytes:
    """The packed bundle that is named."""
    from whetstone.lake import Lake, Place

    if Path(what).is_file():
        return Path(what).read_bytes()
    path = Lake(settings().lake).directory(Place("model", what)) / "bundle.tar"
    if not path.is_file():
        raise NotReadyError(
            f"{what} is neither a bundle's file nor a detector with a trained model. Name a file, "
            "or train it first: whetstone up"
        )
    return path.read_bytes()


def _check_gate(detector: str, version: str) -> None:
    from whetstone.lake import Lake, Place

    evaluation = Lake(settings().lake).manifest(Place("evaluation", detector))
    facts = evaluation.facts if evaluation else dict[str, Any]()
    if facts.get("challenger") == version and facts.get("gate") == "failed":
        raise InputError(
            f"the gate holds {detector} {version} back: {'; '.join(facts['reasons'])}. Try it with "
            "--as challenger or --channel canary, or publish it all the same with --force"
        )


def _follow(releases: "Repository", detector: str, channel: str) -> None:
    """The platform scores its days with what is in service in stable."""
    from whetstone.champions import follow_champion
    from whetstone.lake import Lake

    if channel == _STABLE and releases.public.parent == settings().releases.resolve():
        follow_champion(Lake(settings().lake), releases.load(detector))


def _serving(releases: "Repository") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for channel in (_STABLE, _CANARY):
        index = releases.channel(channel)
        for detector in index.detectors:
            champion, challenger = index.champion(detector), index.challenger(detector)
            standing = index.standing(detector)
            rows.append(
                {
                    "channel": channel,
                    "detector": detector,
                    "champion": champion.version if champion else None,
                    "rollout": champion.rollout if champion else None,
                    "published": champion.published[:16] if champion else None,
                    "before": standing[-2].version if len(standing) > 1 else None,
                    "challenger": challenger.version if challenger else None,
                }
            )
    return rows


def _tell(result: dict[str, Any], said: str, as_json: bool) -> None:
    if as_json:
        console.show_json(result)
    else:
        console.show(said)
