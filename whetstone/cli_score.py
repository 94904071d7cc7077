"""`whetstone score`: alerts as events pass, on a box beside the sensor."""

import re
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from whetstone import console
from whetstone.cli_options import day_of, trusted_root
from whetstone.errors import InputError, StorageError
from whetstone.settings import settings

if TYPE_CHECKING:
    from contextlib import ExitStack

    from whetstone.catalog.catalog_pb2 import Environment
    from whetstone.parsing.run import Protection
    from whetstone.streaming.scorer import ModelSource

_SIZE = re.compile(r"(\d+) ?([KMG]?)i?B?", re.IGNORECASE)
_FACTORS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def score(
    inputs: Annotated[
        list[str],
        typer.Option(
            "--input",
            help="SOURCE=URL of raw lines; may be repeated. URL: tail:///file, file:///file,"
            " stdin:, unix:///socket, tcp://host:port, udp://host:port, redis://, kafka://.",
        ),
    ],
    environment: Annotated[
        str, typer.Option(envvar="WHETSTONE_ENVIRONMENT", help="Site that the lines are from.")
    ],
    outputs: Annotated[
        list[str] | None,
        typer.Option(
            "--output",
            help="URL for alerts; may be repeated. stdout: (default), file:///alerts.jsonl,"
            " unix:///socket, syslog+udp://, syslog+tcp://, http(s)://, redis://, kafka://,"
            " platform+http(s)://.",
        ),
    ] = None,
    releases: Annotated[
        str | None,
        typer.Option(
            envvar="WHETSTONE_RELEASES_URL", help="Release repository: file, http, https."
        ),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(help="root.json of the repository, by a way you trust; first start only."),
    ] = None,
    bundle: Annotated[
        list[Path] | None,
        typer.Option(help="Score with this bundle instead, unsigned: for trials; may be repeated."),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(help="Where the scorer keeps what it must not forget; default: below home."),
    ] = None,
    lateness: Annotated[
        float, typer.Option(min=0, help="Seconds that a window waits for events out of order.")
    ] = 60.0,
    memory: Annotated[str, typer.Option(help="For events of open windows and sessions.")] = "512MB",
    buffer: Annotated[str, typer.Option(help="For raw lines that wait to be parsed.")] = "64MB",
    full: Annotated[
        Literal["block", "drop"],
        typer.Option(help="What happens to lines when the buffer is full; drops are counted."),
    ] = "block",
    most_alerts: Annotated[
        int, typer.Option(min=1, help="New alerts a detector may raise in a minute of the log.")
    ] = 60,
    metrics: Annotated[
        str, typer.Option(help="Address for /metrics and /health; empty: none.")
    ] = "127.0.0.1:9464",
    poll: Annotated[float, typer.Option(min=1, help="Seconds between looks for releases.")] = 60.0,
    checkpoint: Annotated[
        float, typer.Option(min=0.1, help="Seconds between two checkpoints.")
    ] = 5.0,
    silence: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Seconds without a line that raise an alarm, 0: never; default: learned.",
        ),
    ] = None,
    canaries: Annotated[
        Path | None,
        typer.Option(help="Directory of canary events, a file a source; see docs/scoring.md."),
    ] = None,
    slow: Annotated[
        str | None,
        typer.Option(
            help="redis:// URL of the store with slow features; default: the bundles' export."
        ),
    ] = None,
    day: Annotated[
        str | None,
        typer.Option(help="Day of clocks that name no year, YYYY-MM-DD; default: today."),
    ] = None,
) -> None:
    """Score live streams with the released detectors of an environment, until stopped.

    It may be killed at any moment and started again: no alert is lost, none is told twice.

    Example: `whetstone score --environment berlin --releases https://platform.example/releases
    --root root.json --input sshd=tail:///var/log/auth.log --output file:///var/log/alerts.jsonl`
    """
    from contextlib import ExitStack

    from whetstone.catalog.validation import is_name
    from whetstone.scoring.slow_redis import RedisFeatures
    from whetstone.streaming.alerting.alerts import Limits
    from whetstone.streaming.engine import Bounds
    from whetstone.streaming.health.canary import read_canaries
    from whetstone.streaming.health.endpoint import Endpoint
    from whetstone.streaming.health.metrics import Metrics
    from whetstone.streaming.inputs import open_input
    from whetstone.streaming.outputs import open_output
    from whetstone.streaming.scorer import Plan, Scorer, stopping_on_signals

    if not is_name(environment):
        raise InputError(
            f"--environment {environment}: is no name; write it as the platform's catalog does"
        )
    if not bundle and not releases:
        raise InputError("say where models come from: --releases URL, or --bundle FILE for a trial")
    directory = _made(state or settings().home / "scoring" / environment)
    opened = [open_input(spec, directory / "spool") for spec in inputs]
    plan = Plan(
        directory,
        Bounds(lateness=int(lateness * 1e6), most_bytes=_size("--memory", memory)),
        Limits(alerts=most_alerts),
        buffer_bytes=_size("--buffer", buffer),
        when_full=full,
        checkpoint_seconds=checkpoint,
        silence=silence,
        canaries=tuple(read_canaries(canaries, {one.source for one in opened}) if canaries else ()),
        day=day_of(day).isoformat() if day else None,
    )
    counted = Metrics(environment, version("whetstone"))
    with ExitStack() as stack:
        models, defined = (
            _from_files(bundle, environment)
            if bundle
            else _from_releases(releases or "", root, environment, directory, poll, stack)
        )
        scorer = Scorer(
            defined,
            opened,
            models,
            [open_output(url, directory / "outputs") for url in outputs or ["stdout:"]],
            plan,
            counted,
            _protection(defined),
            RedisFeatures(slow) if slow else None,
            console.say,
        )
        if metrics:
            console.say(f"metrics: {stack.enter_context(Endpoint(counted, metrics)).url}")
        # Threads hand over to each other many times a batch: a tenth of Python's usual patience.
        sys.setswitchinterval(0.0005)
        with stopping_on_signals(scorer):
            scorer.run()


