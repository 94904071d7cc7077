"""Historical features: equal to Feast's own DuckDB store, and to the definition in plain Python."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import (
    Entity,
    FeatureService,
    FeatureView,
    Field,
    FileSource,
    OnDemandFeatureView,
    ValueType,
)
from feast.data_format import ParquetFormat
from feast.infra.offline_stores.file_source import SavedDatasetFileStorage
from feast.types import Float64, Int64, String
from feature_worlds import FEATURES, KEYS, MIDNIGHT, TTL, World, make_store, utc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whetstone.errors import InputError, NotReadyError

At = Callable[[float], datetime]
REFERENCES = [f"{view}:{feature}" for view, features in FEATURES.items() for feature in features]

# Few keys and instants, so that rows meet, tie and overtake each other.
users = st.sampled_from(["a", "a", "a", "b", "a|b", None])
hosts = st.sampled_from([1, 1, 2, None])
half_hours = st.integers(0, 5).map(lambda n: MIDNIGHT + timedelta(minutes=30 * n))
# Half hours meet the TTLs of one and two hours exactly; a microsecond beside them is as telling.
instants = st.tuples(half_hours, st.sampled_from([0, 0, 0, 0, 0, 1, -1])).map(
    lambda pair: pair[0] + timedelta(microseconds=pair[1])
)
values = st.integers(0, 99) | st.none()


def feature_rows(view: str) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    keys = [users, hosts] if view == "pairs" else [users]
    last = [values, st.floats(0, 1) | st.none()] if view == "ageless" else [values]
    if view == "hourly":
        last = [values, st.sampled_from(["x", "y", None])]
    written = st.sampled_from([None, *range(6)]).map(
        lambda n: None if n is None else MIDNIGHT + timedelta(minutes=30 * n)
    )
    known = st.sampled_from([True] * 9 + [False]).flatmap(
        lambda there: instants if there else st.none()
    )
    rows = st.tuples(*keys, known, written, *last)
    # Which of two rows counts that are equal in all but their values, only ours determines.
    return st.lists(rows, max_size=16, unique_by=lambda row: row[: len(keys) + 2])


worlds = st.fixed_dictionaries({view: feature_rows(view) for view in FEATURES})
examples = st.lists(st.tuples(users, hosts, instants), min_size=1, max_size=16)


def frame_of(rows: Iterable[tuple[Any, ...]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["user", "host", "event_timestamp"])
    return table.assign(host=table.host.astype("Int64"), row=range(len(table)))


@settings(
    max_examples=35,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=worlds, spine=examples, written_by_then=st.booleans(), full_names=st.booleans())
def test_every_value_is_the_one_that_feasts_own_store_gives(
    world: World,
    rows: dict[str, list[tuple[Any, ...]]],
    spine: list[tuple[Any, ...]],
    written_by_then: bool,
    full_names: bool,
) -> None:
    for view, view_rows in rows.items():
        world.write(view, view_rows)
    frame = frame_of(spine)
    ours, feasts = (
        store.get_historical_features(
            entity_df=frame,
            features=REFERENCES,
            full_feature_names=full_names,
            filter_by_created_timestamp=written_by_then,
        ).to_arrow()
        for store in (world.ours, world.feasts)
    )
    assert ours.column_names == feasts.column_names
    assert ours["row"].to_pylist() == list(range(len(frame)))
    assert ours.to_pylist() == feasts.sort_by("row").to_pylist()


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=worlds, spine=examples, written_by_then=st.booleans())
def test_every_value_is_the_latest_that_was_known_in_time(
    world: World,
    rows: dict[str, list[tuple[Any, ...]]],
    spine: list[tuple[Any, ...]],
    written_by_then: bool,
) -> None:
    for view, view_rows in rows.items():
        world.write(view, view_rows)
    table = pa.Table.from_pandas(frame_of(spine), preserve_index=False)
    joined = world.ours.get_historical_features(
        entity_df=table, features=REFERENCES, filter_by_created_timestamp=written_by_then
    ).to_arrow()
    for example, row in zip(spine, joined.to_pylist(), strict=True):
        for view, features in FEATURES.items():
            expected = latest_known(view, rows[view], example, written_by_then)
            assert tuple(row[name] for name in features) == expected


def latest_known(
    view: str, rows: list[tuple[Any, ...]], example: tuple[Any, ...], written_by_then: bool
) -> tuple[Any, ...]:
    """The point-in-time join of one example, by its definition."""
    keys = len(KEYS[view])
    now, ttl = example[2], TTL[view]
    known = [
        row
        for row in rows
        if None not in row[: keys + 1]
        and row[:keys] == example[:keys]
        and row[keys] <= now
        and (ttl is None or row[keys] + ttl >= now)
        and (not written_by_then or (row[keys + 1] is not None and row[keys + 1] <= now))
    ]
    if not known:
        return (None,) * len(FEATURES[view])
    best = max(known, key=lambda row: (row[keys], row[keys + 1] or datetime.min))  # noqa: DTZ901
    return best[keys + 2 :]


def test_a_value_is_used_until_its_ttl_and_not_a_microsecond_longer(world: World, at: At) -> None:
    world.write("hourly", [("a", at(0), None, 7, "x")])
    spine = pa.table(
        {
            "user": ["a", "a", "a"],
            "event_timestamp": [at(0), at(60), at(60) + timedelta(microseconds=1)],
        }
    )
    joined = world.ours.get_historical_features(entity_df=spine, features=["hourly:count"])
    assert joined.to_arrow()["count"].to_pylist() == [7, 7, None]


def test_of_rows_with_one_timestamp_the_one_written_last_counts(world: World, at: At) -> None:
    names = [f"user-{number}" for number in range(20)]
    written = [(at(9), 1), (at(30), 2), (None, 3)]
    world.write("hourly", [(u, at(0), when, n, u) for when, n in written for u in names])
    known: dict[tuple[float, bool], set[int]] = {}
    for minutes in (1, 10, 30):
        spine = pa.table({"user": names, "event_timestamp": [at(minutes)] * len(names)})
        for written_by_then in (False, True):
            job = world.ours.get_historical_features(
                entity_df=spine,
                features=["hourly:count", "hourly:note"],
                filter_by_created_timestamp=written_by_then,
            )
            known[minutes, written_by_then] = set(job.to_arrow()["count"].to_pylist())
    assert [known[minutes, False] for minutes in (1, 10, 30)] == [{2}, {2}, {2}]
    assert [known[minutes, True] for minutes in (1, 10, 30)] == [{None}, {1}, {2}]


def test_a_late_row_of_an_earlier_instant_does_not_hide_a_later_one(world: World, at: At) -> None:
    names = [f"user-{number}" for number in range(20)]
    rows = [(u, at(0), at(40), 1, u) for u in names] + [(u, at(10), at(10), 2, None) for u in names]
    together = [(f"{u}'", at(0), at(40), 3, u) for u in names]
    together += [(f"{u}'", at(10), at(40), 4, u) for u in names]
    world.write("hourly", [*rows, *together])
    both = [*names, *(f"{u}'" for u in names)]
    spine = pa.table({"user": both, "event_timestamp": [at(41)] * len(both)})
    joined = world.ours.get_historical_features(
        entity_df=spine,
        features=["hourly:count", "hourly:note"],
        filter_by_created_timestamp=True,
    ).to_arrow()
    assert joined["count"].to_pylist() == [2] * len(names) + [4] * len(names)
    assert joined["note"].to_pylist() == [None] * len(names) + names


def test_rows_that_tie_in_everything_give_the_same_value_in_any_order(world: World, at: At) -> None:
    tied = [("a", at(0), None, number, None) for number in range(50)]
    spine = pa.table({"user": ["a"], "event_timestamp": [at(1)]})
    seen: set[int] = set()
    for rows in (tied, tied[::-1], tied[25:] + tied[:25]):
        world.write("hourly", rows)
        job = world.ours.get_historical_features(entity_df=spine, features=["hourly:count"])
        seen.add(job.to_arrow()["count"].to_pylist()[0])
    assert len(seen) == 1


def test_the_entity_rows_keep_their_order_types_and_columns(world: World, at: At) -> None:
    world.write("hourly", [("a", at(0), None, 7, "x")])
    spine = pa.table(
        {
            "label": pa.array(["attack", "benign", None]),
            "weight": pa.array([3, None, 1], pa.int8()),
            "event_timestamp": pa.array([at(9), at(5), at(7)], pa.timestamp("us")),
            "user": pa.array(["b", "a", "a"]).dictionary_encode(),
        }
    )
    joined = world.ours.get_historical_features(entity_df=spine, features=["hourly:count"])
    assert joined.to_arrow().select(spine.column_names).equals(spine)
    assert joined.to_arrow()["count"].to_pylist() == [None, 7, 7]
    assert joined.to_arrow().schema.field("count").type == pa.int64()


def test_entity_rows_can_be_a_query_over_the_feature_views(world: World, at: At) -> None:
    world.write("hourly", [("a", at(0), None, 7, "x"), ("b", at(0), None, 8, "x")])
    query = """
        SELECT "user", "at" + INTERVAL 5 MINUTE AS event_timestamp FROM hourly ORDER BY 1 DESC;
    """
    job = world.ours.get_historical_features(entity_df=query, features=["hourly:count"])
    assert job.to_df()["user"].tolist() == ["b", "a"]
    assert job.to_df()["count"].tolist() == [8, 7]
    assert job.metadata.min_event_timestamp == utc(at(5))


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_csv('{secret}')",
        "SELECT * FROM '{secret}'",
        "SELECT 1) ; COPY (SELECT 1) TO '{secret}.copy'; SELECT * FROM (SELECT 1",
        "SELECT * FROM read_parquet('{directory}/ageless.parquet')",
    ],
)
def test_a_query_reads_no_file_but_those_of_its_views(
    world: World, at: At, tmp_path: Path, query: str
) -> None:
    world.write("hourly", [("a", at(0), None, 7, "x")])
    world.write("ageless", [("a", at(0), None, 7, 0.5)])
    secret = tmp_path / "secret.csv"
    secret.write_text("user,event_timestamp\na,2024-05-01\n")
    with pytest.raises(InputError):
        world.ours.get_historical_features(
            entity_df=query.format(secret=secret, directory=world.directory),
            features=["hourly:count"],
        )
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]


def test_instants_as_text_mean_utc(world: World, at: At) -> None:
    world.write("hourly", [("a", at(0), None, 7, "x")])
    texts = ["2024-05-01T00:30:00", "2024-05-01T02:30:00+02:00", "2024-04-30T23:59:59Z"]
    frame = pd.DataFrame({"user": ["a"] * 3, "event_timestamp": texts})
    for spine in (frame, pa.Table.from_pandas(frame)):
        job = world.ours.get_historical_features(entity_df=spine, features=["hourly:count"])
        assert job.to_arrow()["count"].to_pylist() == [7, 7, None]


def test_no_entity_rows_give_no_rows(world: World, at: At) -> None:
    world.write("hourly", [("a", at(0), None, 7, "x")])
    spine = pa.schema({"user": pa.string(), "event_timestamp": pa.timestamp("us")}).empty_table()
    job = world.ours.get_historical_features(entity_df=spine, features=["hourly:count"])
    assert job.to_arrow().column_names == ["user", "event_timestamp", "count"]
    assert job.to_arrow().num_rows == 0


def test_a_view_can_be_joined_twice_under_other_keys(world: World, at: At) -> None:
    world.write("pairs", [("a", 1, at(0), None, 10), ("b", 1, at(0), None, 20)])
    pairs = world.ours.get_feature_view("pairs")
    sides = [
        pairs.with_name("client").with_join_key_map({"user": "source"}),
        pairs.with_name("server").with_join_key_map({"user": "target"}),
    ]
    service = FeatureService(name="sides", features=sides)
    world.ours.apply([service])
    spine = pa.table({"source": ["a"], "target": ["b"], "host": [1], "event_timestamp": [at(1)]})
    job = world.ours.get_historical_features(
        entity_df=spine, features=service, full_feature_names=True
    )
    row = job.to_arrow().to_pylist()[0]
    assert (row["client__both"], row["server__both"]) == (10, 20)


def test_eight_threads_at_once_each_get_their_own_answer(world: World, at: At) -> None:
    world.write("hourly", [(name, at(0), None, n, "x") for n, name in enumerate("abcdefgh")])

    def ask(number: int) -> list[int]:
        spine = pa.table(
            {"user": ["abcdefgh"[number]] * 100, "event_timestamp": [at(number)] * 100}
        )
        job = world.ours.get_historical_features(entity_df=spine, features=["hourly:count"])
        return job.to_arrow()["count"].to_pylist()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    assert answers == [[number] * 100 for number in range(8)]


@pytest.mark.parametrize(
    ("spine", "features", "message"),
    [
        ({"host": [1], "event_timestamp": [MIDNIGHT]}, ["hourly:count"], "no column 'user'"),
        ({"user": ["a"]}, ["hourly:count"], "name the timestamp column 'event_timestamp'"),
        (
            {"user": ["a"], "count": [1], "event_timestamp": [MIDNIGHT]},
            ["hourly:count"],
            "two columns would be called 'count'",
        ),
        ({"user": ["a"], "event_timestamp": ["soon"]}, ["hourly:count"], "soon"),
    ],
)
def test_entity_rows_that_cannot_be_joined_are_refused_by_name(
    world: World, at: At, spine: dict[str, list[Any]], features: list[str], message: str
) -> None:
    world.write("hourly", [("a", at(0), None, 7, "x")])
    for entity_rows in (pa.table(spine), pd.DataFrame(spine)):
        with pytest.raises(InputError, match=message):
            world.ours.get_historical_features(entity_df=entity_rows, features=features)


def test_without_entity_rows_the_answer_says_what_to_give(world: World) -> None:
    with pytest.raises(InputError, match="give entity_df"):
        world.ours.get_historical_features(features=["hourly:count"], start_date=MIDNIGHT)


def test_files_spread_over_days_are_read_together_and_may_lack_new_columns(
    tmp_path: Path, at: At
) -> None:
    user = Entity(name="user", join_keys=["user"], value_type=ValueType.STRING)
    store = make_store(tmp_path, {"type": "feature_repo.asof.AsofOfflineStore"})
    source = FileSource(
        path=str(tmp_path / "views" / "*" / "part.parquet"),
        file_format=ParquetFormat(),
        timestamp_field="at",
    )
    schema = [
        Field(name="user", dtype=String),
        Field(name="n", dtype=Int64),
        Field(name="later", dtype=Float64),
    ]
    view = FeatureView(name="daily", entities=[user], schema=schema, source=source)
    store.apply([user, view])
    spine = pa.table({"user": ["a", "a"], "event_timestamp": [at(1), at(1441)]})
    references = ["daily:n", "daily:later"]
    with pytest.raises(NotReadyError, match="feature view daily: no file"):
        store.get_historical_features(entity_df=spine, features=references)
    first = {"user": ["a"], "at": [at(0)], "n": [1]}
    second = {"user": ["a"], "at": [at(1440)], "n": [2], "later": [0.5]}
    for day, columns in (("2024-05-01", first), ("2024-05-02", second)):
        (tmp_path / "views" / f"day={day}").mkdir(parents=True)
        pq.write_table(pa.table(columns), tmp_path / "views" / f"day={day}" / "part.parquet")
    joined = store.get_historical_features(entity_df=spine, features=references).to_arrow()
    assert joined["n"].to_pylist() == [1, 2]
    assert joined["later"].to_pylist() == [None, 0.5]


def test_a_join_larger_than_its_memory_spills_and_cleans_up(tmp_path: Path, at: At) -> None:
    rows = 400_000
    spill = tmp_path / "spill"
    spill.mkdir()
    store = make_store(
        tmp_path,
        {
            "type": "feature_repo.asof.AsofOfflineStore",
            "memory_limit": "80MB",
            "threads": 2,
            "temp_directory": str(spill),
        },
    )
    user = Entity(name="user", join_keys=["user"], value_type=ValueType.INT64)
    names = [f"f{number}" for number in range(12)]
    view = FeatureView(
        name="wide",
        entities=[user],
        schema=[Field(name="user", dtype=Int64), *(Field(name=n, dtype=Int64) for n in names)],
        source=FileSource(
            path=str(tmp_path / "wide.parquet"), file_format=ParquetFormat(), timestamp_field="at"
        ),
    )
    store.apply([user, view])
    numbers = pa.array(range(rows), pa.int64())
    times = pa.array([at(0)] * rows)
    pq.write_table(
        pa.table({"user": numbers, "at": times, **dict.fromkeys(names, numbers)}),
        tmp_path / "wide.parquet",
    )
    spine = pa.table({"user": numbers, "event_timestamp": times})
    job = store.get_historical_features(entity_df=spine, features=[f"wide:{n}" for n in names])
    assert job.to_arrow()["f11"].equals(pa.chunked_array([numbers]))
    assert list(spill.iterdir()) == []


def test_on_demand_views_and_saved_datasets_work_as_in_feast(
    tmp_path: Path, world: World, at: At
) -> None:
    world.write("hourly", [("a", at(0), None, 7, "x")])
    doubled = OnDemandFeatureView(
        name="doubled",
        sources=[world.ours.get_feature_view("hourly")],
        schema=[Field(name="twice", dtype=Int64)],
        feature_transformation=None,
        udf=lambda inputs: {"twice": [2 * value for value in inputs["count"]]},
        udf_string="twice the count",
        mode="python",
    )
    world.ours.apply([doubled])
    frame = pd.DataFrame({"user": ["a"], "event_timestamp": [at(1)]})
    job = world.ours.get_historical_features(
        entity_df=frame, features=["hourly:count", "doubled:twice"]
    )
    assert job.to_df()["twice"].tolist() == [14]
    place = tmp_path / "saved.parquet"
    saved = world.ours.create_saved_dataset(
        from_=job, name="saved", storage=SavedDatasetFileStorage(path=str(place))
    )
    assert saved.to_df()["twice"].tolist() == [14]
    assert [path.name for path in tmp_path.iterdir()] == ["saved.parquet"]
