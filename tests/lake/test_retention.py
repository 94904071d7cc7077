"""Rows expire, their manifests stay; nothing is lost that an alert is about."""

import fcntl
import signal
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lake_processes import start

from whetstone.catalog.catalog_pb2 import Field, Source
from whetstone.engine import open_engine
from whetstone.errors import InputError, NotReadyError
from whetstone.lake import Lake, Manifest, Place
from whetstone.lake_changes import rows_go, rows_stay
from whetstone.lake_kept import Wanted, production
from whetstone.lake_retention import Due, Expired, checked, due, expire
from whetstone.lake_usage import partitions, usage
from whetstone.settings import Retention

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAYS = [f"2026-03-0{n}" for n in range(1, 10)]
SOURCE = Source(name="web", event_time="event_time")
SOURCE.fields.append(Field(name="user", data_type="VARCHAR"))
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("environment", "user", "raw_file", "key_id")),
        ("event_time", pa.timestamp("us")),
        *((name, pa.int64()) for name in ("raw_line", "raw_hash")),
    ]
)


def write(
    lake: Lake, day: str, users: Sequence[str] = ("ana", "bob"), layer: str = "parsed"
) -> None:
    """A day on which each user is seen once, at noon."""
    noon = datetime.fromisoformat(f"{day}T12:00")
    rows = [
        {"environment": "oslo", "user": user, "raw_file": "f", "event_time": noon, "raw_line": n}
        for n, user in enumerate(users)
    ]
    with open_engine(lake.root) as engine, lake.stage(Place(layer, "web", day)) as staged:
        engine.register("rows", pa.Table.from_pylist(rows, SCHEMA))
        engine.execute("CREATE TEMP TABLE t AS FROM rows")
        content = staged.write(engine, "t")
        staged.commit(Manifest("code", {"landing/web": day}, content.version, content.rows))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Nine days of two users."""
    lake = Lake(tmp_path / "lake")
    for day in DAYS:
        write(lake, day)
    return lake


def due_by(lake: Lake, **limit: float) -> list[Due]:
    limits = {"parsed": Retention.model_validate(limit)}
    return due(partitions(lake, limits), limits, NOW.date())


def expire_all(
    lake: Lake, chosen: Sequence[Due], wanted: Mapping[str, Sequence[Wanted]] | None = None
) -> Expired:
    return expire(lake, chosen, wanted or {}, lambda _: None, NOW, lambda _: None)


def at_noon(user: str, day: str) -> Wanted:
    noon = datetime.fromisoformat(f"{day}T12:00")
    return Wanted("oslo", {"user": user}, noon, noon)


def seen(lake: Lake) -> list[tuple[str, str]]:
    """Day and user of all events there are."""
    with open_engine(lake.root) as engine:
        events = production(engine, lake, SOURCE)
        if events is None:
            return []
        sql = f"SELECT strftime(event_time, '%Y-%m-%d'), user FROM ({events}) ORDER BY ALL"
        return engine.execute(sql).fetchall()


def test_rows_of_days_that_are_too_old_go_and_their_manifests_stay(lake: Lake) -> None:
    before = [lake.manifest(Place("parsed", "web", day)) for day in DAYS]
    gone = expire_all(lake, due_by(lake, days=4))
    assert gone.partitions == 5
    assert lake.days("parsed", "web") == DAYS
    assert lake.days_with_rows("parsed", "web") == DAYS[5:]
    after = [lake.manifest(Place("parsed", "web", day)) for day in DAYS]
    assert [(m.version, m.inputs, m.rows, m.made_at) for m in after if m] == [
        (m.version, m.inputs, m.rows, m.made_at) for m in before if m
    ]
    with pytest.raises(NotReadyError, match=r"rows of parsed/web\[2026-03-01\] expired on 2026-03"):
        lake.part(Place("parsed", "web", DAYS[0]))
    rest = duckdb.sql(f"SELECT DISTINCT day FROM read_parquet('{lake.glob('parsed', 'web')}')")
    assert sorted(str(day) for (day,) in rest.fetchall()) == DAYS[5:]


def test_a_layer_that_is_too_large_loses_its_oldest_days(lake: Lake) -> None:
    (found,) = usage(partitions(lake))
    a_day = found.bytes / len(DAYS)
    chosen = due_by(lake, gigabytes=5.5 * a_day / 1e9)
    assert [each.place.day for each in chosen] == DAYS[: len(chosen)]
    expire_all(lake, chosen)
    (found,) = usage(partitions(lake))
    assert found.bytes < 5.5 * a_day
    assert (found.partitions, found.oldest, found.newest) == (9, DAYS[len(chosen)], DAYS[-1])
    assert not due_by(lake, gigabytes=5.5 * a_day / 1e9)


def test_what_has_no_limit_stays(lake: Lake) -> None:
    write(lake, DAYS[0], layer="scores")
    assert due(partitions(lake), {}, NOW.date()) == []
    assert {each.place.layer for each in due_by(lake, days=1)} == {"parsed"}


def test_only_layers_with_days_expire() -> None:
    with pytest.raises(InputError, match="retention of layer 'golden': only parsed, rejects"):
        checked({"golden": Retention(days=1, gigabytes=None)})


def test_events_that_an_alert_is_about_are_kept(lake: Lake) -> None:
    wanted = {"parsed/web": [at_noon("ana", DAYS[1]), at_noon("eve", DAYS[1])]}
    assert expire_all(lake, due_by(lake, days=6), wanted).kept == 1
    assert seen(lake)[:2] == [(DAYS[1], "ana"), (DAYS[3], "ana")]
    assert len(seen(lake)) == 1 + 2 * 6


def test_all_events_are_there_again_when_a_day_is_made_anew_and_none_twice(lake: Lake) -> None:
    expire_all(lake, due_by(lake, days=6), {"parsed/web": [at_noon("ana", DAYS[1])]})
    # Somebody asked that ana be forgotten: her raw lines are blanked, the day is parsed again.
    write(lake, DAYS[1], users=["bob"])
    assert [each for each in seen(lake) if each[0] <= DAYS[2]] == [(DAYS[1], "bob")]
    assert not list(lake.root.rglob("kept.parquet"))


def test_columns_of_another_time_are_null_or_left_out(lake: Lake) -> None:
    later = Source()
    later.CopyFrom(SOURCE)
    del later.fields[:]
    later.fields.append(Field(name="port", data_type="INTEGER"))
    with open_engine(lake.root) as engine:
        events = engine.sql(production(engine, lake, later) or "")
        assert "user" not in events.columns
        assert set(events.to_arrow_table()["port"].to_pylist()) == {None}


def test_the_newest_day_leaves_its_columns_when_all_days_are_gone(lake: Lake) -> None:
    glob = lake.glob("parsed", "web")
    expire_all(lake, due(partitions(lake), {"parsed": Retention(days=1)}, date(2026, 4, 1)))
    relation = duckdb.sql(f"FROM read_parquet('{glob}', hive_partitioning = false)")
    assert set(relation.columns) == set(SCHEMA.names)
    assert relation.fetchall() == []
    assert lake.days_with_rows("parsed", "web") == []
    # It goes with the others as soon as another day has the columns.
    write(lake, "2026-03-31")
    again = due(partitions(lake), {"parsed": Retention(days=5)}, date(2026, 4, 1))
    expire_all(lake, again)
    assert len(list(lake.root.rglob("part.parquet"))) == 1


def test_expiring_twice_changes_nothing_more(lake: Lake) -> None:
    wanted = {"parsed/web": [at_noon("ana", DAYS[1])]}
    expire_all(lake, due_by(lake, days=4), wanted)
    files = sorted((p, p.stat().st_mtime_ns) for p in lake.root.rglob("*.*"))
    assert expire_all(lake, due_by(lake, days=4), wanted) == Expired(0, 0, 0)
    assert sorted((p, p.stat().st_mtime_ns) for p in lake.root.rglob("*.*")) == files


def test_what_outlives_rows_is_made_before_they_go(lake: Lake) -> None:
    there: list[bool] = []
    expire(
        lake,
        due_by(lake, days=4),
        {},
        lambda place: there.append(lake.part(place).exists()),
        NOW,
        lambda _: None,
    )
    assert there == [True] * 5


def test_nothing_goes_when_what_outlives_it_cannot_be_made(lake: Lake) -> None:
    def fail(place: Place) -> None:
        if place.day == DAYS[3]:
            raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        expire(lake, due_by(lake, days=4), {}, fail, NOW, lambda _: None)
    assert len(list(lake.root.rglob("part.parquet"))) == len(DAYS)


def test_a_day_that_was_made_anew_in_the_meantime_stays(lake: Lake) -> None:
    def land_late(place: Place) -> None:
        if place.day == DAYS[3]:
            write(lake, DAYS[3], users=["late"])

    expire(lake, due_by(lake, days=4), {}, land_late, NOW, lambda _: None)
    assert lake.days_with_rows("parsed", "web") == [DAYS[3], *DAYS[5:]]
    assert pq.read_table(lake.part(Place("parsed", "web", DAYS[3])))["user"].to_pylist() == ["late"]


EXPIRE = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from whetstone.lake import Lake
from whetstone.lake_kept import Wanted
from whetstone.lake_retention import due, expire
from whetstone.lake_usage import partitions
from whetstone.settings import Retention
lake, left = Lake(Path(sys.argv[1])), int(sys.argv[2])
noon = datetime(2026, 3, 2, 12)
wanted = {"parsed/web": [Wanted("oslo", {"user": "ana"}, noon, noon)]}
limits = {"parsed": Retention(days=6)}
now = datetime(2026, 3, 10, tzinfo=UTC)
chosen = due(partitions(lake), limits, now.date())
def stop(event, arguments):
    global left
    left -= event in ("os.rename", "os.remove")
    if event in ("os.rename", "os.remove") and left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(stop)
print("ready", flush=True)
expire(lake, chosen, wanted, lambda place: None, now, lambda text: None)
"""


