"""The `whetstone` command: what every installation has. The platform adds its own commands."""

import atexit
import os
import sys
import warnings
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from whetstone import console
from whetstone.catalog import load_catalog
from whetstone.cli_catalog import catalog_app
from whetstone.cli_hunt import hunt
from whetstone.cli_interrupts import INTERRUPTED, ending_on_interrupt
from whetstone.cli_options import AsJson, Day, day_of, trusted_root
from whetstone.cli_releases import releases_app
from whetstone.cli_score import score
from whetstone.errors import InputError, NotReadyError, WhetstoneError
from whetstone.settings import settings

if TYPE_CHECKING:
    from whetstone.releases import Repository

app = typer.Typer(
    help="Keeps threat detectors sharp: raw logs in, retrained and signed detectors out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.add_typer(catalog_app, name="catalog")
app.command()(hunt)
app.add_typer(releases_app, name="releases")
app.command()(score)

_ROOMS = ("whetstone", "workbench", "assets", "resources", "triage", "detectors", "monitoring")
_SHOWN = 20


def main() -> None:
    """The process of the command."""
    _silence_libraries()
    try:
        run(sys.argv[1:])
    except SystemExit as end:
        if end.code == INTERRUPTED:
            # Python's own exit takes seconds where much was loaded, and libraries' threads that
            # were left amid something may end it with a crash.
            atexit._run_exitfuncs()  # pyright: ignore[reportPrivateUsage]
            sys.stdout.flush()
            os._exit(INTERRUPTED)
        raise


def run(arguments: list[str]) -> None:
    """Run the command to its end, a `SystemExit`; an error is a line, not a traceback."""
    try:
        with ending_on_interrupt():
            if not _is_of_the_runtime(arguments):
                _add_platform_commands()
            app(arguments, prog_name="whetstone")
    except (WhetstoneError, ValidationError) as error:
        console.say(f"error: {error}")
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(0)
    except OSError as error:
        console.say(f"error: {error}; free space or fix permissions, and repeat")
        sys.exit(1)
    except KeyboardInterrupt:
        console.say(
            "interrupted: what was finished stays, and the same command goes on or says how"
        )
        sys.exit(INTERRUPTED)


def _is_of_the_runtime(arguments: list[str]) -> bool:
    """Whether a command is meant that needs none of the platform's, whose imports take long."""
    groups = [group.name for group in app.registered_groups]
    commands = [
        each.name or getattr(each.callback, "__name__", "") for each in app.registered_commands
    ]
    return bool(arguments) and arguments[0] in {*groups, *commands}


def _add_platform_commands() -> None:
    """The commands of the platform, where the libraries that they need are installed."""
    for plugin in entry_points(group="whetstone.commands"):
        try:
            register = plugin.load()
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] in _ROOMS:
                raise
            continue
        register(app)


def _silence_libraries() -> None:
    """Libraries' own worries are not the user's: deprecations, and reports on leaks at exit."""
    # Not by a filter: libraries put their own in front of it.
    warnings.showwarning = _say_nothing
    devnull = os.open(os.devnull, os.O_WRONLY)
    # Registered first, so run last: DuckDB's binding reports at exit what other libraries hold on
    # to, thirty lines below every result.
    atexit.register(lambda: (sys.stderr.flush(), os.dup2(devnull, 2)))


def _say_nothing(*_: object, **__: object) -> None:
    pass


@app.command()
def land(
    files: Annotated[list[Path], typer.Argument(help="Raw files: plain, gzip or zstd.")],
    source: Annotated[str, typer.Option(help="Kind of log, as in the catalog.")],
    environment: Annotated[str, typer.Option(help="Site that the files are from.")],
    day: Day = None,
    as_json: AsJson = False,
) -> None:
    """Hand in raw files; the platform parses and scores them.

    Landing the same content again changes nothing.

    Example: `whetstone land auth.log --source sshd --environment berlin --day 2026-03-01`
    """
    from whetstone.landing import land as land_file

    catalog = load_catalog(settings().catalog)
    catalog.source(source)
    if source not in catalog.environment(environment).sources:
        raise InputError(
            f"environment {environment} has no source {source}; add it to"
            f" {settings().catalog}/environments/{environment}.textproto"
        )
    landed = [
        land_file(settings().landing, file, environment, source, day_of(day)) for file in files
    ]
    if as_json:
        console.show_json({"landed": [{"path": str(x.path), "new": x.new} for x in landed]})
        return
    for one in landed:
        console.show(f"{one.path}{'' if one.new else '  (was there already)'}")


