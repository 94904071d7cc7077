"""`whetstone golden quarantine | release | quarantined`: contributions that are not trained on."""

import getpass
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

import typer

from whetstone import console
from whetstone.catalog import load_catalog
from whetstone.cli_options import AsJson
from whetstone.contributions import accepted_contributions
from whetstone.errors import InputError
from whetstone.quarantine import CONTRIBUTION, VERDICTS, Mark, history
from whetstone.quarantine import quarantine as mark
from whetstone.quarantine import quarantined as marked
from whetstone.quarantine import release as lift
from whetstone.settings import settings

Dataset = Annotated[str, typer.Argument(help="Golden dataset.")]
Origin = Annotated[
    str,
    typer.Argument(
        help=f"{CONTRIBUTION}:ID, or {VERDICTS}:NAME for all verdicts of an analyst; the id may be"
        " cut short."
    ),
]
Why = Annotated[str, typer.Option(help="Reason.")]
By = Annotated[str, typer.Option(help="Who decides; default: the account on this machine.")]


def quarantine(
    dataset: Dataset,
    origin: Origin,
    why: Why,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Train no more on a contribution, or on an analyst's verdicts. Both are kept.

    Example: `whetstone golden quarantine ssh_bruteforce verdicts:mallory --why "account stolen"`
    """
    _decide(mark, dataset, origin, why, by, as_json)


def release(
    dataset: Dataset,
    origin: Origin,
    why: Why,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Train again on what was in quarantine. The poison guard will not mark it again.

    Example: `whetstone golden release ssh_bruteforce verdicts:ada --why "her verdicts are right"`
    """
    _decide(lift, dataset, origin, why, by, as_json)


def quarantined(
    dataset: Annotated[str | None, typer.Argument(help="Golden dataset; default: all.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Marks that were lifted, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what nothing is trained on, and why.

    Example: `whetstone golden quarantined ssh_bruteforce`
    """
    catalog = load_catalog(settings().catalog)
    names = [catalog.golden_dataset(dataset).name] if dataset else sorted(catalog.golden_datasets)
    read = history if everything else marked
    rows: list[dict[str, Any]] = [
        {"dataset": name, **asdict(one), "origin": one.origin}
        for name in names
        for one in read(settings().contributions, name)
    ]
    if as_json:
        console.show_json({"quarantine": rows})
        return
    shown = ("dataset", "origin", "state", "by", "at", "reason")
    console.show_table("Quarantine", [{key: row[key] for key in shown} for row in rows])


COMMANDS = (quarantine, release, quarantined)


def _origin(dataset: str, text: str) -> tuple[str, str]:
    """Kind and name; a contribution's id in full."""
    load_catalog(settings().catalog).golden_dataset(dataset)
    kind, _, name = text.partition(":")
    if kind == VERDICTS and name:
        return kind, name
    if kind != CONTRIBUTION or not name:
        raise InputError(f"{text}: write {CONTRIBUTION}:ID or {VERDICTS}:NAME")
    ids = [one.id for one in accepted_contributions(settings().contributions, dataset)]
    found = [identity for identity in ids if identity.startswith(name)]
    if len(found) != 1:
        known = ", ".join(found or ids) or "none"
        raise InputError(f"{text}: {len(found)} contributions to {dataset} begin so: {known}")
    return kind, found[0]


def _decide(
    act: Callable[..., tuple[Mark, bool]],
    dataset: str,
    origin: str,
    why: str,
    by: str,
    as_json: bool,
) -> None:
    """Mark or lift, and tell what is in force now."""
    kind, name = _origin(dataset, origin)
    made, new = act(
        settings().contributions, dataset, kind, name, reason=why, by=by or getpass.getuser()
    )
    if as_json:
        console.show_json({"dataset": dataset, "new": new, **asdict(made)})
        return
    was = "" if new else " already"
    console.show(
        f"{made.origin} is {made.state}{was} in {dataset}, by {made.by} at {made.at}:"
        f" {made.reason}. `whetstone status` shows what is made anew."
    )
