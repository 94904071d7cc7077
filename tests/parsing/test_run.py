"""A day of any size becomes two partitions, a chunk at a time, whatever happens meanwhile."""

import gzip
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parse_processes import DAY, events_and_megabytes, source, start

from whetstone.catalog.catalog_pb2 import Source
from whetstone.engine import open_engine
from whetstone.errors import InputError
from whetstone.lake import Lake, Manifest, Place, content_of
from whetstone.parsing import ParsedDay, Protection, RawFile, parse_files, parse_into, run

SOURCE = source()
EVENTS, REJECTS = Place("parsed", "web", DAY), Place("rejects", "web", DAY)
MAX_LINE_BYTES = 1 << 20


def parse_day(
    lake: Lake, files: Sequence[RawFile], protection: Protection | None = None
) -> ParsedDay:
    with (
        open_engine(lake.root) as engine,
        lake.stage(EVENTS) as events,
        lake.stage(REJECTS) as rejects,
    ):
        made = parse_into(engine, SOURCE, files, DAY, MAX_LINE_BYTES, events, rejects, protection)
        rejects.commit(Manifest("code", {}, made.rejects.version, made.rejects.rows))
        events.commit(Manifest("code", {}, made.events.version, made.events.rows))
    return made


def rows(lake: Lake, place: Place) -> list[dict[str, Any]]:
    return pq.ParquetFile(lake.part(place)).read().to_pylist()


def raw(directory: Path, lines: Sequence[str], name: str = "web.log") -> RawFile:
    path = directory / name
    path.write_text("".join(f"{line}\n" for line in lines))
    return RawFile(path, "oslo", f"oslo/web/{DAY}/{name}")


GOOD = st.builds(
    "2026-03-01T00:00:{:02} {}".format, st.integers(0, 59), st.sampled_from(["a", "b", "ü"])
)
LINES = st.lists(st.one_of(GOOD, st.sampled_from(["no time", "word", "", "99 x"])), max_size=60)


@settings(max_examples=20)
@given(files=st.lists(LINES, max_size=3), chunk=st.integers(1, 2000))
def test_a_day_in_chunks_is_the_day_as_a_whole(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[str]], chunk: int
) -> None:
    directory = tmp_path_factory.mktemp("day")
    lake = Lake(directory / "lake")
    given_files = [raw(directory, lines, f"{n}.log") for n, lines in enumerate(files)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "_CHUNK_BYTES", chunk)
        patch.setattr(run.read_records, "__defaults__", (chunk,))
        in_chunks = parse_day(lake, given_files)
    with open_engine() as engine:
        parsed = parse_files(engine, SOURCE, given_files, DAY, MAX_LINE_BYTES)
        contents = content_of(engine, "events"), content_of(engine, "rejects")
        wholes = [engine.sql(f"FROM {t}").to_arrow_table() for t in ("events", "rejects")]
    assert in_chunks.parsed == parsed
    assert (in_chunks.events, in_chunks.rejects) == contents
    assert [rows(lake, EVENTS), rows(lake, REJECTS)] == [whole.to_pylist() for whole in wholes]
    times: list[datetime] = wholes[0]["event_time"].to_pylist()
    assert in_chunks.newest == max(times, default=None)