@pytest.mark.parametrize("moment", [2, 4, 9])
def test_killed_at_any_moment_nothing_wanted_is_lost_and_the_next_time_finishes(
    tmp_path: Path, moment: int
) -> None:
    lake = Lake(tmp_path)
    for day in DAYS[:5]:
        write(lake, day)
    # Killed when it is about to rename or remove its n-th file.
    assert start(EXPIRE, lake.root, moment).wait() == -signal.SIGKILL
    assert [each for each in seen(lake) if each == (DAYS[1], "ana")] == [(DAYS[1], "ana")]
    expire_all(lake, due_by(lake, days=6), {"parsed/web": [at_noon("ana", DAYS[1])]})
    assert seen(lake) == [
        (DAYS[1], "ana"),
        *((day, user) for day in DAYS[3:5] for user in ("ana", "bob")),
    ]
    assert len(list(lake.root.rglob("part.parquet"))) == 2


def test_rows_do_not_go_while_somebody_reads_many_days(lake: Lake) -> None:
    def try_lock() -> None:
        with (lake.root / ".rows.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    with rows_stay(lake), rows_stay(lake), pytest.raises(BlockingIOError):
        try_lock()
    with rows_go(lake), pytest.raises(BlockingIOError):
        try_lock()
    try_lock()
