"""`whetstone catalog …`: check, try, compare and propose definitions."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from whetstone import console
from whetstone.catalog import Catalog, load_catalog
from whetstone.catalog.loading import read_catalog
from whetstone.cli_options import AsJson, Day, day_of
from whetstone.errors import CatalogError, InputError
from whetstone.settings import settings

if TYPE_CHECKING:
    from whetstone.trial import SourceTrial

_LINES_OF_A_LONG_FILE = 500_000
catalog_app = typer.Typer(help="Check, try, compare and propose definitions.", no_args_is_help=True)
new_app = typer.Typer(help="Propose a definition.", no_args_is_help=True)
catalog_app.add_typer(new_app, name="new")


@catalog_app.command("check")
def catalog_check(
    functions: Annotated[
        bool, typer.Option("--functions", help="List what definitions may use.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check every definition; each problem names file, line and field.

    Samples are parsed. Hints say what is valid and could be better: what nothing uses, what
    parses slower than it need.

    Example: `whetstone catalog check`
    """
    if functions:
        from whetstone.catalog.expressions import allowed_functions

        scalar, aggregates = allowed_functions()
        console.show("scalar: " + " ".join(sorted(scalar)))
        console.show("aggregate: " + " ".join(sorted(aggregates)))
        return
    from whetstone.checking import examine

    try:
        files = read_catalog(settings().catalog)
        found = examine(files, settings().engine)
        if found.errors:
            raise CatalogError("\n".join(map(str, found.errors)))
    except CatalogError as error:
        if not as_json:
            raise
        console.show_json({"errors": str(error).split("\n"), "hints": []})
        raise typer.Exit(1) from error
    counts = catalog_counts(files.catalog)
    if as_json:
        hints = [vars(hint) | {"file": str(hint.file)} for hint in found.hints]
        console.show_json({**counts, "errors": [], "hints": hints})
        return
    console.show(", ".join(f"{count} {name}" for name, count in counts.items()) + ": all valid")
    rows = [
        {"where": hint.place(settings().catalog), "kind": hint.kind, "hint": hint.text}
        for hint in found.hints
    ]
    if rows:
        console.show()
        console.show_table(f"{len(rows)} hints" if len(rows) > 1 else "1 hint", rows)


def catalog_counts(catalog: Catalog) -> dict[str, int]:
    """How many definitions of each kind a catalog has."""
    return {
        "sources": len(catalog.sources),
        "feature views": len(catalog.feature_views),
        "golden datasets": len(catalog.golden_datasets),
        "detectors": len(catalog.detectors),
        "environments": len(catalog.environments),
    }


