"""`whetstone privacy …`: keys, who looked behind pseudonyms, what is left over, and erasure."""

import getpass
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from triage import CaseStore
from triage.evidence.identity import Inquiry, look_behind
from triage.outbox import Outbox
from whetstone import console
from whetstone.audit import AuditLog
from whetstone.catalog import Catalog, load_catalog
from whetstone.catalog.catalog_pb2 import Source
from whetstone.cli_options import AsJson
from whetstone.contributions import Contribution, accepted_contributions
from whetstone.errors import InputError
from whetstone.lake import Lake
from whetstone.landing import landed_days, landed_files
from whetstone.privacy import KeyStore
from whetstone.privacy.erasure import (
    Erasure,
    Subject,
    erase_from_contribution,
    erase_from_file,
    find_in_file,
    find_in_labels,
    subject_of,
)
from whetstone.privacy.protection import period_of, policies
from whetstone.privacy.scan import scan as scan_lake
from whetstone.privacy.treatment import Pseudonyms
from whetstone.settings import settings
from workbench.trails import show_trail

# What will go, as counts, and what makes it go.
_Plan = tuple[dict[str, Any], Callable[[], None]]
Who = Annotated[str, typer.Option(help="Who asks; default: the account on this machine.")]
Why = Annotated[str, typer.Option(help="Reason; it goes into the audit log.")]


def rotate(
    environment: Annotated[str, typer.Argument(help="Environment with a policy.")],
    why: Why = "rotation",
    who: Who = "",
    as_json: AsJson = False,
) -> None:
    """Make a new key that serves from now on, for the current day or hour.

    What was parsed before keeps the pseudonyms of its key, which stays readable.

    Example: `whetstone privacy rotate oslo`
    """
    policy = policies(load_catalog(settings().catalog).environments.values()).get(environment)
    if policy is None:
        raise InputError(
            f"environment {environment} has no policy that needs keys; see privacy {{}}"
        )
    key = _keys().rotate(environment, period_of(policy, datetime.now(UTC)))
    _audit(who, "rotate", why, {"key_id": key.id})
    if as_json:
        console.show_json({"environment": environment, "key_id": key.id})
    else:
        console.show(f"{environment}: {key.id} serves from now on")


def reidentify(
    alert: Annotated[str, typer.Argument(help="Alert id, or its beginning.")],
    why: Annotated[str, typer.Option(help="Reason; it goes into the audit log.")],
    who: Who = "",
    as_json: AsJson = False,
) -> None:
    """Say who is behind an alert; works only with the key, and is kept in the audit log.

    Example: `whetstone privacy reidentify 3fa9c1 --why "incident 4711"`
    """
    with closing(CaseStore(settings().case_store)) as cases:
        found = cases.alert(alert)
    inquiry = Inquiry(_name(who), why)
    known = look_behind(found, inquiry, load_catalog(settings().catalog), settings())
    rows = [asdict(original) for original in known]
    if as_json:
        console.show_json({"alert": found.alert_id, "entity": rows})
    else:
        console.show_table(f"alert {found.alert_id} of {found.environment}", rows)


def audit(as_json: AsJson = False) -> None:
    """Show who looked behind pseudonyms or erased, and whether the log is whole; else exit 1.

    Example: `whetstone privacy audit`
    """
    show_trail("audit log", AuditLog(settings().privacy_audit), as_json=as_json)


def scan(as_json: AsJson = False) -> None:
    """Look for addresses, e-mail addresses and IBANs that are left in the lake; exit 1 on any.

    Example: `whetstone privacy scan`
    """
    catalog = load_catalog(settings().catalog)
    rows = [asdict(found) for found in scan_lake(Lake(settings().lake), catalog)]
    if as_json:
        console.show_json(
            {"environments": sorted(policies(catalog.environments.values())), "left_over": rows}
        )
    else:
        console.show_table("left over", rows)
        if not policies(catalog.environments.values()):
            console.show("no environment has a policy: nothing was to be looked for")
    if rows:
        raise typer.Exit(1)


