"""`whetstone overview` and `whetstone notify`: how the detectors stand, and who is told."""

from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from triage import CaseStore
from triage.outbox import Outbox
from whetstone import console
from whetstone.catalog import load_catalog
from whetstone.cli_options import AsJson
from whetstone.errors import InputError
from whetstone.settings import Settings, settings


def overview(
    detector: Annotated[str | None, typer.Argument(help="Only this one, by environment.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell how every detector stands, the worst first, and where its reports are.

    Example: `whetstone overview`
    """
    from monitoring.overview.facts import read_overview
    from monitoring.overview.page import FILE
    from resources.called_for import triggers_of

    catalog = load_catalog(settings().catalog)
    if detector is not None:
        catalog.detector(detector)
    with closing(CaseStore(settings().case_store)) as cases:
        triggers = triggers_of(cases, catalog.detectors)
    found = read_overview(catalog, settings(), triggers)
    rows = [row for row in found.rows if detector in (None, row.detector)]
    page = settings().reports / FILE
    if as_json:
        console.show_json(
            {
                "newest_day": found.newest_day,
                "days": found.days,
                "counts": found.counts,
                "detectors": [asdict(row) for row in rows],
                "silent": [asdict(silence) for silence in found.silent],
                "page": str(page) if page.exists() else None,
            }
        )
        return
    console.show_table(
        f"detectors, data to {found.newest_day or '(none)'}", [_line(r) for r in rows]
    )
    for row in rows:
        for reason in row.reasons:
            console.show(f"{row.detector}: {reason.level}: {reason.about}: {reason.text}")
    if detector is not None:
        console.show_table("environments", [_environment(part) for part in rows[0].environments])
    for silence in found.silent:
        console.show(f"silent: {silence.source} of {silence.environment} since {silence.newest}")
    if page.exists():
        console.show(f"page: {page}  ({settings().reports_url}/ while `whetstone up` runs)")


def notify(
    test: Annotated[
        bool, typer.Option("--test", help="Send a message to each address, now.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell who is notified of what stands; addresses are set by WHETSTONE_NOTIFY.

    Example: `whetstone notify --test`
    """
    chosen = settings()
    with closing(Outbox(chosen.case_store)) as outbox:
        stands, counts = outbox.standing(), dict(outbox.counts())
    result: dict[str, Any] = {
        "owners": {owner: len(urls) for owner, urls in chosen.notify.items()},
        "standing": stands,
        "deliveries": counts,
    }
    if test:
        result["test"] = _send_tests(chosen)
    if as_json:
        console.show_json(result)
    else:
        _show(result)
    if test and not all(row["sent"] for row in result["test"]):
        raise typer.Exit(1)


def _send_tests(chosen: Settings) -> list[dict[str, Any]]:
    from monitoring.notices import Message
    from monitoring.sending import check_addresses, send

    if not any(chosen.notify.values()):
        raise InputError(
            'no addresses: set WHETSTONE_NOTIFY to a JSON object of owner (or "*") to URLs, such as'
            ' {"*": ["mailtos://…"]}'
        )
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    sent: list[dict[str, Any]] = []
    for owner, secrets in chosen.notify.items():
        urls = [secret.get_secret_value() for secret in secrets]
        check_addresses(urls, owner)
        for place, url in enumerate(urls, start=1):
            message = Message("Whetstone: a test", f"Notices for {owner} arrive here. {now}")
            sent.append({"owner": owner, "address": place, "sent": send(url, message)})
    return sent


def _show(result: dict[str, Any]) -> None:
    if not result["owners"]:
        console.show("nobody is notified: WHETSTONE_NOTIFY is not set")
    for owner, count in result["owners"].items():
        console.show(f"{owner}: {count} addresses")
    told = ("subject", "kind", "began", "text")
    console.show_table("stands", [{name: row[name] for name in told} for row in result["standing"]])
    if result["deliveries"]:
        states = ", ".join(f"{count} {state}" for state, count in result["deliveries"].items())
        console.show(f"deliveries: {states}")
    if "test" in result:
        console.show_table("test messages", result["test"])


def _line(row: Any) -> dict[str, Any]:
    precision = row.precision
    estimated = " estimated" if precision and precision.estimated else ""
    return {
        "state": row.light,
        "detector": row.detector,
        "alerts_a_day": row.alerts_a_day,
        "precision": f"{precision.value:.2f}{estimated}" if precision else "",
        "champion": row.service.version if row.service else "",
        "retrained": row.retraining.at[:16] if row.retraining else "",
        "why": row.retraining.why if row.retraining else "",
    }


def _environment(part: Any) -> dict[str, Any]:
    counts = [count for count in part.alerts if count is not None]
    return {
        "environment": part.environment,
        "alerts": sum(counts),
        "newest_day": counts[-1] if counts else None,
        "drift": part.verdict,
        "precision": part.precision.value if part.precision else None,
    }


COMMANDS = (overview, notify)
