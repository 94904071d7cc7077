"""A year of days in the lake: what queries read, and what its upkeep takes.

    python -m benchmarks.year --days 365 --json

Every daily asset of the shipped catalog gets a small partition of its real columns a day; one
source gets `--rows` events a day, on which queries and packing are measured. `files_read` of a
query comes from DuckDB's EXPLAIN ANALYZE. The last line on stdout is a JSON object.
"""

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from assets.platform import open_factory
from benchmarks.year_lake import Year
from resources.retention import due_now
from whetstone.lake import Lake
from whetstone.lake_compaction import compact, compactable
from whetstone.lake_retention import LAYERS, expire
from whetstone.lake_usage import partitions, usage
from whetstone.settings import PROJECT_ROOT, Retention, Settings
from whetstone.sql import literal

_SOURCE = "sshd"
_KEPT_DAYS = 90
_FILES_READ = re.compile(r'"?(?:Total Files Read|Scanning Files)"?: ?"?(\d+)')


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    last = datetime.now(UTC).date() - timedelta(days=1)
    days = [(last - timedelta(n)).isoformat() for n in range(options.days - 1, -1, -1)]
    with tempfile.TemporaryDirectory(prefix="year-") as name:
        settings = Settings(home=Path(name), catalog=PROJECT_ROOT / "catalog")  # pyright: ignore
        result = _measure(settings, days, options.rows)
    print(json.dumps(result, indent=None if options.json else 2))


def _measure(settings: Settings, days: list[str], rows: int) -> dict[str, Any]:
    factory = open_factory(settings)
    lake = Lake(settings.lake)
    result: dict[str, Any] = {"days": len(days), "rows_a_day": rows}
    with _timed(result, "build_seconds"):
        written = Year(factory, lake, days).write(_SOURCE, rows)
    _say(f"{written} partitions written in {result['build_seconds']} s")
    with _timed(result, "status_seconds"):
        found = usage(partitions(lake))
    result |= {"partitions": written, "bytes": sum(each.bytes for each in found)}
    result["queries"] = _queries(lake, days)
    with _timed(result, "compact_seconds"):
        chosen = compactable(lake, partitions(lake, LAYERS), datetime.now(UTC).date())
        packed = compact(lake, [p for p in chosen if p.place.name == _SOURCE], _say)
    result["compact"] = vars(packed)
    result["queries_after_compact"] = _queries(lake, days)
    limits = {layer: Retention(days=_KEPT_DAYS, gigabytes=None) for layer in LAYERS}
    with _timed(result, "due_seconds"):
        due = due_now(lake, limits)
    with _timed(result, "expire_seconds"):
        # The sketches of a day are made when it is: here they are none.
        gone = expire(lake, due, {}, lambda _: None, datetime.now(UTC), _say)
    result["expire"] = vars(gone)
    result["queries_after_expire"] = _queries(lake, days)
    result["bytes_after_expire"] = sum(each.bytes for each in usage(partitions(lake)))
    return result


def _queries(lake: Lake, days: list[str]) -> dict[str, Mapping[str, Any]]:
    """Queries through a view like the warehouse's, with the files that each of them reads."""
    glob = literal(lake.glob("parsed", _SOURCE))
    counted = "SELECT count(*), count(DISTINCT user) FROM events"
    noon = f"{days[-10]} 12:00"
    asked = {
        "first_row": "FROM events LIMIT 1",
        "a_day": f"{counted} WHERE day = DATE '{days[-10]}'",
        "a_week": f"{counted} WHERE day BETWEEN DATE '{days[-10]}' AND DATE '{days[-4]}'",
        "an_hour_by_event_time": f"{counted} WHERE event_time BETWEEN TIMESTAMP '{noon}'"
        f" AND TIMESTAMP '{noon}' + INTERVAL 1 HOUR",
        "all_days": counted,
    }
    found: dict[str, Mapping[str, Any]] = {}
    with duckdb.connect() as connection:
        connection.execute(
            f"CREATE VIEW events AS SELECT * FROM read_parquet({glob},"
            " hive_partitioning = true, union_by_name = true)"
        )
        for name, sql in asked.items():
            seconds: list[float] = []
            for _ in range(3):
                began = time.monotonic()
                connection.execute(sql).fetchall()
                seconds.append(time.monotonic() - began)
            explained = connection.execute(f"EXPLAIN (ANALYZE, FORMAT json) {sql}").fetchall()
            read = _FILES_READ.search(str(explained[0][1]))
            found[name] = {
                "seconds": round(min(seconds), 4),
                "files_read": int(read[1]) if read else None,
            }
            _say(f"{name}: {found[name]}")
    return found


@contextmanager
def _timed(result: dict[str, Any], name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    result[name] = round(time.monotonic() - began, 2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--rows", type=int, default=20_000, help="events a day of one source")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    return parser


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
