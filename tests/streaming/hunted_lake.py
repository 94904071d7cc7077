"""A lake of a few days, and two releases that do not find the same in it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from demo import sshd
from demo.world import Site
from tests.streaming.bundles import CATALOG, Lines, bundle_of, parsed
from whetstone.engine import open_engine
from whetstone.hunt import Hunt, HuntedDay
from whetstone.lake import Lake, Manifest, Place
from whetstone.releases import Bundle, stamp
from whetstone.scoring.run import BundleScorer, alerts_of
from whetstone.sql import literal

ROOT = Path(__file__).resolve().parents[2]
DETECTOR = "ssh_bruteforce_gb"
DAYS = ("2026-03-02", "2026-03-03", "2026-03-05")
MARCH = (date(2026, 3, 2), date(2026, 3, 5))


def write(lake: Lake, day: str, *environments: str) -> None:
    """A generated day of ssh in the lake."""
    plan = sshd.Plan(logins=30, noise=40, forgotten=2, brute_force=1)
    with open_engine(lake.root) as engine:
        for environment in environments:
            records = sshd.records(Site(3, environment), date.fromisoformat(day), plan)
            raw = tuple(f"{record.raw}\n".encode() for record in records)
            lines = Lines(CATALOG.sources["sshd"], raw, day)
            with parsed(lines, environment=environment) as connection:
                engine.register("more", connection.sql("FROM events").to_arrow_table())
            start = (
                "INSERT INTO events" if environment != environments[0] else "CREATE TABLE events AS"
            )
            engine.execute(f"{start} FROM more")
        with lake.stage(Place("parsed", "sshd", day)) as staged:
            content = staged.write(engine, "events")
            staged.commit(Manifest("", {}, content.version, content.rows))


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Three days of two environments; a day between them is missing."""
    lake = Lake(tmp_path_factory.mktemp("home") / "lake")
    for day in DAYS:
        write(lake, day, "berlin", "oslo")
    return lake


@pytest.fixture(scope="session")
def old(real_data: Path) -> Bundle:
    """A release that finds some."""
    return stamp(replace(bundle_of(DETECTOR, real_data), threshold=0.55))


@pytest.fixture(scope="session")
def new(real_data: Path) -> Bundle:
    """A release that finds others, and some of the same."""
    return stamp(replace(bundle_of(DETECTOR, real_data, seed=2), threshold=0.4))


def with_windows(bundle: Bundle, every: str) -> Bundle:
    """The same release with windows of another length."""
    definitions = type(bundle.definitions)()
    definitions.CopyFrom(bundle.definitions)
    definitions.feature_views[0].window.every = every
    return stamp(replace(bundle, definitions=definitions))


def scored(lake: Lake, bundle: Bundle, day: str) -> pa.Table:
    """What the batch asset makes of a day."""
    path = literal(str(lake.part(Place("parsed", "sshd", day))))
    with open_engine(lake.root) as connection:
        return BundleScorer(bundle).score_events(connection, f"read_parquet({path})")


Key = tuple[object, ...]


def alerts(lake: Lake, bundle: Bundle, day: str) -> dict[Key, float]:
    """The alerts of a day by what names them, with their scores."""
    rows = alerts_of(scored(lake, bundle, day)).to_pylist()
    return {(r["environment"], r["unit"], r["unit_start"]): r["score"] for r in rows}


def hunted(hunt: Hunt, days: Sequence[str] = DAYS) -> list[HuntedDay]:
    return [hunt.day(day) for day in days]


def found(days: Sequence[HuntedDay]) -> list[Key]:
    return [(f.environment, f.unit, f.unit_start) for day in days for f in day.findings]