def test_what_a_partition_says_of_its_content_is_what_is_read_from_it(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    made = parse_day(lake, [raw(tmp_path, ["2026-03-01T00:00:00 a", "x", "yesterday b"])])
    assert made.parsed.rejects == {"pattern does not match": 1, "event_time: no value": 1}
    assert (made.events.rows, made.rejects.rows) == (1, 2)
    with open_engine(lake.root) as engine:
        for place, content in ((EVENTS, made.events), (REJECTS, made.rejects)):
            path = lake.part(place)
            engine.execute(
                "CREATE OR REPLACE TEMP VIEW read AS"
                f" FROM read_parquet('{path}', hive_partitioning = false)"
            )
            assert content_of(engine, "read") == content


def test_a_day_without_lines_is_two_partitions_without_rows(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    made = parse_day(lake, [raw(tmp_path, ["", ""])])
    assert (made.parsed.lines, made.newest) == (0, None)
    assert (rows(lake, EVENTS), rows(lake, REJECTS)) == ([], [])
    names = pq.ParquetFile(lake.part(EVENTS)).schema_arrow.names
    assert names[:3] == ["environment", "event_time", "raw_file"]
    assert "message" in names


def test_a_file_that_cannot_be_read_leaves_what_was_there(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    good = raw(tmp_path, ["2026-03-01T00:00:00 a"])
    parse_day(lake, [good])
    missing = replace(good, path=tmp_path / "missing.log")
    with pytest.raises(InputError, match=r"missing\.log: cannot be read"):
        parse_day(lake, [good, missing])
    assert [row["message"] for row in rows(lake, EVENTS)] == ["a"]
    assert not list(lake.root.rglob("*.tmp"))


class Masking:
    """Replaces messages and the text of rejects, and remembers what it was given."""

    environments = frozenset({"oslo"})

    def __init__(self) -> None:
        self.seen: list[str] = []

    def protect(self, table: pa.Table, source: Source) -> pa.Table:
        self.seen += [f"{source.name}/{name}" for name in set(table["environment"].to_pylist())]
        for name in ("message", "_reject_line"):
            column = table[name]
            hidden = pc.if_else(pc.is_valid(column), "hidden", None)
            table = table.set_column(table.column_names.index(name), name, hidden)
        keys = pa.repeat("key-1", table.num_rows)
        return table.set_column(table.column_names.index("key_id"), "key_id", keys)


def test_personal_data_of_environments_with_a_policy_is_treated_before_anything_is_stored(
    tmp_path: Path,
) -> None:
    lake = Lake(tmp_path / "lake")
    here = raw(tmp_path, ["2026-03-01T00:00:00 anna", "anna"], "oslo.log")
    there = replace(raw(tmp_path, ["2026-03-01T00:00:00 otto", "otto"], "x.log"), environment="rom")
    masking = Masking()
    made = parse_day(lake, [here, there], masking)
    assert masking.seen == ["web/oslo"]
    events = {row["environment"]: (row["message"], row["key_id"]) for row in rows(lake, EVENTS)}
    assert events == {"oslo": ("hidden", "key-1"), "rom": ("otto", None)}
    assert {row["environment"]: row["raw"] for row in rows(lake, REJECTS)} == {
        "oslo": "hidden",
        "rom": "otto",
    }
    untreated = parse_day(lake, [here, there])
    assert made.parsed == untreated.parsed
    assert made.events != untreated.events
    assert made.rejects != untreated.rejects


def test_where_no_environment_has_a_policy_rows_are_not_looked_at(tmp_path: Path) -> None:
    masking = Masking()
    file = replace(raw(tmp_path, ["2026-03-01T00:00:00 otto", "otto"]), environment="rom")
    parse_day(Lake(tmp_path / "lake"), [file], masking)
    assert masking.seen == []


LINE = b"2026-03-01T00:00:00 the quick brown fox jumps over the lazy dog, again and again: 4711\n"
_EIGHT_MIB_LINES = (8 << 20) // len(LINE)


def plain(path: Path, megabytes: int) -> None:
    with path.open("wb") as file:
        for _ in range(megabytes // 8):
            file.write(LINE * _EIGHT_MIB_LINES)


def gzipped(path: Path, megabytes: int) -> None:
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(megabytes // 8):
            file.write(LINE * _EIGHT_MIB_LINES)


def zstandard(path: Path, megabytes: int) -> None:
    with pa.CompressedOutputStream(str(path), "zstd") as file:
        for _ in range(megabytes // 8):
            file.write(LINE * _EIGHT_MIB_LINES)


@pytest.mark.parametrize("write", [plain, gzipped, zstandard])
def test_memory_does_not_grow_with_the_file(
    tmp_path: Path, write: Callable[[Path, int], None]
) -> None:
    peaks: dict[int, int] = {}
    for megabytes in (24, 192):
        write(tmp_path / "web.log", megabytes)
        events, peaks[megabytes] = events_and_megabytes(tmp_path / "lake", tmp_path / "web.log")
        assert events == megabytes // 8 * _EIGHT_MIB_LINES
    # What would grow, grew by 168 MB of text, which is several times as much when it is parsed.
    assert peaks[192] < peaks[24] + 120


def test_killing_the_parser_leaves_the_old_partitions_and_nothing_for_ever(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    parse_day(lake, [raw(tmp_path, ["2026-03-01T00:00:00 a", "x"])])
    before = lake.manifest(EVENTS), lake.manifest(REJECTS)
    plain(tmp_path / "large.log", 256)
    process = start(lake.root, tmp_path / "large.log")
    written = lake.directory(EVENTS)
    while not any(path.stat().st_size for path in written.glob("part.parquet.*.tmp")):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert (lake.manifest(EVENTS), lake.manifest(REJECTS)) == before
    assert [row["message"] for row in rows(lake, EVENTS)] == ["a"]
    left = list(lake.root.rglob("*.tmp"))
    assert left
    for path in left:
        os.utime(path, (time.time() - 90_000,) * 2)
    lake.remove_left_behind()
    assert not list(lake.root.rglob("*.tmp"))
    assert [row["message"] for row in rows(lake, EVENTS)] == ["a"]