def _from_files(bundles: list[Path], environment: str) -> "tuple[ModelSource, Environment]":
    from whetstone.catalog.catalog_pb2 import Environment
    from whetstone.streaming.serving.models import BundleFiles

    return BundleFiles(bundles), Environment(name=environment)


def _from_releases(
    url: str, root: Path | None, environment: str, state: Path, poll: float, stack: "ExitStack"
) -> "tuple[ModelSource, Environment]":
    from whetstone.releases import Client
    from whetstone.streaming.serving.releases import Releases

    client = Client(url, state / "releases", trusted_root(root))
    found = Releases(client, environment, state, poll, console.say)
    defined = found.open()
    found.start()
    stack.callback(found.stop)
    return found, defined


def _protection(environment: "Environment") -> "Protection | None":
    """What is done to personal data; the environment's keys are needed where it is pseudonyms."""
    from whetstone.privacy.treatment import treatments

    if not treatments(environment.privacy):
        return None
    from whetstone.privacy.keys import KeyStore
    from whetstone.privacy.protection import Protection

    keys = KeyStore(settings().privacy_keys)
    if not keys.ids(environment.name):
        raise InputError(
            f"{environment.name} has a privacy policy, and {settings().privacy_keys} has no keys of"
            " it: with keys of its own a scorer would give other pseudonyms than the platform."
            " Bring the environment's keys there by a way you trust"
        )
    return Protection([environment], keys)


def _made(state: Path) -> Path:
    try:
        state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"--state {state}: {error.strerror}; name a directory that the scorer may write"
        ) from error
    return state


def _size(option: str, text: str) -> int:
    found = _SIZE.fullmatch(text.strip())
    if not found or not int(found[1]):
        raise InputError(f"{option} {text}: write a size such as 512MB or 2GB")
    return int(found[1]) * _FACTORS[found[2].lower()]
