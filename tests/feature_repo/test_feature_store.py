"""The feature store of an installation: what the catalog becomes, and how training reads it."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import FeatureStore
from feast.types import Bool, Float64, Int64
from feature_worlds import MIDNIGHT

from feature_repo.objects import feast_objects, time_to_live
from feature_repo.store import Applied, apply, open_store, training_frame
from whetstone.catalog.catalog_pb2 import (
    Definitions,
    Detector,
    EventUnit,
    Feature,
    FeatureView,
    Field,
    GoldenDataset,
    SessionUnit,
    Source,
    WindowUnit,
)
from whetstone.errors import CatalogError, InputError, NotReadyError

ROOT = Path(__file__).resolve().parents[2]
At = Callable[[float], datetime]


def catalog() -> Definitions:
    """Two views, two golden datasets of the first, three detectors."""
    sshd = Source(
        name="sshd",
        fields=[
            Field(name="event_time", data_type="TIMESTAMP"),
            Field(name="src_ip", data_type="VARCHAR"),
            Field(name="port", data_type="INTEGER"),
        ],
    )
    logins = FeatureView(
        name="logins",
        source="sshd",
        owners=["team:identity"],
        window=WindowUnit(entity=["src_ip"], every="5m"),
        features=[
            Feature(name="failures", data_type="BIGINT", definition="count(*)"),
            Feature(name="ports", data_type="DOUBLE", definition="avg(port)"),
            Feature(name="scanned", data_type="BOOLEAN", definition="max(port) > 1024"),
        ],
    )
    peers = FeatureView(
        name="peers",
        source="sshd",
        event=EventUnit(entity=["src_ip", "port"]),
        features=[Feature(name="known", data_type="INTEGER", definition="port % 2")],
    )
    return Definitions(
        sources=[sshd],
        feature_views=[logins, peers],
        golden_datasets=[
            GoldenDataset(name="bruteforce", feature_view="logins"),
            GoldenDataset(name="spraying", feature_view="logins"),
            GoldenDataset(name="tunnels", feature_view="peers"),
        ],
        detectors=[
            Detector(name="guesser", golden_dataset="bruteforce", features=["ports", "failures"]),
            Detector(name="sprayer", golden_dataset="spraying", features=["scanned"]),
            Detector(name="tunneller", golden_dataset="tunnels", features=["known"]),
        ],
    )


def write_examples(lake: Path, dataset: str, rows: list[dict[str, Any]]) -> None:
    directory = lake / "golden_features" / dataset
    directory.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), directory / "part.parquet")


def example(ip: str, instant: datetime, failures: int, ports: float) -> dict[str, Any]:
    return {
        "environment": "office",
        "src_ip": ip,
        "unit": ip,
        "unit_start": instant - timedelta(minutes=5),
        "event_timestamp": instant,
        "failures": failures,
        "ports": ports,
        "scanned": False,
    }


def spine_of(rows: list[tuple[str, datetime]]) -> pa.Table:
    return pa.table(
        {
            "environment": ["office"] * len(rows),
            "src_ip": [ip for ip, _ in rows],
            "unit": [ip for ip, _ in rows],
            "event_timestamp": [instant for _, instant in rows],
            "label": ["bruteforce"] * len(rows),
            "positive": [True] * len(rows),
        }
    )


def written(store: FeatureStore) -> dict[str, Any]:
    """When each object was last written, by name."""
    things = [
        *store.list_feature_views(),
        *store.list_feature_services(),
        *store.list_entities(),
    ]
    return {thing.name: thing.last_updated_timestamp for thing in things}


def test_every_view_dataset_and_detector_has_its_object(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    apply(store, catalog(), tmp_path / "lake")
    views = {view.name: view for view in store.list_feature_views()}
    assert set(views) == {
        "logins",
        "logins__bruteforce",
        "logins__spraying",
        "peers",
        "peers__tunnels",
    }
    assert {entity.join_key for entity in store.list_entities()} == {
        "environment",
        "src_ip",
        "port",
    }
    logins = views["logins"]
    assert {field.name: field.dtype for field in logins.features} == {
        "failures": Int64,
        "ports": Float64,
        "scanned": Bool,
    }
    assert logins.join_keys == ["environment", "src_ip"]
    assert logins.batch_source.path == f"{tmp_path}/lake/features/logins/*/part.parquet"
    assert logins.owner == "team:identity"
    assert [view.online for view in (logins, views["logins__bruteforce"])] == [True, False]
    service = store.get_feature_service("guesser")
    (projection,) = service.feature_view_projections
    assert projection.name == "logins__bruteforce"
    assert [field.name for field in projection.features] == ["ports", "failures"]


def test_applying_an_unchanged_catalog_writes_nothing(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    apply(store, catalog(), tmp_path / "lake")
    registry = tmp_path / "feast" / "registry.db"
    before = registry.read_bytes()
    assert apply(open_store(tmp_path), catalog(), tmp_path / "lake") == Applied()
    assert registry.read_bytes() == before


def test_an_edited_definition_changes_its_own_objects_only(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    apply(store, catalog(), tmp_path / "lake")
    before = written(store)
    edited = catalog()
    edited.feature_views[1].features[0].definition = "port % 3"
    applied = apply(store, edited, tmp_path / "lake")
    assert applied == Applied(changed=("peers", "peers__tunnels"))
    after = written(store)
    assert {name for name in after if after[name] != before[name]} == {"peers", "peers__tunnels"}


def test_what_left_the_catalog_leaves_the_store(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    apply(store, catalog(), tmp_path / "lake")
    smaller = catalog()
    del smaller.detectors[2], smaller.golden_datasets[2], smaller.feature_views[1]
    applied = apply(store, smaller, tmp_path / "lake")
    assert set(applied.removed) == {"port_integer", "peers", "peers__tunnels", "tunneller"}
    assert {view.name for view in store.list_feature_views()} == {
        "logins",
        "logins__bruteforce",
        "logins__spraying",
    }
    assert {source.name for source in store.list_data_sources()} == {
        view.name for view in store.list_feature_views()
    }
    assert apply(store, catalog(), tmp_path / "lake").changed == tuple(
        thing.name
        for thing in feast_objects(catalog(), tmp_path / "lake")
        if thing.name in applied.removed
    )


def test_two_processes_may_apply_at_once(tmp_path: Path) -> None:
    definitions = tmp_path / "definitions.pb"
    definitions.write_bytes(catalog().SerializeToString())
    program = (
        "import pathlib, sys\n"
        "from feature_repo.store import apply, open_store\n"
        "from whetstone.catalog.catalog_pb2 import Definitions\n"
        "home = pathlib.Path(sys.argv[1])\n"
        "definitions = Definitions.FromString((home / 'definitions.pb').read_bytes())\n"
        "print(len(apply(open_store(home), definitions, home / 'lake').changed))\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    everything = len(list(feast_objects(catalog(), tmp_path / "lake")))
    assert sorted(int(out.split()[-1]) for out, _ in outputs) == [0, everything]
    assert len(open_store(tmp_path).list_feature_views()) == 5


def test_opening_a_store_takes_no_pytorch(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys\n"
        "from feature_repo.store import open_store\n"
        "open_store(pathlib.Path(sys.argv[1]))\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT)
    assert done.returncode == 0


def test_two_views_of_one_name_are_refused(tmp_path: Path) -> None:
    definitions = catalog()
    definitions.feature_views[1].name = "logins__bruteforce"
    definitions.golden_datasets[2].feature_view = "logins__bruteforce"
    with pytest.raises(CatalogError, match="logins__bruteforce"):
        feast_objects(definitions, tmp_path)


@pytest.mark.parametrize(
    ("view", "age", "used"),
    [
        (FeatureView(event=EventUnit(entity=["src_ip"])), timedelta(0), True),
        (FeatureView(event=EventUnit(entity=["src_ip"])), timedelta(microseconds=2), False),
        (FeatureView(window=WindowUnit(every="5m")), timedelta(minutes=4), True),
        (FeatureView(window=WindowUnit(every="5m")), timedelta(minutes=5), False),
        (FeatureView(session=SessionUnit(key="src_ip")), timedelta(hours=24), True),
        (FeatureView(session=SessionUnit(key="src_ip")), timedelta(hours=25), False),
    ],
)
def test_features_live_as_long_as_their_unit_says(
    view: FeatureView, age: timedelta, used: bool
) -> None:
    assert (age <= time_to_live(view)) is used


def test_a_training_frame_is_the_spine_with_the_detectors_features(tmp_path: Path, at: At) -> None:
    store = open_store(tmp_path)
    apply(store, catalog(), tmp_path / "lake")
    write_examples(
        tmp_path / "lake",
        "bruteforce",
        [example("10.0.0.1", at(5), 40, 22.0), example("10.0.0.2", at(5), 2, 80.5)],
    )
    # The other dataset of the same view has other examples of the same unit.
    write_examples(tmp_path / "lake", "spraying", [example("10.0.0.1", at(5), 999, 9.0)])
    spine = spine_of([("10.0.0.2", at(5)), ("10.0.0.9", at(5)), ("10.0.0.1", at(5))])
    frame = training_frame(store, "guesser", spine)
    assert frame.column_names == [*spine.column_names, "ports", "failures"]
    assert frame.select(spine.column_names).equals(spine)
    assert frame["failures"].to_pylist() == [2, None, 40]
    assert frame["ports"].to_pylist() == [80.5, None, 22.0]
    assert frame.schema.field("failures").type == pa.int64()


def test_features_have_their_declared_type_whatever_the_files_have(tmp_path: Path, at: At) -> None:
    store = open_store(tmp_path)
    apply(store, catalog(), tmp_path / "lake")
    row = example("10.0.0.1", at(5), 40, 22.0)
    write_examples(tmp_path / "lake", "bruteforce", [{**row, "failures": 40.0, "ports": 22}])
    frame = training_frame(store, "guesser", spine_of([("10.0.0.1", at(5))]))
    assert frame.schema.field("failures").type == pa.int64()
    assert frame.schema.field("ports").type == pa.float64()
    write_examples(tmp_path / "lake", "bruteforce", [{**row, "failures": 40.5}])
    with pytest.raises(InputError, match="logins__bruteforce:failures as int64"):
        training_frame(store, "guesser", spine_of([("10.0.0.1", at(5))]))


def test_eight_threads_may_train_at_once(tmp_path: Path, at: At) -> None:
    store = open_store(tmp_path)
    apply(store, catalog(), tmp_path / "lake")
    for number, dataset in enumerate(("bruteforce", "spraying")):
        rows = [example(f"10.0.0.{n}", at(5), 100 * number + n, n) for n in range(50)]
        write_examples(tmp_path / "lake", dataset, rows)
    peers = {"port": 22, "known": 1}
    row = {**example("10.0.0.1", at(5), 0, 0.0), **peers}
    write_examples(tmp_path / "lake", "tunnels", [row])
    spine = spine_of([(f"10.0.0.{n}", at(5)) for n in range(50)])

    def train(number: int) -> pa.Table:
        if number % 2:
            one = spine_of([("10.0.0.1", at(5))]).append_column("port", pa.array([22], pa.int32()))
            return training_frame(store, "tunneller", one)
        return training_frame(store, "guesser", spine)

    with ThreadPoolExecutor(8) as pool:
        frames = list(pool.map(train, range(8)))
    for number, frame in enumerate(frames):
        if number % 2:
            assert frame["known"].to_pylist() == [1]
        else:
            assert frame["failures"].to_pylist() == list(range(50))


def test_a_store_that_another_process_applied_is_seen_at_once(tmp_path: Path, at: At) -> None:
    reader = open_store(tmp_path)
    spine = spine_of([("10.0.0.1", at(5))])
    with pytest.raises(NotReadyError, match="apply the catalog first"):
        training_frame(reader, "guesser", spine)
    apply(open_store(tmp_path), catalog(), tmp_path / "lake")
    with pytest.raises(NotReadyError, match="feature view logins__bruteforce: no file"):
        training_frame(reader, "guesser", spine)
    write_examples(tmp_path / "lake", "bruteforce", [example("10.0.0.1", at(5), 4, 2.0)])
    assert training_frame(reader, "guesser", spine)["failures"].to_pylist() == [4]


def test_production_features_can_be_served_online(tmp_path: Path, at: At) -> None:
    store = open_store(tmp_path)
    apply(store, catalog(), tmp_path / "lake")
    for day in (0, 1):
        directory = tmp_path / "lake" / "features" / "logins" / f"day=2024-05-0{day + 1}"
        directory.mkdir(parents=True)
        rows = [example("10.0.0.1", at(1440 * day + 5), day + 7, 1.0)]
        pq.write_table(pa.Table.from_pylist(rows), directory / "part.parquet")
    store.materialize(
        start_date=MIDNIGHT, end_date=MIDNIGHT + timedelta(days=2), feature_views=["logins"]
    )
    served = store.get_online_features(
        features=["logins:failures"],
        entity_rows=[{"environment": "office", "src_ip": "10.0.0.1"}],
    )
    assert served.to_dict()["failures"] == [8]


def test_texts_and_lists_are_joined_and_served_as_they_are(tmp_path: Path, at: At) -> None:
    definitions = catalog()
    kinds = {"name": "VARCHAR", "keys": "VARCHAR[]", "sizes": "BIGINT[]", "gaps": "DOUBLE[]"}
    definitions.feature_views[0].features.extend(
        Feature(name=name, data_type=kind, definition="…") for name, kind in kinds.items()
    )
    definitions.detectors[0].features.extend(kinds)
    store = open_store(tmp_path)
    apply(store, definitions, tmp_path / "lake")
    values = {"name": "a", "keys": ["x", None, "é"], "sizes": [2**62], "gaps": [0.5, 1e-9]}
    schema = pa.schema(
        [
            *(("name", pa.string()), ("keys", pa.list_(pa.string()))),
            *(("sizes", pa.list_(pa.int64())), ("gaps", pa.list_(pa.float64()))),
        ]
    )
    rows = [
        {**example("10.0.0.1", at(5), 1, 1.0), **values},
        {**example("10.0.0.2", at(5), 1, 1.0), **dict.fromkeys(values), "keys": []},
    ]
    plain = pa.Table.from_pylist([example("10.0.0.1", at(5), 1, 1.0)]).schema
    table = pa.Table.from_pylist(rows, pa.schema([*plain, *schema]))
    for directory in ("golden_features/bruteforce", "features/logins/day=2024-05-01"):
        (tmp_path / "lake" / directory).mkdir(parents=True)
        pq.write_table(table, tmp_path / "lake" / directory / "part.parquet")
    spine = spine_of([("10.0.0.2", at(5)), ("10.0.0.9", at(5)), ("10.0.0.1", at(5))])
    frame = training_frame(store, "guesser", spine)
    assert [frame.schema.field(name).type for name in kinds] == schema.types
    nothing = dict.fromkeys(values)
    assert frame.select(list(kinds)).to_pylist() == [{**nothing, "keys": []}, nothing, values]
    store.materialize(
        start_date=MIDNIGHT, end_date=MIDNIGHT + timedelta(days=1), feature_views=["logins"]
    )
    served = store.get_online_features(
        features=[f"logins:{name}" for name in ("name", "sizes", "gaps")],
        entity_rows=[{"environment": "office", "src_ip": "10.0.0.1"}],
    ).to_dict()
    assert {name: served[name] for name in ("name", "sizes", "gaps")} == {
        name: [values[name]] for name in ("name", "sizes", "gaps")
    }


def test_the_feast_command_sees_the_catalog(tmp_path: Path) -> None:
    things = {
        "sources": """
            name: "sshd" format: JSON event_time: "event_time"
            fields { name: "event_time" data_type: "TIMESTAMP" index: "t" definition: "$1" }
            fields { name: "src_ip" data_type: "VARCHAR" index: "ip" definition: "$1" }
        """,
        "features": """
            name: "logins" source: "sshd" window { entity: "src_ip" every: "5m" }
            features { name: "failures" data_type: "BIGINT" definition: "count(*)" }
        """,
    }
    names = {"sources": "sshd", "features": "logins"}
    for kind, text in things.items():
        (tmp_path / "catalog" / kind).mkdir(parents=True)
        (tmp_path / "catalog" / kind / f"{names[kind]}.textproto").write_text(text)
    (tmp_path / "feast").mkdir()
    done = subprocess.run(
        [str(Path(sys.executable).with_name("feast")), "plan"],
        cwd=ROOT / "feature_repo",
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "WHETSTONE_HOME": str(tmp_path),
            "WHETSTONE_CATALOG": str(tmp_path / "catalog"),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Created feature view logins" in done.stdout
    assert "Created entity src_ip" in done.stdout