@catalog_app.command("test")
def catalog_test(
    source: Annotated[str, typer.Argument(help="Source, as in the catalog.")],
    file: Annotated[Path, typer.Argument(help="Raw file: plain, gzip or zstd.")],
    day: Day = None,
    records: Annotated[int, typer.Option(min=0, help="Show so many of the first records.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Parse a raw file with a source's definition and show what comes out.

    Example: `whetstone catalog test sshd /var/log/auth.log`
    """
    from whetstone.trial import try_source

    definition = load_catalog(settings().catalog).source(source)
    trial = try_source(definition, file, day_of(day).isoformat(), records, _say_lines)
    result: dict[str, Any] = {
        "source": source,
        "lines": trial.parsed.lines,
        "parsed": trial.parsed.events,
        "skipped": trial.parsed.skipped,
        "rejects": trial.parsed.rejects,
        "lines_per_second": trial.lines_per_second,
    }
    if as_json:
        console.show_json(result)
    else:
        show_trial(trial)


@catalog_app.command("diff")
def catalog_diff(
    against: Annotated[
        str | None,
        typer.Option(help="A catalog directory or a git revision; default: the last commit."),
    ] = None,
    source: Annotated[str | None, typer.Option(help="Only the raw lines of this source.")] = None,
    sample: Annotated[
        Path | None, typer.Option(help="Raw file to try it on; default: what has landed.")
    ] = None,
    day: Day = None,
    lines: Annotated[int, typer.Option(min=1, help="Try at most so many lines a source.")] = 20_000,
    as_json: AsJson = False,
) -> None:
    """Show what edited definitions do to real raw lines, and what they make run again.

    Nothing is made; the platform finds out by itself what to run when the catalog is saved.

    Example: `whetstone catalog diff --against main`
    """
    from whetstone.comparing import (
        compare,
        file_sample,
        other_catalog,
        report,
        sources_to_sample,
        take_samples,
    )

    catalog, limit = load_catalog(settings().catalog), settings().max_line_bytes
    if source is not None:
        catalog.source(source)
    with (
        other_catalog(settings().catalog, against) as other,
        TemporaryDirectory(prefix="whetstone-sample-") as directory,
    ):
        names = sources_to_sample(other.catalog, catalog)
        names = [name for name in names if source in (None, name)]
        if sample is None:
            samples = take_samples(names, settings().landing, lines, Path(directory), limit)
        elif len(names) > 1:
            raise InputError(f"{sample}: say by --source which it is: {', '.join(names)} changed")
        else:
            day_of_sample = day_of(day).isoformat()
            taken = file_sample(sample, day_of_sample, lines, Path(directory), limit)
            samples = {name: [taken] for name in names}
        comparison = compare(other.catalog, catalog, samples, limit)
        if as_json:
            console.show_json(report.as_json(comparison, other.name))
        else:
            report.show(comparison, other.name)


@new_app.command("source")
def catalog_new_source(
    name: Annotated[str, typer.Argument(help="Name of the source: lower case, digits and _.")],
    file: Annotated[
        Path, typer.Option("--from", help="Raw file to learn from: plain, gzip or zstd.")
    ],
    write: Annotated[
        bool, typer.Option("--write", help="Write it to the catalog instead of printing it.")
    ] = False,
    day: Day = None,
    records: Annotated[int, typer.Option(min=0, help="Show so many of the first records.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Propose a source from a raw file: its format, fields, types, clock and personal data.

    What is proposed has been tried: it parses the file. Its samples are lines of that file.

    Example: `whetstone catalog new source vpn --from vpn.log --write`
    """
    from whetstone.proposing import propose, writable_path, write_new

    target = writable_path(settings().catalog, name)
    proposal = propose(name, file, day_of(day).isoformat(), records)
    if write:
        write_new(target, proposal.text)
    if as_json:
        parsed = proposal.trial.parsed
        console.show_json(
            {
                "source": name,
                "format": proposal.format,
                "written": str(target) if write else None,
                "definition": proposal.text,
                "lines": parsed.lines,
                "parsed": parsed.events,
                "rejects": parsed.rejects,
                "lines_per_second": proposal.trial.lines_per_second,
            }
        )
        return
    if write:
        console.show(f"{target} written; its samples are lines of {file}: make them anonymous")
        show_trial(proposal.trial)
    else:
        # The definition alone goes to standard output: it can be sent to a file.
        print(proposal.text, end="")
        show_trial(proposal.trial, sys.stderr)


def show_trial(trial: "SourceTrial", stream: TextIO | None = None) -> None:
    """What a definition made of a file, for people."""
    if trial.records:
        console.show_records("first records", trial.records, stream)
    rejects = [
        {"lines": r.lines, "reason": r.reason, "first": r.first_line, "such as": r.example}
        for r in trial.rejects
    ]
    console.show_table("rejects", rejects, stream)
    parsed, rejected = trial.parsed, sum(trial.parsed.rejects.values())
    shares = f" ({_percent(parsed.events, parsed.lines)})", f" ({_percent(rejected, parsed.lines)})"
    console.show(
        f"{parsed.lines} lines: {parsed.events} events{shares[0]}, {parsed.skipped} of other"
        f" sources, {rejected} rejects{shares[1]}; {trial.lines_per_second:,} lines a second",
        stream,
    )


def _say_lines(lines: int) -> None:
    """Progress, for files that take a while."""
    if lines >= _LINES_OF_A_LONG_FILE:
        console.say(f"{lines:,} lines")


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"
