"""The platform's part of the `whetstone` command."""

from collections.abc import Callable
from contextlib import closing
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from sqlalchemy.exc import DBAPIError

from triage import CaseStore
from triage.records import State
from triage.report_links import links_of
from whetstone import console
from whetstone.catalog import load_catalog
from whetstone.cli_catalog import catalog_counts
from whetstone.cli_options import AsJson, Day, day_of
from whetstone.errors import InputError, StorageError
from whetstone.reports import Reports
from whetstone.settings import settings
from workbench import (
    access,
    explaining,
    golden_commands,
    lake,
    overview,
    privacy,
    retraining,
    trust,
    verdict_commands,
)


def register(app: typer.Typer) -> None:
    """Add the platform's commands."""
    own = (alerts, evaluate, rollback, status, demo, up, access.audit)
    rooms = (verdict_commands, explaining, overview, retraining)
    for command in (*own, *(each for room in rooms for each in room.COMMANDS)):
        app.command()(_telling_of_databases(command))
    privacy_app = typer.Typer(help="Personal data: keys, audit, erasure.", no_args_is_help=True)
    for command in privacy.COMMANDS:
        privacy_app.command()(_telling_of_databases(command))
    app.add_typer(privacy_app, name="privacy")
    golden_app = typer.Typer(
        help="Golden datasets: what they are worth, the test vault, quarantine.",
        no_args_is_help=True,
    )
    for command in (*golden_commands.COMMANDS, *trust.COMMANDS):
        golden_app.command()(_telling_of_databases(command))
    app.add_typer(golden_app, name="golden")
    lake_app = typer.Typer(help="The lake: its size, what it gives up.", no_args_is_help=True)
    for command in lake.COMMANDS:
        lake_app.command()(_telling_of_databases(command))
    app.add_typer(lake_app, name="lake")
    users_app = typer.Typer(help="Who logs in, and what they may.", no_args_is_help=True)
    for name, command in access.USERS.items():
        users_app.command(name)(_telling_of_databases(command))
    app.add_typer(users_app, name="users")
    tokens_app = typer.Typer(help="Tokens of programs.", no_args_is_help=True)
    for name, command in access.TOKENS.items():
        tokens_app.command(name)(_telling_of_databases(command))
    app.add_typer(tokens_app, name="tokens")


