"""Packing changes how many bytes rows take, and nothing else."""

from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from whetstone.engine import open_engine
from whetstone.errors import StorageError
from whetstone.lake import Lake, Manifest, Place
from whetstone.lake_compaction import Compacted, compact, compactable
from whetstone.lake_usage import partitions

TODAY = date(2026, 3, 10)
OLD, SETTLING = (Place("parsed", "web", f"2026-03-{day}") for day in ("01", "08"))
# Rows as logs have them: the same again and again, and never in order.
LOGS = (
    "SELECT (i * 7919) % 40_000 AS n, 'GET /a/' || (i % 97) AS url, ['x', 'y' || (i % 5)] AS tags,"
    " TIMESTAMP '2026-03-01' + INTERVAL (i % 86_400) SECOND AS at FROM range(40_000) r(i)"
)


def write(lake: Lake, place: Place, select: str = LOGS) -> Manifest:
    with open_engine(lake.root) as engine, lake.stage(place) as staged:
        engine.execute(f"CREATE TEMP TABLE t AS {select}")
        content = staged.write(engine, "t")
        return staged.commit(Manifest("code", {}, content.version, content.rows))


def compact_all(lake: Lake) -> Compacted:
    return compact(lake, compactable(lake, partitions(lake), TODAY), lambda _: None)


def test_rows_take_fewer_bytes_and_are_the_same_in_the_same_order(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    before = write(lake, OLD)
    rows = pq.read_table(lake.part(OLD))
    packed = compact_all(lake)
    assert (packed.partitions, packed.rewritten) == (1, 1)
    assert packed.bytes_after < packed.bytes_before
    assert lake.part(OLD).stat().st_size == packed.bytes_after
    # It does not say any more which columns can be NULL.
    again = pq.read_table(lake.part(OLD))
    assert again.cast(rows.schema).equals(rows)
    after = lake.manifest(OLD)
    assert after is not None
    assert (after.version, after.inputs, after.made_at) == (
        before.version,
        before.inputs,
        before.made_at,
    )


def test_what_is_packed_is_not_packed_again_until_it_is_made_anew(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    write(lake, OLD)
    compact_all(lake)
    assert compact_all(lake) == Compacted(0, 0, 0, 0)
    write(lake, OLD)
    assert compact_all(lake).rewritten == 1


def test_days_for_which_files_still_come_are_left_alone(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    write(lake, SETTLING)
    assert compact_all(lake).partitions == 0


def test_what_does_not_get_smaller_stays_as_it_is(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    write(lake, OLD, "SELECT hash(i) AS n FROM range(20_000) r(i)")
    file = lake.part(OLD).read_bytes()
    assert compact_all(lake).rewritten == 0
    assert lake.part(OLD).read_bytes() == file
    assert compact_all(lake).partitions == 0


def test_a_day_that_was_made_anew_in_the_meantime_stays(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    write(lake, OLD)
    chosen = compactable(lake, partitions(lake), TODAY)

    class Late(Lake):
        """A file lands while its day is being packed."""

        def manifest(self, place: Place) -> Manifest | None:
            known = super().manifest(place)
            if known is not None and known.rows == 40_000:
                write(lake, OLD, "SELECT 1 AS n")
            return known

    assert compact(Late(tmp_path), chosen, lambda _: None).rewritten == 0
    assert pq.read_table(lake.part(OLD)).to_pylist() == [{"n": 1}]
    assert not list(tmp_path.rglob("*.tmp"))


def test_rows_that_read_differently_are_never_put_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(tmp_path)
    write(lake, OLD)

    def lose_a_row(connection: object, part: Path, target: Path) -> None:
        pq.write_table(pq.read_table(part).slice(1), target, compression="zstd")

    monkeypatch.setattr("whetstone.lake_compaction.pack", lose_a_row)
    monkeypatch.setattr("whetstone.lake_compaction._WORTH", 100)
    file = lake.part(OLD).read_bytes()
    with pytest.raises(StorageError, match="does not read as it was written"):
        compact_all(lake)
    assert lake.part(OLD).read_bytes() == file
