"""Slow features are those of the latest window that had ended, wherever they are looked up."""

from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whetstone.catalog.catalog_pb2 import Feature, FeatureView, WindowUnit
from whetstone.catalog.slow import Slow
from whetstone.releases.online import Online, key_of, write_online
from whetstone.scoring.history import History, latest_windows
from whetstone.scoring.slow import OnlineExport

MIDNIGHT = datetime(2026, 3, 1)  # noqa: DTZ001
HOUR = timedelta(hours=1)
SLOW = Slow(
    view=FeatureView(
        name="host_1h",
        source="web",
        window=WindowUnit(entity=["client", "port"], every="1h"),
        features=[Feature(name="n", data_type="BIGINT"), Feature(name="share", data_type="DOUBLE")],
    ),
    features=("n", "share"),
    keys={"environment": "VARCHAR", "client": "VARCHAR", "port": "BIGINT"},
    types=("BIGINT", "DOUBLE"),
    max_age=3 * HOUR,
    online="host_1h__0123",
)

# Few keys and round times, so that windows and units meet.
keys = st.sampled_from([("oslo", "a", 1), ("oslo", "a|1", -1), ("rome", "a", 1)])
hours = st.integers(0, 6)
windows = st.lists(
    st.tuples(
        keys, hours, st.sampled_from(["2026-02-28", "2026-03-01", "2026-03-02"]), st.integers()
    ),
    max_size=30,
    unique_by=lambda w: w[:3],
).map(lambda rows: [(*row[:3], row[3] % 1000 or None) for row in rows])
units = st.lists(st.tuples(keys, st.integers(0, 22).map(lambda n: 30 * n)), max_size=30)


def windows_of(rows: list[tuple]) -> pa.Table:
    return pa.table(
        {
            "environment": pa.array([key[0] for key, *_ in rows], pa.string()),
            "client": pa.array([key[1] for key, *_ in rows], pa.string()),
            "port": pa.array([key[2] for key, *_ in rows], pa.int64()),
            "unit_start": pa.array([MIDNIGHT + h * HOUR for _, h, *_ in rows], pa.timestamp("us")),
            "event_timestamp": pa.array(
                [MIDNIGHT + (h + 1) * HOUR for _, h, *_ in rows], pa.timestamp("us")
            ),
            "n": pa.array([n for *_, n in rows], pa.int64()),
            "share": pa.array([n and n / 7 for *_, n in rows], pa.float64()),
            "landed": pa.array([landed for _, _, landed, _ in rows], pa.string()),
        }
    )


def units_of(rows: list[tuple]) -> pa.Table:
    return pa.table(
        {
            "client": pa.array([key[1] for key, _ in rows], pa.string()),
            "environment": pa.array([key[0] for key, _ in rows], pa.string()),
            "port": pa.array([key[2] for key, _ in rows], pa.int32()),
            "unit_start": pa.array(
                [MIDNIGHT + timedelta(minutes=m) for _, m in rows], pa.timestamp("us")
            ),
        }
    )


def expected(rows: list[tuple], key: tuple, minutes: int) -> tuple[Any, Any]:
    """The meaning, in so many words."""
    start = MIDNIGHT + timedelta(minutes=minutes)
    ended = [
        (MIDNIGHT + (h + 1) * HOUR, landed == "2026-03-01", landed, n)
        for of, h, landed, n in rows
        if of == key and MIDNIGHT + (h + 1) * HOUR <= start
    ]
    if not ended:
        return None, None
    end, *_, n = max(ended, key=lambda window: window[:3])
    return (n, n and n / 7) if start - end <= SLOW.max_age else (None, None)


def pairs(joined: pa.Table) -> list[tuple]:
    assert joined.schema == pa.schema(
        [("host_1h__n", pa.int64()), ("host_1h__share", pa.float64())]
    )
    return list(zip(*(column.to_pylist() for column in joined.columns), strict=True))


@settings(max_examples=30, deadline=None)
@given(windows, units)
def test_of_a_history_the_latest_window_that_had_ended_counts(known: list, asked: list):
    with duckdb.connect() as connection:
        connection.register("windows", windows_of(known))
        history = History(connection, {SLOW.online: "FROM windows"})
        joined = history.join(SLOW, units_of(asked))
    assert pairs(joined) == [expected(known, *unit) for unit in asked]


@settings(max_examples=30, deadline=None)
@given(windows, units)
def test_an_export_agrees_where_the_unit_began_after_the_latest_window(known: list, asked: list):
    with duckdb.connect() as connection:
        connection.register("windows", windows_of(known))
        until = f"TIMESTAMP '{MIDNIGHT + 5 * HOUR}'"
        latest = connection.sql(latest_windows(SLOW, "FROM windows", until)).to_arrow_table()
    joined = OnlineExport(export_of(latest)).join(SLOW, units_of(asked))
    for (key, minutes), found in zip(asked, pairs(joined), strict=True):
        ends = [h + 1 for of, h, *_ in known if of == key and h + 1 <= 5]
        late = not ends or minutes >= 60 * max(ends)
        past = [window for window in known if window[1] + 1 <= 5]
        assert found == (expected(past, key, minutes) if late else (None, None))


def export_of(latest: pa.Table) -> Online:
    keys = [
        key_of(SLOW.online, list(row.values()))
        for row in latest.select(list(SLOW.keys)).to_pylist()
    ]
    table = pa.table(
        {
            "key": pa.array(keys, pa.binary(16)),
            "event_timestamp": latest["event_timestamp"],
            "host_1h__n": latest["n"],
            "host_1h__share": latest["share"],
        }
    )
    return Online(write_online(table))


def test_values_of_other_definitions_are_not_found():
    rows = [(("oslo", "a", 1), 0, "2026-03-01", 7)]
    table = windows_of(rows)
    online = export_of(table)
    assert pairs(OnlineExport(online).join(SLOW, units_of([(("oslo", "a", 1), 61)])))[0][0] == 7
    keys = [("oslo", "a", 1)]
    assert online.find("host_1h__4567", keys, ["host_1h__n"])["host_1h__n"].to_pylist() == [None]


def test_an_export_does_not_list_entities():
    rows = [(("oslo", "a-very-private-name", 1), 0, "2026-03-01", 7)]
    content = export_of(windows_of(rows)).content
    assert b"a-very-private-name" not in content
    assert b"oslo" not in content


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"key": pa.array([b"0" * 16], pa.binary(16))}, "event_timestamp"),
        (
            {
                "key": pa.array([b"1" * 16, b"1" * 16], pa.binary(16)),
                "event_timestamp": pa.array([0, 0], pa.timestamp("us")),
            },
            "ascend",
        ),
        (
            {
                "key": pa.array([], pa.binary(16)),
                "event_timestamp": pa.array([], pa.timestamp("us")),
                "x": pa.array([], pa.list_(pa.int64())),
            },
            "column x is list",
        ),
    ],
)
def test_another_table_is_no_export(table: dict[str, pa.Array], problem: str):
    with pytest.raises(ValueError, match=problem):
        Online(write_online(pa.table(table)))


def test_what_is_no_arrow_file_is_no_export():
    with pytest.raises(ValueError, match="Arrow"):
        Online(b"nothing of the kind")