def alerts(
    environment: Annotated[str | None, typer.Option(help="Only this environment.")] = None,
    detector: Annotated[str | None, typer.Option(help="Only this detector.")] = None,
    state: Annotated[str, typer.Option(help="open, judged, withdrawn or all.")] = "open",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List alerts, the newest day and the highest score first.

    The column `a day`: how many benign units would score as high on a day with as many units;
    `scorer`: what a live scorer said last of it, empty where only the day's batch found it.

    Example: `whetstone alerts --environment berlin --limit 10`
    """
    with _cases() as cases:
        found = cases.alerts(environment, detector, _state(state), limit)
        counts = cases.counts(environment, detector)
    reports = Reports(settings().reports, settings().reports_url)
    rows = [
        {
            "alert": alert.alert_id,
            "time": f"{alert.event_timestamp:%Y-%m-%d %H:%M:%S}",
            "environment": alert.environment,
            "detector": alert.detector,
            "unit": alert.unit,
            "score": alert.score,
            "a_day": alert.per_day,
            "scorer": str(alert.status or ""),
            "why": alert.why(),
            "verdicts": ", ".join(f"{v.value} by {v.by}" for v in alert.verdicts),
            "report": links.report,
            "quality_report": links.quality_report,
        }
        for alert, links in zip(found, links_of(reports, found), strict=True)
    ]
    if as_json:
        console.show_json({"alerts": rows, "open": counts.open, "judged": counts.judged})
        return
    shown = [{name: row[name] for name in row if "report" not in name} for row in rows]
    console.show_table(f"{state} alerts", shown)
    for report in dict.fromkeys(row["report"] for row in rows if row["report"]):
        console.show(f"drift of the day: {report}")
    console.show(f"{len(rows)} shown; {counts.open} are open, {counts.judged} judged")


def evaluate(
    detector: Annotated[str, typer.Argument(help="Detector whose champion is judged.")],
    file: Annotated[Path, typer.Argument(help="Raw log: plain, gzip or zstd.")],
    labels: Annotated[
        Path,
        typer.Option(help="CSV, plain or gzip: unit, optional start and end, label."),
    ],
    day: Day = None,
    as_json: AsJson = False,
) -> None:
    """Score a labelled raw file with the champion and print how good it is.

    Example: `whetstone evaluate hdfs_block_pca hdfs.log.gz --labels labels.csv`
    """
    from workbench.judging import evaluate_file

    result = evaluate_file(detector, file, labels, day_of(day).isoformat())
    if as_json:
        console.show_json(result)
        return
    measures = ("precision", "recall", "f1", "average_precision", "auc")
    rows: list[dict[str, Any]] = [
        {"measure": name, "value": result[name], "95 % interval": _interval(result, name)}
        for name in measures
    ]
    rows += [
        {"measure": f"recall at {rate} false positives", "value": value, "95 % interval": ""}
        for rate, value in result["recall_at_fpr"].items()
    ]
    console.show_table(
        f"{detector} {result['model_version']}: {result['n']} units,"
        f" {result['positives']} positive, coverage {result['coverage']:.1%}",
        rows,
    )


def rollback(
    detector: Annotated[str, typer.Argument(help="Detector whose champion is withdrawn.")],
    to: Annotated[str | None, typer.Option(help="Version; default: the one before.")] = None,
    as_json: AsJson = False,
) -> None:
    """Put an earlier release of a detector back into service, for all environments.

    Example: `whetstone rollback ssh_bruteforce_gb`
    """
    from whetstone.champions import restore_champion
    from whetstone.lake import Lake
    from whetstone.releases import Repository

    load_catalog(settings().catalog).detector(detector)
    releases = Repository(settings().releases)
    releases.init()
    version = releases.rollback(detector, to_version=to)
    restore_champion(Lake(settings().lake), detector, version)
    if as_json:
        console.show_json({"detector": detector, "champion": version})
    else:
        console.show(f"champion of {detector} is {version} again")


def status(as_json: AsJson = False) -> None:
    """Say what is in force: settings, sources, detectors, what changed lately and why.

    Example: `whetstone status`
    """
    from workbench.status import read_status, show_status

    found = read_status(settings())
    if as_json:
        console.show_json(found)
    else:
        show_status(found)


def demo(
    days: Annotated[int, typer.Option(min=3, max=60, help="Days of logs to generate.")] = 14,
    seed: Annotated[int, typer.Option(help="Seed of the generator.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Run the whole loop on generated logs, without a UI: parse, train, release, score, learn.

    Starts afresh each time, in `demo-run` below the home.

    Example: `whetstone demo`
    """
    from workbench.demo import run_demo, show_demo

    result = run_demo(settings(), days, seed)
    if as_json:
        console.show_json(result)
    else:
        show_demo(result)
    if result["failed"]:
        raise typer.Exit(1)


def up(
    with_demo: Annotated[
        bool, typer.Option("--demo", help="Begin with generated logs and contributions.")
    ] = False,
    dagster_port: Annotated[int, typer.Option(envvar="WHETSTONE_DAGSTER_PORT")] = 3000,
    dashboards_port: Annotated[int, typer.Option(envvar="WHETSTONE_DASHBOARDS_PORT")] = 8000,
    reports_port: Annotated[int, typer.Option(envvar="WHETSTONE_REPORTS_PORT")] = 3001,
    triage_port: Annotated[int, typer.Option(envvar="WHETSTONE_TRIAGE_PORT")] = 8080,
) -> None:
    """Start the platform: Dagster UI, daemon, dashboards, reports and the API; Ctrl-C ends it.

    Example: `whetstone up --demo`
    """
    from workbench.demo import prepare_demo
    from workbench.platform import Platform, Ports
    from workbench.platform import up as start

    def prepare() -> None:
        if with_demo:
            prepare_demo(settings())

    def validate() -> str:
        counts = catalog_counts(load_catalog(settings().catalog))
        return ", ".join(f"{count} {name}" for name, count in counts.items())

    ports = Ports(dagster_port, dashboards_port, reports_port, triage_port)
    start(Platform(settings(), prepare, validate, ports))


def _telling_of_databases(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose databases may fail it: that too is a line, not a traceback."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except DBAPIError as error:
            raise StorageError(
                f"a database below {settings().home} cannot be used: {error.orig}; free space or"
                " fix permissions, then repeat (what was stored before is still there)"
            ) from error

    return run


def _cases() -> closing[CaseStore]:
    settings().home.mkdir(parents=True, exist_ok=True)
    return closing(CaseStore(settings().case_store))


def _state(text: str) -> State | None:
    states = get_args(State)
    if text not in (*states, "all"):
        raise InputError(f"--state {text}: write {', '.join(states)} or all")
    return None if text == "all" else text  # pyright: ignore[reportReturnType]


def _interval(result: dict[str, Any], name: str) -> str:
    bounds = result["intervals"].get(name)
    return f"{bounds[0]:.3f} to {bounds[1]:.3f}" if bounds else ""
