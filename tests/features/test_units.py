"""Events become units: windows, sessions and events, against a reckoning in plain Python."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta

import pyarrow as pa
import pytest
from google.protobuf import text_format
from hypothesis import given, settings
from hypothesis import strategies as st

from whetstone.catalog.catalog_pb2 import FeatureView
from whetstone.engine import open_engine
from whetstone.features import features_sql
from whetstone.lake import Content, content_of

FEATURES = """
    features { name: "events" data_type: "BIGINT" definition: "count(*)" }
    features { name: "hosts" data_type: "BIGINT" definition: "count(DISTINCT host)" }
    features { name: "largest" data_type: "DOUBLE" definition: "max(size)" }
    features { name: "big" data_type: "BIGINT" definition: "count(*) FILTER (WHERE size > 50)" }
"""
SESSION = 'name: "s" session { key: "ip" }' + FEATURES
EVENT = """name: "e" event { entity: "ip" entity: "host" }
    features { name: "double" data_type: "DOUBLE" definition: "size * 2" }
    features { name: "root" data_type: "DOUBLE" definition: "sqrt(size - 50)" }"""
EPOCH = datetime.fromisoformat("1970-01-01")
MIDNIGHT = datetime.fromisoformat("2026-03-01")
SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("event_time", pa.timestamp("us")),
        ("raw_file", pa.string()),
        ("raw_hash", pa.int64()),
        ("ip", pa.string()),
        ("host", pa.string()),
        ("size", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Event:
    environment: str = "oslo"
    event_time: datetime = MIDNIGHT
    raw_file: str = "oslo/web/2026-03-01/a.log"
    raw_hash: int = 1
    ip: str | None = "10.0.0.1"
    host: str | None = "h"
    size: int | None = 1


EVENTS = st.lists(
    st.builds(
        Event,
        environment=st.sampled_from(["oslo", "berlin"]),
        event_time=st.integers(0, 1200)
        .map(lambda seconds: MIDNIGHT + timedelta(seconds=seconds))
        .flatmap(lambda at: st.sampled_from([at, at - timedelta(microseconds=1)])),
        raw_file=st.sampled_from(
            ["oslo/web/2026-03-01/a.log", "oslo/web/2026-03-01/b.log", "c.log"]
        ),
        raw_hash=st.integers(0, 2**60 - 1),
        ip=st.sampled_from(["10.0.0.1", "10.0.0.2", None]),
        host=st.sampled_from(["h", "i", None]),
        size=st.one_of(st.none(), st.integers(51, 200)),
    ),
    max_size=30,
)


def view_of(text: str) -> FeatureView:
    return text_format.Parse(text, FeatureView())


def window(every: str) -> FeatureView:
    return view_of(f'name: "w" window {{ entity: "ip" every: "{every}" }} {FEATURES}')


def units_of(
    view: FeatureView, events: Sequence[Event], features: Sequence[str] | None = None
) -> list[dict[str, object]]:
    return made_of(view, events, features)[0]


def made_of(
    view: FeatureView, events: Sequence[Event], features: Sequence[str] | None = None
) -> tuple[list[dict[str, object]], Content]:
    """The units of events, and what the lake would say of their content."""
    columns = list(zip(*(astuple(event) for event in events), strict=True)) or [()] * len(SCHEMA)
    with open_engine() as engine:
        engine.register("given", pa.table([list(c) for c in columns], schema=SCHEMA))
        engine.execute(f"CREATE TEMP TABLE units AS {features_sql(view, 'given', features)}")
        rows = engine.sql("FROM units ORDER BY ALL").to_arrow_table().to_pylist()
        return rows, content_of(engine, "units")


def reckoned(members: Sequence[Event]) -> dict[str, object]:
    sizes = [event.size for event in members if event.size is not None]
    total = str(sum(event.raw_hash for event in members))
    return {
        "unit_hash": hashlib.md5(total.encode(), usedforsecurity=False).hexdigest(),
        "events": len(members),
        "hosts": len({event.host for event in members if event.host is not None}),
        "largest": max(sizes) if sizes else None,
        "big": sum(size > 50 for size in sizes),
    }


def folder(event: Event) -> str:
    return event.raw_file.rpartition("/")[0]


def by_unit(rows: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    return sorted(rows, key=lambda row: [str(value) for value in row.values()])


@settings(max_examples=30)
@given(events=EVENTS, every=st.sampled_from([("1s", 1), ("90s", 90), ("5m", 300), ("1h", 3600)]))
def test_windows_are_aligned_half_open_and_hold_each_event_once(
    events: list[Event], every: tuple[str, int]
) -> None:
    written, seconds = every
    members: dict[tuple[str, str, str, datetime], list[Event]] = {}
    for event in events:
        if event.ip is not None:
            since = (event.event_time - EPOCH) // timedelta(seconds=seconds)
            start = EPOCH + since * timedelta(seconds=seconds)
            key = (event.environment, event.ip, folder(event), start)
            members.setdefault(key, []).append(event)
    expected = [
        {
            "environment": environment,
            "ip": ip,
            "unit": ip,
            "unit_start": start,
            "event_timestamp": start + timedelta(seconds=seconds),
            **reckoned(inside),
        }
        for (environment, ip, _, start), inside in members.items()
    ]
    assert by_unit(units_of(window(written), events)) == by_unit(expected)


@settings(max_examples=30)
@given(events=EVENTS)
def test_a_session_is_all_events_of_a_key_and_partition_day(events: list[Event]) -> None:
    members: dict[tuple[str, str, str], list[Event]] = {}
    for event in events:
        if event.ip is not None:
            members.setdefault((event.environment, event.ip, folder(event)), []).append(event)
    expected = [
        {
            "environment": environment,
            "ip": ip,
            "unit": ip,
            "unit_start": min(event.event_time for event in inside),
            "event_timestamp": max(event.event_time for event in inside),
            **reckoned(inside),
        }
        for (environment, ip, _), inside in members.items()
    ]
    assert by_unit(units_of(view_of(SESSION), events)) == by_unit(expected)


@settings(max_examples=20)
@given(events=EVENTS)
def test_every_event_with_its_entity_is_a_unit_of_an_event_view(events: list[Event]) -> None:
    expected = [
        {
            "environment": event.environment,
            "ip": event.ip,
            "host": event.host,
            "unit": f"{event.ip}|{event.host}",
            "unit_start": event.event_time,
            "event_timestamp": event.event_time,
            "double": None if event.size is None else event.size * 2,
            "root": None if event.size is None else pytest.approx((event.size - 50) ** 0.5),
        }
        for event in events
        if event.ip is not None and event.host is not None
    ]
    found = units_of(view_of(EVENT), events)
    for row in found:
        del row["unit_hash"]
    key = ("environment", "ip", "host", "event_timestamp", "double")

    def order(row: dict[str, object]) -> list[str]:
        return [str(row[name]) for name in key]

    assert sorted(found, key=order) == sorted(expected, key=order)


@settings(max_examples=20)
@given(events=EVENTS, view=st.sampled_from([window("5m"), view_of(SESSION), view_of(EVENT)]))
def test_the_order_of_events_changes_neither_units_nor_content_version(
    events: list[Event], view: FeatureView
) -> None:
    before = made_of(view, events)
    random.Random(7).shuffle(events)  # noqa: S311
    assert made_of(view, events) == before


def test_asking_for_fewer_features_changes_none_of_them() -> None:
    events = [Event(size=size, host=host) for size, host in ((1, "h"), (90, "i"))]
    (every,) = units_of(window("5m"), events)
    (fewer,) = units_of(window("5m"), events, ["big", "events"])
    (none,) = units_of(window("5m"), events, ())
    assert set(every) - set(fewer) == {"hosts", "largest"}
    assert fewer == {name: every[name] for name in fewer}
    assert none == {name: every[name] for name in none}


def test_windows_of_years_ago_are_aligned_too() -> None:
    at = datetime.fromisoformat("1969-12-31T23:59:59.999999")
    (row,) = units_of(window("1h"), [Event(event_time=at)])
    assert row["unit_start"] == datetime.fromisoformat("1969-12-31T23:00")


def test_a_value_that_does_not_fit_its_type_is_null() -> None:
    view = view_of(
        """name: "x" event { entity: "ip" }
        features { name: "small" data_type: "INTEGER" definition: "size * 1000000" }
        features { name: "text" data_type: "DOUBLE" definition: "host" }"""
    )
    (row,) = units_of(view, [Event(size=5_000)])
    assert (row["small"], row["text"]) == (None, None)


def test_a_feature_called_like_a_field_does_not_change_the_features_beside_it() -> None:
    view = view_of(
        """name: "x" window { entity: "ip" every: "5m" }
        features { name: "size" data_type: "BIGINT" definition: "count(*)" }
        features { name: "largest" data_type: "BIGINT" definition: "max(size)" }"""
    )
    (row,) = units_of(view, [Event(size=70), Event(size=80)])
    assert (row["size"], row["largest"]) == (2, 80)
