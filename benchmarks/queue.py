"""How long the analysts' queue takes with a million alerts.

    python -m benchmarks.queue --alerts 1000000 --json
    python -m benchmarks.queue --alerts 1000000 --url postgresql+psycopg://…/empty --json

Alerts of 90 days, 20 detectors and 10 environments, about 60,000 addresses of which few have most;
a tenth is judged, a twentieth held by a rule. Then the first page in each mode and under each
filter (the median and the slowest of `--repeats`, after one that warms up); a page deep down; the
same first page by a plain GROUP BY over the alerts, which is what the kept groups stand in for; a
verdict, a verdict on the pattern with most groups, and a day of alerts that comes in, each with
and without the kept groups. The last line on stdout is a JSON object.
"""

import argparse
import hashlib
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import func, insert, select, update

from triage import Alert, CaseStore, schema
from triage.arriving import row_of, store_found
from triage.database import Alone
from triage.queue import STATES, Filters, Queue, rebuild

DAYS, DETECTORS, ENVIRONMENTS, LOOKS, SUBJECTS = 90, 20, 10, 60, 60_000
_FIRST = date(2026, 1, 1)
_AT_ONCE = 5_000


def main(arguments: list[str] | None = None) -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--url", help="An empty case store; without it, SQLite in a new directory.")
    parser.add_argument("--json", action="store_true", help="On one line.")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as directory:
        url = options.url or f"sqlite:///{directory}/cases.db"
        with closing(CaseStore(url)) as store:
            result = measure(store, options.alerts, options.repeats)
    print(json.dumps(result, indent=None if options.json else 2))


def measure(store: CaseStore, count: int, repeats: int) -> dict[str, Any]:
    """Figures of a new store with so many alerts."""
    filled = _seconds(lambda: _fill(store, count))
    _say(f"{count} alerts stored in {filled:.0f} s")
    with store.database.writing(Alone.DESK) as connection:
        rebuilt, began = time.perf_counter(), time.process_time()
        rebuild(connection, _say)
        rebuilt, of_cpu = time.perf_counter() - rebuilt, time.process_time() - began
    _say(f"groups made in {rebuilt:.0f} s")
    pages = {name: _times(page, repeats) for name, page in _pages(store)}
    return {
        "database": store.database.url.partition(":")[0],
        "alerts": count,
        "groups": _count(store, schema.groups),
        "patterns": _count(store, schema.patterns),
        "rebuild_seconds": round(rebuilt, 1),
        "rebuild_cpu_seconds": round(of_cpu, 1),
        "first_page_ms": pages,
        "slowest_page_ms": max(page["slowest"] for page in pages.values()),
        "plain_group_by_ms": _times(lambda: _plain(store), 3),
        **_writes(store, repeats),
    }