@app.command()
def contribute(
    dataset: Annotated[str, typer.Argument(help="Golden dataset, as in the catalog.")],
    file: Annotated[Path, typer.Argument(help="Raw log: plain, gzip or zstd.")],
    labels: Annotated[
        Path,
        typer.Option(
            help="CSV, plain or gzip: unit, optional start and end, label; unit * is the rest."
        ),
    ],
    by: Annotated[str, typer.Option(help="Who contributes it.")],
    day: Day = None,
    note: Annotated[str, typer.Option(help="Where it is from.")] = "",
    preview: Annotated[
        bool, typer.Option("--preview", help="Say what it would bring; accept nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add raw logs with labels to a golden dataset; its detectors retrain.

    Example: `whetstone contribute ssh_bruteforce auth.log --labels labels.csv --by ada`
    """
    from whetstone.contribution_preview import preview_contribution, show_preview
    from whetstone.contributions import contribute as accept
    from whetstone.lake import Lake

    catalog = load_catalog(settings().catalog)
    golden = catalog.golden_dataset(dataset)
    tried = preview_contribution(
        catalog,
        golden,
        file,
        labels,
        day_of(day).isoformat(),
        Lake(settings().lake),
        settings().max_line_bytes,
    )
    if preview:
        show_preview(tried, as_json=as_json)
        return
    contribution, new = accept(
        settings().contributions,
        dataset,
        catalog.source_of(golden).name,
        file,
        labels,
        contributor=by,
        day=day_of(day),
        note=note,
    )
    result = {
        "id": contribution.id,
        "new": new,
        "lines": tried.parsed.lines,
        "rejects": tried.parsed.rejects,
        "units": tried.units,
        "examples": tried.examples,
        "labels_without_unit": tried.unmatched,
        "repeated": tried.repeated,
        "known": sum(tried.known.values()),
        "conflicts": tried.conflicts,
    }
    if tried.unmatched:
        console.say(f"warning: {tried.unmatched} labels name no unit of {file}; they are left out")
    if new and tried.conflicts:
        console.say(
            f"warning: {tried.conflicts} units carry both signs, here or in {dataset}; all of"
            " them are left out"
        )
    if as_json:
        console.show_json(result)
        return
    state = "accepted" if new else "was accepted before"
    console.show(
        f"contribution {contribution.id} {state}: {tried.examples} of {tried.units} units are"
        f" labelled, from {tried.parsed.lines} lines"
    )


@app.command()
def templates(
    file: Annotated[Path, typer.Argument(help="Raw file: plain, gzip or zstd.")],
    out: Annotated[
        Path, typer.Option(help="CSV to write: LineId, EventId, EventTemplate, ParameterList.")
    ],
    source: Annotated[
        str | None,
        typer.Option(help="Kind of log, as in the catalog; default: find the header by itself."),
    ] = None,
    day: Day = None,
    as_json: AsJson = False,
) -> None:
    """Find the templates of the messages of a raw file.

    Example: `whetstone templates /var/log/syslog --out templates.csv`
    """
    from whetstone.parsing.templates_file import file_templates

    defined = load_catalog(settings().catalog).source(source) if source else None
    found = file_templates(file, defined, day_of(day).isoformat(), settings().max_line_bytes)
    found.write_csv(out)
    counts = found.counts()
    if as_json:
        console.show_json(
            {"lines": len(found.templates), "templates": len(counts), "out": str(out)}
        )
        return
    rows = [{"lines": lines, "template": text} for text, lines in counts.most_common(_SHOWN)]
    console.show_table(f"{len(counts)} templates of {len(found.templates)} lines", rows)


@app.command()
def pull(
    url: Annotated[
        str | None,
        typer.Option(
            envvar="WHETSTONE_RELEASES_URL", help="Release repository: file, http, https."
        ),
    ] = None,
    into: Annotated[
        Path | None, typer.Option(help="Where bundles are kept; default: below the home.")
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(help="root.json of the repository, by a way you trust; first pull only."),
    ] = None,
    channel: Annotated[str, typer.Option(help="Channel to follow.")] = "stable",
    detector: Annotated[
        list[str] | None, typer.Option(help="Only this detector; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring this environment's bundles up to date, every one verified.

    Without --url it pulls from the platform on this machine.

    Example: `whetstone pull --url https://platform.example/releases --root root.json`
    """
    from whetstone.releases import Client, Repository

    trusted = trusted_root(root)
    if url is None:
        local = Repository(settings().releases)
        url, trusted = local.url, trusted or _own_root(local)
    client = Client(url, into or settings().home / "pulled", trusted)
    pulled = client.pull(channel, detector)
    rows = [
        {"detector": p.detector, "version": p.version, "changed": p.changed, "path": str(p.path)}
        for p in pulled
    ]
    if as_json:
        console.show_json({"channel": channel, "pulled": rows})
    else:
        console.show_table(f"channel {channel}", rows)


def _own_root(local: "Repository") -> bytes:
    try:
        return local.root()
    except NotReadyError as error:
        raise NotReadyError(
            "nothing has been released on this machine yet: give the --url of a platform, or let"
            " `whetstone up` train and release first"
        ) from error
