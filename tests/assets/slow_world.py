"""An installation whose one detector needs to know what a client did the day before."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from installation import Installation

from whetstone.contributions import contribute
from whetstone.landing import land

DAYS = ("2026-03-09", "2026-03-10")
DETECTOR = "probe_gb"
SLOW = "web_1d__errors"

FILES = {
    "sources/web.textproto": r"""
        name: "web" format: LINE event_time: "event_time"
        pattern: "^(?P<time>\\S+) (?P<client>\\S+) (?P<status>\\d+)$"
        fields { name: "event_time" data_type: "TIMESTAMP" index: "time" definition: "$1" }
        fields { name: "client" data_type: "VARCHAR" index: "client" definition: "$1" }
        fields { name: "status" data_type: "BIGINT" index: "status" definition: "$1" }
    """,
    "features/web_1h.textproto": """
        name: "web_1h" source: "web" window { entity: "client" every: "1h" }
        features { name: "requests" data_type: "BIGINT" definition: "count(*)" }
    """,
    "features/web_1d.textproto": """
        name: "web_1d" source: "web" window { entity: "client" every: "1d" }
        features { name: "errors" data_type: "BIGINT"
                   definition: "count(*) FILTER (WHERE status >= 400)" }
        features { name: "spare" data_type: "BIGINT" definition: "max(status)" }
    """,
    "golden/probing.textproto": """
        name: "probing" feature_view: "web_1h" technique: "T1595"
        classes { name: "probe" positive: true } classes { name: "benign" }
        holdout { group { keys: "client" test_share: 0.3 validation_share: 0.3 } }
    """,
    "detectors/probe_gb.textproto": """
        name: "probe_gb" golden_dataset: "probing" features: "requests"
        slow { view: "web_1d" features: "errors" max_age: "2d" }
        gradient_boosting { iterations: 20 min_samples_leaf: 5 }
        operating_point { max_false_positive_rate: 0.05 }
        gate { min_average_precision: 0.2 }
    """,
    "environments/oslo.textproto": """
        name: "oslo" sources: "web" detectors: "probe_gb"
    """,
}


def requests(day: str, clients: range) -> Iterator[str]:
    """A day's lines; clients of an odd number fail, and nothing but that tells them apart."""
    chance = random.Random(day)  # noqa: S311
    midnight = datetime.fromisoformat(day).replace(tzinfo=UTC)
    for client in clients:
        for _ in range(chance.randrange(6, 12)):
            at = midnight + timedelta(seconds=chance.randrange(86400))
            status = 404 if client % 2 else 200
            yield f"{at:%Y-%m-%dT%H:%M:%S} 10.0.0.{client} {status}\n"


def install(directory: Path) -> Installation:
    """Two days of production, and a contribution of two days whose second is labelled."""
    for name, text in FILES.items():
        file = directory / "catalog" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    installation = Installation(directory)
    for day in DAYS:
        land_day(installation, day)
    lab = directory / "lab.log"
    lab.write_text(
        "".join([*requests("2026-02-01", range(90)), *requests("2026-02-02", range(90))])
    )
    labels = directory / "labels.csv"
    rows = [
        f"10.0.0.{client},{'probe' if client % 2 else 'benign'},2026-02-02T00:00:00,\n"
        for client in range(90)
    ]
    labels.write_text("".join(["unit,label,start,end\n", *rows]))
    contribute(
        installation.settings.contributions,
        "probing",
        "web",
        lab,
        labels,
        contributor="ada",
        day=date(2026, 2, 1),
    )
    return installation


def land_day(installation: Installation, day: str, clients: range = range(40)) -> None:
    """A day's file arrives."""
    name = f"{day}.log" if clients == range(40) else f"{day}-more.log"
    file = installation.directory / name
    file.write_text("".join(requests(day, clients)))
    land(installation.settings.landing, file, "oslo", "web", date.fromisoformat(day))


def of_the_day_before(file: Path) -> dict[tuple[str, date], int]:
    """By client and day the errors of the day before, counted from the lines themselves."""
    counts: dict[tuple[str, date], int] = {}
    for line in file.read_text().splitlines():
        time, client, status = line.split()
        key = client, date.fromisoformat(time[:10]) + timedelta(1)
        counts[key] = counts.get(key, 0) + (int(status) >= 400)
    return counts