def _pages(store: CaseStore) -> Iterator[tuple[str, Callable[[], object]]]:
    queue = Queue(store.database)
    middle = _FIRST + timedelta(days=DAYS // 2)
    filters = {
        "open": Filters(),
        "all states": Filters(state="all"),
        "judged": Filters(state="judged"),
        "allowed": Filters(state="allowed"),
        "one environment": Filters(environment="site3"),
        "three may be seen": Filters(environments={"site1", "site2", "site3"}),
        "one detector": Filters(detectors={"detector7"}),
        "detector and environment": Filters(environment="site4", detectors={"detector19"}),
        "technique of two detectors": Filters(detectors={"detector18", "detector19"}),
        "one day": Filters(first_day=middle, last_day=middle),
        "a month": Filters(first_day=middle, last_day=middle + timedelta(days=30)),
        "one address": Filters(entity="10.0.3.7"),
        "many addresses": Filters(entity="10."),
        "nobody": Filters(entity="nobody"),
        "day, detector and site": Filters(
            environment="site4", detectors={"detector19"}, first_day=middle, last_day=middle
        ),
    }
    for name, each in filters.items():
        yield f"cases, {name}", partial(queue.cases, each, 50)
        yield f"patterns, {name}", partial(queue.looks, each, 50)
    deep = queue.cases(Filters(), 20_000).after
    yield "cases, behind 20,000", partial(queue.cases, Filters(), 50, deep)
    most = queue.looks(Filters(), 200).items
    largest = max(most, key=lambda look: look.groups)
    yield (
        "cases, of the largest pattern",
        partial(queue.cases, Filters(environment=largest.environment, pattern=largest.pattern), 50),
    )


def _plain(store: CaseStore) -> object:
    """The first page without kept groups, ranked by the best score alone."""
    a = schema.alerts.c
    worst = func.max(a.score / a.threshold)
    query = (
        select(a.environment, a.detector, a.pattern, a.group_id, func.count(), worst)
        .where(STATES["open"], a.rule_id.is_(None))
        .group_by(a.environment, a.detector, a.pattern, a.group_id)
        .order_by(worst.desc())
        .limit(50)
    )
    with store.database.reading() as connection:
        return connection.execute(query).all()


def _writes(store: CaseStore, repeats: int) -> dict[str, Any]:
    queue = Queue(store.database)
    cases = queue.cases(Filters(), 4 * repeats).items
    looks = queue.looks(Filters(), 500).items
    largest = max(looks, key=lambda look: look.open_groups)
    alike = queue.pattern_alert_ids(largest.environment, largest.pattern)
    singles = iter(case.top.alert_id for case in cases)
    of_largest = iter(alike)
    a_day = _alerts_of_a_day()
    return {
        "verdict_ms": _times(lambda: _judge(store, next(singles)), repeats),
        "verdict_without_groups_ms": _times(
            lambda: _judge(store, next(singles), keep=False), repeats
        ),
        "largest_pattern_groups": largest.groups,
        "verdict_on_largest_ms": _times(lambda: _judge(store, next(of_largest)), repeats),
        "day_alerts": len(a_day),
        "day_seconds": round(_seconds(lambda: _replace(store, a_day)), 2),
        "day_again_seconds": round(_seconds(lambda: _replace(store, a_day)), 2),
        "day_without_groups_seconds": round(
            _seconds(lambda: _replace(store, a_day, keep=False)), 2
        ),
    }


def _judge(store: CaseStore, alert_id: str, *, keep: bool = True) -> None:
    if keep:
        store.give_verdict(alert_id, "false_positive", by="ada")
        return
    with store.database.writing() as connection:
        connection.execute(insert(schema.verdicts), [_verdict(alert_id)])


def _replace(store: CaseStore, alerts: list[Alert], *, keep: bool = True) -> None:
    day = alerts[0].unit_start.date()
    if keep:
        store.replace_alerts(day, alerts[0].detector, alerts)
        return
    table = schema.alerts
    of_day = (table.c.day == day, table.c.detector == alerts[0].detector)
    with store.database.writing() as connection:
        connection.execute(update(table).where(*of_day).values(firing=False))
        store_found(connection, [row_of(alert, day, alert.detector) for alert in alerts])


def _fill(store: CaseStore, count: int) -> None:
    chance = random.Random(7)  # noqa: S311 - draws a made-up world
    for first in range(0, count, _AT_ONCE):
        numbers = range(first, min(first + _AT_ONCE, count))
        rows = [_row(chance, number) for number in numbers]
        given = [_verdict(row["alert_id"]) for row in rows if chance.random() < 0.1]
        with store.database.writing() as connection:
            connection.execute(insert(schema.alerts), rows)
            connection.execute(insert(schema.verdicts), given)


def _row(chance: random.Random, number: int) -> dict[str, Any]:
    day = _FIRST + timedelta(days=chance.randrange(DAYS))
    detector = min(DETECTORS - 1, int(chance.expovariate(0.25)))
    alert = _alert(chance, _alert_id(number), day, detector)
    held = "rule" if chance.random() < 0.05 else None
    return row_of(alert, day, alert.detector) | {"rule_id": held}


def _alert(chance: random.Random, alert_id: str, day: date, detector: int) -> Alert:
    subject = min(SUBJECTS - 1, int(chance.paretovariate(0.4)) - 1)
    site = f"site{(subject + chance.randrange(2)) % ENVIRONMENTS}"
    address = f"10.{subject >> 16}.{subject >> 8 & 255}.{subject & 255}"
    look = min(LOOKS - 1, int(chance.expovariate(0.15)))
    at = datetime.fromisoformat(f"{day}T00:00:00") + timedelta(seconds=chance.randrange(86_400))
    return Alert(
        alert_id=alert_id,
        detector=f"detector{detector}",
        model_version="1",
        environment=site,
        source="sshd",
        unit=f"{address}|{chance.randrange(1024)}",
        entity={"src_ip": address, "port": chance.randrange(1024)},
        unit_start=at,
        event_timestamp=at + timedelta(minutes=5),
        score=chance.uniform(0.5, 1.0),
        threshold=0.5,
        explanation=[
            {"feature": f"feature{look % 7}", "value": 2.0 ** (look // 7), "contribution": 0.4},
            {"feature": "hour", "value": float(chance.randrange(24)), "contribution": 0.1},
        ],
        per_day=chance.expovariate(1.0),
        events=chance.randrange(1, 200),
    )


def _alerts_of_a_day() -> list[Alert]:
    """As many as a busy day has, of a detector that has had none that day."""
    chance = random.Random(8)  # noqa: S311 - draws a made-up world
    day = _FIRST + timedelta(days=DAYS)
    return [_alert(chance, _alert_id(-1 - number), day, 3) for number in range(10_000)]


def _alert_id(number: int) -> str:
    """As scattered as those of the product."""
    return hashlib.sha256(str(number).encode()).hexdigest()[:16]


def _verdict(alert_id: str) -> dict[str, Any]:
    return {
        "verdict_id": f"v{alert_id}",
        "alert_id": alert_id,
        "value": "false_positive" if int(alert_id[-2:], 16) % 4 else "true_positive",
        "by": "bea",
        "at": datetime.fromisoformat("2026-04-01T00:00:00"),
        "note": "",
    }


def _count(store: CaseStore, table: Any) -> int:
    with store.database.reading() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def _times(work: Callable[[], object], repeats: int) -> dict[str, float]:
    work()
    found = [1000 * _seconds(work) for _ in range(repeats)]
    return {"median": round(statistics.median(found), 1), "slowest": round(max(found), 1)}


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
