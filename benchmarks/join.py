"""Point-in-time joins: our offline store, Feast's own DuckDB store, and an ASOF join by hand.

    python -m benchmarks.join --rows 100000 --json

N entity rows look back at N feature rows of N/100 keys over seven days, 30 features, within a TTL.
Each contender runs in a process of its own with the same memory limit and gives an Arrow table;
the answers are compared. The last line on stdout is a JSON object.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

CONTENDERS = ("ours", "feast", "asof")
FEATURES = [f"f{number}" for number in range(30)]
_SPAN = timedelta(days=7) // timedelta(microseconds=1)


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark; `--contender` is how it starts its own processes."""
    options = _parser().parse_args(arguments)
    if options.contender:
        print(json.dumps(_contend(options)))
        return
    with tempfile.TemporaryDirectory(prefix="join-") as directory:
        options.directory = Path(directory)
        _say(f"{options.rows:,} entity rows, as many feature rows, TTL {options.ttl_hours} h")
        generate(options.directory, options.rows)
        result = _compare(options)
    print(json.dumps(result, indent=None if options.json else 2))


def generate(directory: Path, rows: int) -> None:
    """Write `features.parquet` and `entities.parquet`, the same for the same number of rows."""
    keys = max(rows // 100, 1)
    values = ", ".join(
        f"CASE WHEN hash(i, {n}) % 20 > 0 THEN (hash(i, {n}) % 1000003)::DOUBLE END AS {name}"
        for n, name in enumerate(FEATURES)
    )

    def instant(salt: str) -> str:
        offset = f"to_microseconds((hash(i, '{salt}') % {_SPAN})::BIGINT)"
        return f"TIMESTAMP '2024-05-01' + {offset}"

    def key(salt: str) -> str:
        return f"'host-' || (hash(i, '{salt}') % {keys})"

    with duckdb.connect() as con:
        con.execute(
            f"COPY (SELECT {key('a')} AS host, {instant('b')} AS event_timestamp, {values}"
            f" FROM range({rows}) t(i)) TO '{directory}/features.parquet'"
        )
        con.execute(
            f"COPY (SELECT i AS row, {key('c')} AS host, {instant('d')} AS event_timestamp"
            f" FROM range({rows}) t(i)) TO '{directory}/entities.parquet'"
        )


def _compare(options: argparse.Namespace) -> dict[str, Any]:
    result: dict[str, Any] = {
        "rows": options.rows,
        "ttl_hours": options.ttl_hours,
        "features": len(FEATURES),
        "memory_limit": options.memory_limit,
    }
    answers: dict[str, tuple[int, int]] = {}
    for contender in CONTENDERS:
        if contender == "feast" and options.rows > options.peer_limit:
            result |= {"feast_seconds": None, "feast_skipped": f"over {options.peer_limit:,} rows"}
            _say(f"feast: skipped, over {options.peer_limit:,} rows; see --peer-limit")
            continue
        measured = _run(contender, options)
        answers[contender] = measured.pop("answer")
        result |= {f"{contender}_{name}": value for name, value in measured.items()}
        _say(f"{contender}: {measured['seconds']:.2f} s, {measured['peak_rss_mb']:.0f} MB")
    result["peak_rss_mb"] = result["ours_peak_rss_mb"]
    result["asof_ratio"] = round(result["ours_seconds"] / result["asof_seconds"], 2)
    if result["feast_seconds"] is not None:
        result["ratio"] = round(result["feast_seconds"] / result["ours_seconds"], 2)
    result["answers_equal"] = len(set(map(tuple, answers.values()))) == 1
    return result


def _run(contender: str, options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.join", "--contender", contender]
    for name in ("rows", "ttl_hours", "memory_limit", "repeats", "directory"):
        command += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        sys.exit(f"{contender} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _contend(options: argparse.Namespace) -> dict[str, Any]:
    entities = pq.read_table(options.directory / "entities.parquet")
    join = _by_hand(options) if options.contender == "asof" else _by_feast(options)
    before = _peak_rss_mb()
    walls: list[float] = []
    cpus: list[float] = []
    answer = pa.table({})
    for _ in range(options.repeats):
        del answer
        wall, cpu = time.perf_counter(), time.process_time()
        answer = join(entities)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {
        "seconds": round(statistics.median(walls), 3),
        "cpu_seconds": round(statistics.median(cpus), 3),
        "peak_rss_mb": round(_peak_rss_mb()),
        "rss_before_mb": round(before),
        "answer": _fingerprint(answer),
    }


def _by_hand(options: argparse.Namespace) -> Callable[[pa.Table], pa.Table]:
    lifetime = f"to_hours({options.ttl_hours})"
    values = ", ".join(
        f"CASE WHEN f.event_timestamp + {lifetime} >= e.event_timestamp THEN f.{name} END AS {name}"
        for name in FEATURES
    )
    statement = (
        f"SELECT e.*, {values} FROM entities e"
        f" ASOF LEFT JOIN read_parquet('{options.directory}/features.parquet') f"
        " ON e.host = f.host AND e.event_timestamp >= f.event_timestamp ORDER BY e.row"
    )

    def join(entities: pa.Table) -> pa.Table:
        with duckdb.connect(config={"memory_limit": options.memory_limit}) as con:
            con.register("entities", entities)
            return con.sql(statement).to_arrow_table()

    return join


def _by_feast(options: argparse.Namespace) -> Callable[[pa.Table], pa.Table]:
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
    from feast.data_format import ParquetFormat
    from feast.types import Float64, String

    ours = options.contender == "ours"
    if ours:
        offline = {
            "type": "feature_repo.asof.AsofOfflineStore",
            "memory_limit": options.memory_limit,
        }
    else:
        import ibis

        offline = {"type": "duckdb"}
        backend = ibis.duckdb.connect()
        backend.raw_sql(f"SET memory_limit = '{options.memory_limit}'")
        backend.raw_sql(f"SET temp_directory = '{options.directory}/spill'")
        ibis.set_backend(backend)
    directory = options.directory / options.contender
    directory.mkdir()
    store = FeatureStore(
        config=RepoConfig(
            project="join",
            provider="local",
            registry={"registry_type": "sql", "path": f"sqlite:///{directory}/registry.db"},
            online_store={"type": "sqlite", "path": str(directory / "online.db")},
            offline_store=offline,
            entity_key_serialization_version=3,
        )
    )
    host = Entity(name="host", join_keys=["host"], value_type=ValueType.STRING)
    view = FeatureView(
        name="hosts",
        entities=[host],
        ttl=timedelta(hours=options.ttl_hours),
        schema=[
            Field(name="host", dtype=String),
            *(Field(name=name, dtype=Float64) for name in FEATURES),
        ],
        source=FileSource(
            path=str(options.directory / "features.parquet"),
            file_format=ParquetFormat(),
            timestamp_field="event_timestamp",
        ),
    )
    store.apply([host, view])
    references = [f"hosts:{name}" for name in FEATURES]

    def join(entities: pa.Table) -> pa.Table:
        rows = entities if ours else entities.to_pandas()
        return store.get_historical_features(entity_df=rows, features=references).to_arrow()

    return join


def _fingerprint(answer: pa.Table) -> tuple[int, int]:
    """Number of rows, and a hash of them that does not depend on their order."""
    columns = ", ".join(["row", "host", *FEATURES])
    with duckdb.connect() as con:
        con.register("answer", answer)
        return con.sql(f"SELECT count(*), bit_xor(hash({columns})) FROM answer").fetchall()[0]


def _peak_rss_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.join", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--ttl-hours", type=int, default=24)
    parser.add_argument("--memory-limit", default="4GB", help="of DuckDB, for each contender")
    parser.add_argument("--repeats", type=int, default=3, help="the median is reported")
    parser.add_argument("--peer-limit", type=int, default=200_000, help="skip feast above")
    parser.add_argument("--json", action="store_true", help="on one line")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--directory", type=Path, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
