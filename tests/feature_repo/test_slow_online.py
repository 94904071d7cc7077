"""Slow features through Feast: training as of a unit's start, and online in SQLite and in Redis."""

import socket
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import FeatureStore
from google.protobuf import text_format

from feature_repo.online import export, forget, write_latest
from feature_repo.store import apply, open_store, slow_frame, training_frame
from tests.redis_servers import redis_server
from whetstone.catalog.catalog_pb2 import Definitions
from whetstone.catalog.slow import Slow, slow_of
from whetstone.errors import InputError
from whetstone.scoring.slow import OnlineExport
from whetstone.scoring.slow_redis import RedisFeatures
from whetstone.settings import settings

MIDNIGHT = datetime(2026, 3, 1)  # noqa: DTZ001
DEFINITIONS = """
sources { name: "web" format: LINE event_time: "event_time"
  fields { name: "client" data_type: "VARCHAR" index: "c" definition: "$1" }
  fields { name: "port" data_type: "INTEGER" index: "p" definition: "$1" }
  fields { name: "line" data_type: "BIGINT" index: "l" definition: "$1" } }
feature_views { name: "request" source: "web"
  event { entity: "client" entity: "port" entity: "line" }
  features { name: "n" data_type: "BIGINT" definition: "port" } }
feature_views { name: "port_1d" source: "web"
  window { entity: "port" entity: "client" entity: "line" every: "1d" }
  features { name: "unused" data_type: "BIGINT" definition: "count(*)" }
  features { name: "n" data_type: "BIGINT" definition: "count(*)" }
  features { name: "share" data_type: "DOUBLE" definition: "avg(port)" }
  features { name: "much" data_type: "BOOLEAN" definition: "count(*) > 9" }
  features { name: "small" data_type: "INTEGER" definition: "min(port)" }
  features { name: "name" data_type: "VARCHAR" definition: "min(client)" } }
golden_datasets { name: "attack" feature_view: "request" }
detectors { name: "attacker" golden_dataset: "attack" features: "n"
  slow { view: "port_1d" features: "share" features: "n" features: "much" features: "small"
         features: "name" max_age: "2d" } }
"""
NAMES = [f"port_1d__{name}" for name in ("share", "n", "much", "small", "name")]
NOTHING = dict.fromkeys(NAMES)


def definitions() -> Definitions:
    return text_format.Parse(DEFINITIONS, Definitions())


def slow() -> Slow:
    known = definitions()
    (found,) = slow_of(known.detectors[0], known.sources[0], known.feature_views)
    return found


def windows(*rows: tuple[str, int, int, int, dict]) -> pa.Table:
    """Windows of client, port, line and day, with features."""
    kinds = {"share": pa.float64(), "n": pa.int64(), "much": pa.bool_(), "small": pa.int32()}
    table = {
        "environment": pa.array(["oslo"] * len(rows)),
        "client": pa.array([row[0] for row in rows]),
        "port": pa.array([row[1] for row in rows], pa.int32()),
        "line": pa.array([row[2] for row in rows], pa.int64()),
        "event_timestamp": pa.array(
            [MIDNIGHT + timedelta(days=row[3]) for row in rows], pa.timestamp("us")
        ),
    }
    for name, kind in {**kinds, "name": pa.string()}.items():
        table[name] = pa.array([row[4].get(name) for row in rows], kind)
    return pa.table(table)


def units(*rows: tuple[str, int, int, timedelta]) -> pa.Table:
    return pa.table(
        {
            "environment": pa.array(["oslo"] * len(rows)),
            "client": pa.array([row[0] for row in rows]),
            "port": pa.array([row[1] for row in rows], pa.int32()),
            "line": pa.array([row[2] for row in rows], pa.int64()),
            "unit": pa.array(["u"] * len(rows)),
            "unit_start": pa.array([MIDNIGHT + row[3] for row in rows], pa.timestamp("us")),
            "event_timestamp": pa.array([MIDNIGHT + row[3] for row in rows], pa.timestamp("us")),
        }
    )


def named(**values: object) -> dict[str, object]:
    return {
        f"port_1d__{name}": values.get(name) for name in ("share", "n", "much", "small", "name")
    }


ODD = {"share": -0.1, "n": -(2**60), "much": False, "small": -7, "name": "é|\x00"}
ZERO = {"share": 0.0, "n": 0, "much": False, "small": 0, "name": ""}
SOME = {"share": None, "n": 5, "much": True, "small": None, "name": None}
LATEST = windows(("a", 22, 1, 1, ODD), ("ö", -1, 2**40, 1, ZERO), ("c", 22, -1, 1, SOME))
DAY = timedelta(days=1)
ASKED = units(
    ("ö", -1, 2**40, DAY),
    ("a", 22, 1, 3 * DAY),
    ("a", 22, 1, 3 * DAY + timedelta(microseconds=1)),  # too old by then
    ("a", 22, 1, DAY - timedelta(microseconds=1)),  # had not ended
    ("c", 22, -1, 2 * DAY),
    ("nobody", 22, 1, 2 * DAY),
    ("a", 22, 1, 2 * DAY),
)
ANSWER = [named(**ZERO), named(**ODD), NOTHING, NOTHING, named(**SOME), NOTHING, named(**ODD)]


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A Redis server of the test's own."""
    with redis_server(tmp_path) as port:
        yield f"redis://127.0.0.1:{port}/3"


