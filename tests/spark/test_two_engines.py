"""DuckDB and Spark give the same partitions: all values, types and content versions.

On a real standalone cluster, because a session inside one process shares what a cluster does not.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from clusters import Cluster, end
from function_cases import AGGREGATES, COLUMNS, SCALARS, SYNTAX, land_generated_rows
from raw_days import DAY, land_broken_archive, land_nasty_variants, land_samples, real_lines

from whetstone.catalog import Catalog, load_catalog
from whetstone.catalog.catalog_pb2 import Source
from whetstone.engine import open_engine
from whetstone.engines import chosen_engine
from whetstone.errors import EngineError, InputError
from whetstone.lake import Content, Lake, Manifest, Place
from whetstone.parsing import ParsedDay, RawFile
from whetstone.settings import Settings
from whetstone.spark.portable import PORTABILITY, Way
from whetstone.spark.run import rows_of
from whetstone.spark.session import open_session
from whetstone.spark.transpile import transpile

CATALOG = Path(__file__).resolve().parents[2] / "catalog"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(CATALOG)


def parse(
    settings: Settings, lake: Lake, source: Any, files: Sequence[RawFile], **more: Any
) -> ParsedDay:
    """A day of a source in the lake, by the engine of the settings."""
    places = Place("parsed", source.name, DAY), Place("rejects", source.name, DAY)
    with lake.stage(places[0]) as events, lake.stage(places[1]) as rejects:
        made = chosen_engine(settings, lake.root).parse(source, files, DAY, events, rejects, **more)
        rejects.commit(Manifest("code", {}, made.rejects.version, made.rejects.rows))
        events.commit(Manifest("code", {}, made.events.version, made.events.rows))
    return made


def features(settings: Settings, lake: Lake, view: Any) -> Content:
    """A day of a feature view in the lake."""
    with lake.stage(Place("features", view.name, DAY)) as units:
        events = lake.part(Place("parsed", view.source, DAY))
        content = chosen_engine(settings, lake.root).features(view, events, units)
        units.commit(Manifest("code", {}, content.version, content.rows))
    return content


def differences(one: Lake, other: Lake, place: Place) -> list[tuple[Any, ...]]:
    """Columns, or else rows, that only one of two lakes has."""
    parts = [str(lake.part(place)) for lake in (one, other)]
    with duckdb.connect() as connection:
        columns = [
            connection.sql(f"DESCRIBE FROM read_parquet('{part}')").fetchall() for part in parts
        ]
        if columns[0] != columns[1]:
            return [("columns", *set(columns[0]) ^ set(columns[1]))]
        return connection.execute(
            "(FROM read_parquet($1) EXCEPT ALL FROM read_parquet($2)) UNION ALL"
            " (FROM read_parquet($2) EXCEPT ALL FROM read_parquet($1)) ORDER BY ALL",
            parts,
        ).fetchall()


def test_every_source_and_every_feature_view_is_equal_on_both_engines(
    catalog: Catalog, on_cluster: Settings, real_data: Path, tmp_path: Path
) -> None:
    duck, spark = Lake(tmp_path / "duckdb"), Lake(on_cluster.lake)
    on_duckdb = on_cluster.model_copy(update={"engine": "duckdb"})
    wrong: dict[str, object] = {}
    beside = ThreadPoolExecutor(1)  # DuckDB, while Spark's workers work
    one_of_each_format = {source.format: source.name for source in catalog.sources.values()}
    for source in catalog.sources.values():
        landed = tmp_path / "landing" / source.name
        files = [
            *land_samples(source, landed, real_lines(source, real_data)),
            land_nasty_variants(source, landed),
        ]
        if source.name in one_of_each_format.values():
            files.append(land_broken_archive(source, landed))
        parsing = beside.submit(parse, on_duckdb, duck, source, files)
        made, expected = parse(on_cluster, spark, source, files), parsing.result()
        assert expected.events.rows > 0, source.name
        assert expected.rejects.rows > 0, source.name
        if made != expected:
            wrong[source.name] = [
                made,
                expected,
                *differences(duck, spark, Place("parsed", source.name, DAY))[:4],
                *differences(duck, spark, Place("rejects", source.name, DAY))[:4],
            ]
    for view in catalog.feature_views.values():
        computing = beside.submit(features, on_duckdb, duck, view)
        counterpart, content = features(on_cluster, spark, view), computing.result()
        assert content.rows > 0, view.name
        if counterpart != content:
            wrong[view.name] = differences(duck, spark, Place("features", view.name, DAY))[:4]
    assert wrong == {}


def test_every_function_means_the_same_on_both_engines(
    on_cluster: Settings, tmp_path: Path
) -> None:
    rows = land_generated_rows(on_cluster.lake)
    scalars = [e for cases in SCALARS.values() for e in cases] + SYNTAX
    aggregates = [e for cases in AGGREGATES.values() for e in cases]
    assert set(SCALARS) | set(AGGREGATES) == {
        name for name, known in PORTABILITY.items() if known.way is not Way.REFUSED
    }
    listed = ", ".join(f"TRY({e}) AS c{at}" for at, e in enumerate(scalars))
    unequal = differing(on_cluster, rows, f"SELECT r, {listed} FROM rows", "r", scalars)
    listed = ", ".join(f"{e} AS c{at}" for at, e in enumerate(aggregates))
    grouped = f"SELECT g, {listed} FROM rows GROUP BY g"
    unequal |= differing(on_cluster, rows, grouped, "g", aggregates)
    assert unequal == {}


def differing(
    settings: Settings, rows: Path, sql: str, key: str, expressions: Sequence[str]
) -> dict[str, tuple[Any, ...]]:
    """The expressions that have other values on Spark, each with a row that shows it."""
    session = open_session(settings)
    session.read.parquet(str(rows)).createOrReplaceTempView("rows")
    query = transpile(sql, {"rows": {"r": "BIGINT", **COLUMNS}})
    folder = settings.lake / f"made-{key}"
    rows_of(session, query).write.parquet(folder.as_uri())
    with open_engine(settings.lake) as connection:
        connection.execute(f"CREATE VIEW rows AS FROM read_parquet('{rows}')")
        connection.execute(f"CREATE TABLE expected AS {sql}")
        types = ", ".join(
            f"CAST({name} AS {type_}) AS {name}" for name, type_ in query.columns.items()
        )
        connection.execute(
            f"CREATE TABLE made AS SELECT {types} FROM read_parquet('{folder}/*.parquet')"
        )
        counts = connection.execute(
            "SELECT count(*), (SELECT count(*) FROM made), count(DISTINCT"
            f" {key}) FROM expected JOIN made USING ({key})"
        ).fetchone()
        assert counts is not None and len(set(counts)) == 1 and counts[0] > 1
        found: dict[str, tuple[Any, ...]] = {}
        for at, expression in enumerate(expressions):
            row = connection.execute(
                f"SELECT {key}, e.c{at}, m.c{at} FROM expected e JOIN made m USING ({key})"
                f" WHERE e.c{at} IS DISTINCT FROM m.c{at} ORDER BY 1 LIMIT 1"
            ).fetchone()
            if row is not None:
                found[expression] = row
        return found


def test_a_file_that_workers_cannot_read_is_named_and_nothing_changes(
    catalog: Catalog, on_cluster: Settings, tmp_path: Path
) -> None:
    lake, source = Lake(on_cluster.home / "unread"), catalog.sources["sshd"]
    before = parse(on_cluster, lake, source, land_samples(source, tmp_path))
    missing = RawFile(tmp_path / "gone.log", "oslo", "gone.log")
    with pytest.raises(InputError, match=r"gone\.log: cannot be read"):
        parse(on_cluster, lake, source, [missing])
    manifest = lake.manifest(Place("parsed", "sshd", DAY))
    assert manifest is not None
    assert manifest.version == before.events.version
    assert list((lake.root / ".spark").iterdir()) == []


def test_personal_data_is_treated_the_same_by_both_engines(
    catalog: Catalog, on_cluster: Settings, tmp_path: Path
) -> None:
    class Covered:  # local, so that workers get it by value
        environments = frozenset({"oslo"})

        def protect(self, table: pa.Table, source: Any) -> pa.Table:
            covered = pa.array([None if h is None else f"({h})" for h in table["host"].to_pylist()])
            at = table.schema.get_field_index("host")
            return table.set_column(at, "host", covered.cast(pa.string()))

    source = catalog.sources["sshd"]
    files = [*land_samples(source, tmp_path), land_nasty_variants(source, tmp_path)]
    duck, spark = Lake(tmp_path / "duckdb"), Lake(on_cluster.home / "protected")
    on_duckdb = on_cluster.model_copy(update={"engine": "duckdb"})
    expected = parse(on_duckdb, duck, source, files, protection=Covered())
    assert parse(on_cluster, spark, source, files, protection=Covered()) == expected
    with duckdb.connect() as connection:
        part = spark.part(Place("parsed", "sshd", DAY))
        hosts = connection.execute(
            f"SELECT environment, bool_and(starts_with(host, '(')) FROM read_parquet('{part}')"
            " WHERE host IS NOT NULL GROUP BY 1 ORDER BY 1"
        ).fetchall()
    assert hosts == [("lima", False), ("oslo", True)]  # the policy is of one environment


def test_a_field_of_any_type_is_parsed_the_same_by_both_engines(
    catalog: Catalog, on_cluster: Settings, tmp_path: Path
) -> None:
    source = Source.FromString(catalog.sources["sshd"].SerializeToString())
    values = {
        "BOOLEAN": "true",
        "TINYINT": "-128",
        "SMALLINT": "-32768",
        "INTEGER": "-2147483648",
        "BIGINT": "-9223372036854775808",
        "UBIGINT": "18446744073709551615",
        "DOUBLE": "'-inf'",
        "VARCHAR": "chr(233)",
        "DATE": "'1905-02-28'",
        "TIMESTAMP": "'1905-02-28 23:59:59.999999'",
        "VARCHAR[]": "['a', NULL]",
        "BIGINT[]": "[1, NULL]",
        "DOUBLE[]": "['nan', '0.1']",
    }
    for at, (type_, value) in enumerate(values.items()):
        source.fields.add(name=f"v{at}", data_type=type_, definition=value)
        source.fields.add(name=f"n{at}", data_type=type_, definition="NULL")
    duck, spark = Lake(tmp_path / "duckdb"), Lake(on_cluster.home / "typed")
    files = land_samples(source, tmp_path)
    on_duckdb = on_cluster.model_copy(update={"engine": "duckdb"})
    expected = parse(on_duckdb, duck, source, files)
    assert parse(on_cluster, spark, source, files) == expected
    assert differences(duck, spark, Place("parsed", "sshd", DAY)) == []
    with duckdb.connect() as connection:
        part = spark.part(Place("parsed", "sshd", DAY))
        listed = ", ".join(f"v{at}, n{at}" for at in range(len(values)))
        relation = connection.sql(f"SELECT {listed} FROM read_parquet('{part}')")
        assert list(map(str, relation.types)) == [type_ for type_ in values for _ in range(2)]
        row = relation.fetchall()[0]
        assert [value is None for value in row] == [False, True] * len(values)


# The last test: it ends the cluster.
def test_one_dead_worker_is_made_up_for_and_without_any_the_partition_stays(
    catalog: Catalog,
    cluster: Cluster,
    on_cluster: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("whetstone.spark.run._SECONDS_WITHOUT_WORKERS", 5)
    lake, source = Lake(on_cluster.home / "dying"), catalog.sources["hdfs"]
    path = tmp_path / "large.log"
    path.write_text("".join(f"{line}\n" for line in source.samples) * 50_000)
    files = [RawFile(path, "oslo", f"{name}.log") for name in "ab"]
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(parse, on_cluster, lake, source, files)
        time.sleep(1)
        end(cluster.workers[0])
        made = running.result()
    assert made.events.rows == 2 * 50_000 * len(source.samples)
    end(cluster.workers[1])
    with pytest.raises(EngineError, match=r"no workers.*WHETSTONE_SPARK_OPTIONS"):
        parse(on_cluster, lake, source, files[:1])
    manifest = lake.manifest(Place("parsed", "hdfs", DAY))
    assert manifest is not None
    assert manifest.version == made.events.version
