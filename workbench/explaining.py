"""`whetstone why | lineage | idea`: what happened and why, what hangs together, what would help."""

from pathlib import Path
from typing import Annotated, Any

import typer

from whetstone import console
from whetstone.cli_options import AsJson
from whetstone.settings import settings


def why(
    asset: Annotated[
        str, typer.Argument(help="Asset, such as model/ssh_bruteforce_gb; or a name alone.")
    ],
    day: Annotated[
        str | None, typer.Option(help="Of a daily asset: YYYY-MM-DD; default: its newest.")
    ] = None,
    downstream: Annotated[
        bool, typer.Option("--downstream", help="Also what a change of it makes run again.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say why an asset was made when it was, and why it is not being made now.

    Example: `whetstone why model/ssh_bruteforce_gb`
    """
    from workbench.why import read_why, show_why

    found = read_why(settings(), asset, day, downstream)
    if as_json:
        console.show_json(found)
    else:
        show_why(found)


def lineage(
    column: Annotated[
        str | None,
        typer.Argument(help="SOURCE.FIELD, VIEW.FEATURE, or a source, view or detector."),
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="HTML file to write; default: below the reports.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a column is made from and what is made from it; without one, write the page.

    Example: `whetstone lineage sshd.src_ip`
    """
    from monitoring.lineage_page import PAGE, write_lineage
    from whetstone.catalog import load_catalog
    from workbench.columns import read_columns, show_columns

    catalog = load_catalog(settings().catalog)
    if column is None or page is not None:
        written = write_lineage(catalog, page or settings().reports / PAGE)
        if column is None:
            if as_json:
                console.show_json({"page": str(written)})
            else:
                console.show(f"{written}: every column, what it is made from, what it is used by")
            return
    found = read_columns(catalog, column or "")
    if as_json:
        console.show_json(found)
    else:
        show_columns(found)


def idea(
    file: Annotated[Path, typer.Argument(help="The idea: proposed features, as textproto.")],
    detectors: Annotated[
        list[str] | None,
        typer.Option("--detectors", help="Only this detector; may be repeated."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=20, help="Trainings of each fold.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Say what proposed features would bring, before they are merged; nothing is changed.

    Lift on each detector with its interval, cost, leaks, drift over the last days.

    Example: `whetstone idea night_share.textproto`
    """
    from workbench.idea import show_idea, try_idea

    found: dict[str, Any] = try_idea(settings(), file, detectors or [], seeds)
    if as_json:
        console.show_json(found)
    else:
        show_idea(found)
    if found["verdict"] in ("leaks", "broken"):
        raise typer.Exit(1)


COMMANDS = (why, lineage, idea)