@pytest.fixture
def in_redis(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("WHETSTONE_ONLINE_STORE", redis_url)
    settings.cache_clear()
    yield redis_url
    settings.cache_clear()


def applied(directory: Path) -> FeatureStore:
    store = open_store(directory)
    apply(store, definitions(), directory / "lake")
    return store


def test_examples_are_joined_as_of_the_start_of_their_unit(tmp_path: Path):
    store = applied(tmp_path)
    history = tmp_path / "lake" / "slow_features" / "attacker"
    history.mkdir(parents=True)
    pq.write_table(
        pa.concat_tables([LATEST, windows(("a", 22, 1, 4, SOME))]), history / "port_1d.parquet"
    )
    later = ASKED["event_timestamp"].to_pylist()
    asked = ASKED.set_column(6, "event_timestamp", pa.array([at + 9 * DAY for at in later]))
    joined = slow_frame(store, "attacker", asked)
    assert joined.column_names == NAMES
    assert joined.to_pylist() == ANSWER


def test_the_units_own_features_are_joined_as_ever(tmp_path: Path):
    store = applied(tmp_path)
    examples = tmp_path / "lake" / "golden_features" / "attack"
    examples.mkdir(parents=True)
    own = ASKED.append_column("n", pa.array(range(ASKED.num_rows), pa.int64()))
    pq.write_table(own.drop_columns(["unit"]), examples / "part.parquet")
    frame = training_frame(store, "attacker", ASKED)
    assert frame.column_names == [*ASKED.column_names, "n"]


def test_a_bundle_takes_along_what_the_online_store_knows(tmp_path: Path):
    store = applied(tmp_path)
    write_latest(store, slow(), LATEST)
    known = export(store, [(slow(), pa.concat_tables([LATEST, windows(("x", 1, 1, 1, SOME))]))])
    assert known.rows == LATEST.num_rows
    assert OnlineExport(known).join(slow(), ASKED).to_pylist() == ANSWER


def test_redis_is_read_as_feast_writes_it(in_redis: str, tmp_path: Path):
    store = applied(tmp_path)
    write_latest(store, slow(), LATEST)
    features = RedisFeatures(in_redis)
    assert features.join(slow(), ASKED).to_pylist() == ANSWER
    assert features.asked == 4  # entities, not units
    write_latest(store, slow(), windows(("a", 22, 1, 2, ZERO)))
    again = RedisFeatures(in_redis, keep_entities=1)
    assert again.join(slow(), units(("a", 22, 1, 2 * DAY))).to_pylist() == [named(**ZERO)]
    assert (features.failures, again.failures) == (0, 0)


def test_what_is_gone_is_known_nowhere(tmp_path: Path):
    store = applied(tmp_path)
    write_latest(store, slow(), LATEST)
    forget(store, slow(), LATEST.slice(0, 1))
    assert export(store, [(slow(), LATEST)]).rows == LATEST.num_rows - 1


def test_what_is_gone_is_gone_from_redis_too(in_redis: str, tmp_path: Path):
    store = applied(tmp_path)
    write_latest(store, slow(), LATEST)
    forget(store, slow(), LATEST.slice(0, 1))
    joined = RedisFeatures(in_redis).join(slow(), ASKED).to_pylist()
    assert joined == [NOTHING if answer == named(**ODD) else answer for answer in ANSWER]


def test_what_redis_answered_is_not_asked_again(in_redis: str, tmp_path: Path):
    write_latest(applied(tmp_path), slow(), LATEST)
    features = RedisFeatures(in_redis)
    for _ in range(3):
        features.join(slow(), ASKED)
    assert features.asked == 4
    forgetful = RedisFeatures(in_redis, keep_entities=3)
    for _ in range(2):
        assert forgetful.join(slow(), ASKED).to_pylist() == ANSWER
    assert forgetful.asked > 4
    short = RedisFeatures(in_redis, keep_seconds=0.0)
    for _ in range(2):
        assert short.join(slow(), ASKED).to_pylist() == ANSWER
    assert short.asked == 8


def test_the_exports_of_redis_and_sqlite_are_one(in_redis: str, tmp_path: Path):
    store = applied(tmp_path)
    assert store.config.online_config["type"] == "redis"
    write_latest(store, slow(), LATEST)
    assert OnlineExport(export(store, [(slow(), LATEST)])).join(slow(), ASKED).to_pylist() == ANSWER


def test_a_redis_that_is_away_is_counted_and_left_alone_for_a_while():
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        features = RedisFeatures(f"redis://127.0.0.1:{deaf.getsockname()[1]}", timeout=0.05)
        for _ in range(3):
            assert features.join(slow(), ASKED).to_pylist() == [NOTHING] * ASKED.num_rows
    assert features.failures == 1


def test_an_url_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    with pytest.raises(InputError, match="redis://HOST:PORT"):
        RedisFeatures("http://127.0.0.1")
    monkeypatch.setenv("WHETSTONE_ONLINE_STORE", "sqlite:///x")
    settings.cache_clear()
    with pytest.raises(InputError, match="WHETSTONE_ONLINE_STORE"):
        open_store(tmp_path)
    settings.cache_clear()