def forget(
    environment: Annotated[str, typer.Option(help="Environment that forgets.")],
    before: Annotated[
        str | None, typer.Option(help="Drop the keys of all days before this one, YYYY-MM-DD.")
    ] = None,
    subject: Annotated[
        str | None, typer.Option(help="Erase this one: address=…, user=… or host=….")
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="With --before: remove the raw files of those days, too.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    why: Why = "erasure",
    who: Who = "",
    as_json: AsJson = False,
) -> None:
    """Forget for ever: drop keys of past days, or erase all records of one subject.

    What was made from erased records is made anew by the platform.

    Examples: `whetstone privacy forget --environment oslo --before 2026-01-01 --why retention`,
    `whetstone privacy forget --environment oslo --subject user=ana --why "request 12"`
    """
    catalog = load_catalog(settings().catalog)
    catalog.environment(environment)
    if (before is None) == (subject is None) or (raw and before is None):
        raise InputError("write either --before DAY [--raw] or --subject KIND=VALUE")
    if before is not None:
        result, act = _forget_before(catalog, environment, _day(before), raw)
    else:
        result, act = _forget_subject(catalog, environment, subject_of(subject or ""))
    if not dry_run:
        _audit(who, "forget", why, {"environment": environment, **result})
        act()
    result = {"environment": environment, "dry_run": dry_run, **result}
    if as_json:
        console.show_json(result)
    else:
        console.show_values("would be forgotten" if dry_run else "forgotten", result)


COMMANDS = (rotate, reidentify, audit, scan, forget)


def _forget_before(catalog: Catalog, environment: str, before: str, raw: bool) -> _Plan:
    keys = _keys()
    ids = [i for i in keys.ids(environment) if i.partition("/")[2] < before]
    files = [
        file.path
        for source in catalog.sources
        for day in landed_days(settings().landing, source)
        if day < before
        for file in landed_files(settings().landing, source, day)
        if file.environment == environment
    ]

    def act() -> None:
        # The raw files first: with them gone, nothing can be parsed again without its key.
        for path in files if raw else ():
            path.unlink(missing_ok=True)
        keys.drop(environment, before)

    what = "raw_files_removed" if raw else "raw_files_that_stay"
    return {"before": before, "keys": len(ids), what: len(files)}, act


@dataclass(frozen=True)
class _Landed:
    """Where a landed raw file tells of a subject."""

    source: Source
    path: Path
    day: str
    erasure: Erasure


def _forget_subject(catalog: Catalog, environment: str, subject: Subject) -> _Plan:
    limit = settings().max_line_bytes
    landed = list(_landed(catalog, environment, subject))
    contributed = list(_contributed(catalog, subject))
    with closing(CaseStore(settings().case_store)) as cases:
        names = _names_of(environment, subject)
        alerts = cases.find_subject(environment, names)

    def act() -> None:
        for item in landed:
            erase_from_file(item.source, item.path, item.day, item.erasure, limit)
        for source, contribution, erasure, _ in contributed:
            erase_from_contribution(
                settings().contributions, source, contribution, erasure, subject, limit
            )
        with closing(CaseStore(settings().case_store)) as cases:
            cases.erase([alert.alert_id for alert in alerts])
            cases.scrub(environment, names)
        with closing(Outbox(settings().case_store)) as outbox:
            outbox.scrub(names)

    return {
        "raw_files": len(landed),
        "records": sum(item.erasure.records for item in landed),
        "contributions": len(contributed),
        "contributed_records": sum(erasure.records for _, _, erasure, _ in contributed),
        "labels": sum(labels for *_, labels in contributed),
        "alerts": len(alerts),
        "verdicts": sum(len(alert.verdicts) for alert in alerts),
    }, act


def _landed(catalog: Catalog, environment: str, subject: Subject) -> Iterator[_Landed]:
    for source in catalog.sources.values():
        for day in landed_days(settings().landing, source.name):
            for file in landed_files(settings().landing, source.name, day):
                if file.environment != environment:
                    continue
                erasure = find_in_file(source, file.path, day, subject, settings().max_line_bytes)
                if erasure:
                    yield _Landed(source, file.path, day, erasure)


def _contributed(
    catalog: Catalog, subject: Subject
) -> Iterator[tuple[Source, Contribution, Erasure, int]]:
    """Contributions say not which site they are from: the subject is erased from all."""
    for name, dataset in catalog.golden_datasets.items():
        source = catalog.source_of(dataset)
        for contribution in accepted_contributions(settings().contributions, name):
            erasure = find_in_file(
                source, contribution.raw, contribution.day, subject, settings().max_line_bytes
            )
            labels = find_in_labels(contribution, subject)
            if erasure or labels:
                yield source, contribution, erasure, labels


def _names_of(environment: str, subject: Subject) -> set[str]:
    """What the subject is called in the lake: itself, and its pseudonyms under all keys."""
    keys = _keys()
    held = [key for i in keys.ids(environment) if (key := keys.find(i)) is not None]
    return {subject.value, *(Pseudonyms(key).of(subject.kind, subject.value) for key in held)}


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise InputError(f"--before {text}: write YYYY-MM-DD") from error


def _audit(who: str, what: str, why: str, details: dict[str, Any]) -> None:
    AuditLog(settings().privacy_audit).append(_name(who), what, why, details)


def _name(who: str) -> str:
    account = getpass.getuser()
    return f"{who} ({account})" if who.strip() else account


def _keys() -> KeyStore:
    return KeyStore(settings().privacy_keys)
