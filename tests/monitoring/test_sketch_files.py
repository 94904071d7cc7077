"""Sketches beside their partitions: made once, made again when stale, what is left of a day."""

from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from monitoring_rows import FEATURES, replaced, scored

from monitoring.sketches.files import SKETCHES, events_sketch, reference_sketch, scores_sketch
from monitoring.sketches.tables import to_table
from whetstone.catalog.catalog_pb2 import Source
from whetstone.errors import NotReadyError
from whetstone.lake import Lake, Manifest, Place

DAY = "2026-11-20"
SCORES = Place("scores", "ssh", DAY)


def put(lake: Lake, place: Place, rows: pa.Table, version: str = "1") -> None:
    with lake.stage(place) as staged:
        pq.write_table(rows, staged.path("part.parquet"))
        staged.commit(Manifest("code", {}, version, rows.num_rows))


def file_of(lake: Lake, place: Place = SCORES) -> Path:
    return lake.directory(place) / SKETCHES


def rows_of(lake: Lake, features: Sequence[str] = FEATURES) -> int | None:
    sketch = scores_sketch(lake, "ssh", DAY, features)
    return None if sketch is None else sketch.whole.rows


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    found = Lake(tmp_path)
    put(found, SCORES, scored(500))
    return found


def test_a_sketch_is_made_once_and_then_read(lake: Lake) -> None:
    assert rows_of(lake) == 500
    made = file_of(lake).stat()
    assert rows_of(lake) == 500
    assert file_of(lake).stat() == made
    assert {path.name for path in file_of(lake).parent.iterdir()} == {
        ".lock", "manifest.json", "part.parquet", SKETCHES,
    }  # fmt: skip


def test_a_partition_made_anew_with_other_content_is_sketched_anew(lake: Lake) -> None:
    rows_of(lake)
    put(lake, SCORES, scored(300), version="2")
    assert rows_of(lake) == 300


def test_a_detector_with_another_feature_is_sketched_anew(lake: Lake) -> None:
    scores_sketch(lake, "ssh", DAY, FEATURES[:2])
    sketch = scores_sketch(lake, "ssh", DAY, FEATURES)
    assert sketch is not None
    assert set(sketch.whole.columns) == {*FEATURES, "score"}


def test_making_a_sketch_again_gives_the_same_bytes(lake: Lake) -> None:
    rows_of(lake)
    first = file_of(lake).read_bytes()
    file_of(lake).unlink()
    rows_of(lake)
    assert file_of(lake).read_bytes() == first


def test_a_day_whose_rows_have_expired_is_still_known_by_its_sketch(lake: Lake) -> None:
    rows_of(lake)
    lake.part(SCORES).unlink()
    assert rows_of(lake) == 500
    assert rows_of(lake, (*FEATURES, "newer")) == 500


def test_a_day_without_rows_and_sketch_is_unknown(lake: Lake) -> None:
    lake.part(SCORES).unlink()
    assert rows_of(lake) is None
    assert scores_sketch(lake, "ssh", "2026-11-19", FEATURES) is None


def test_a_sketch_of_other_content_is_no_witness_of_expired_rows(lake: Lake) -> None:
    rows_of(lake)
    put(lake, SCORES, scored(300), version="2")
    lake.part(SCORES).unlink()
    assert rows_of(lake) is None


def test_a_file_that_is_no_sketch_is_replaced(lake: Lake) -> None:
    file_of(lake).write_bytes(b"half a file")
    assert rows_of(lake) == 500


def test_the_reference_is_that_of_the_champion_and_its_threshold(lake: Lake) -> None:
    release = Place("release", "ssh")
    with pytest.raises(NotReadyError, match="no release of ssh is in service"):
        reference_sketch(lake, "ssh", FEATURES, 0.9)
    put(lake, release, scored(500).drop_columns(["is_alert", "threshold"]))
    high, low = (reference_sketch(lake, "ssh", FEATURES, limit) for limit in (0.9, 0.5))
    assert high.whole.alerts < low.whole.alerts


def ask(root: Path, start) -> None:
    start.wait()
    assert rows_of(Lake(root)) == 500


def test_processes_that_ask_at_once_all_get_it(lake: Lake) -> None:
    processes = get_context("fork")
    start = processes.Barrier(4)
    askers = [processes.Process(target=ask, args=(lake.root, start)) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert [asker.exitcode for asker in askers] == [0] * 4
    assert rows_of(lake) == 500
    assert not list(file_of(lake).parent.glob("*.tmp"))


SOURCE = Source(name="sshd", message="message")


def events(*rows: tuple[str, int, str | None]) -> pa.Table:
    """Events of (environment, hour, message)."""
    at = pa.array([hour * 3_600_000_000 for _, hour, _ in rows], pa.timestamp("us"))
    texts = pa.array([text for _, _, text in rows], pa.string())
    return pa.table(
        {"environment": [name for name, _, _ in rows], "event_time": at, "message": texts}
    )


def test_events_are_sketched_by_hour_template_and_environment(lake: Lake) -> None:
    rows = events(
        ("berlin", 3, "login number 7 from 10.0.0.1"),
        ("berlin", 4, "login number 8 from 10.0.0.2"),
        ("oslo", 23, None),
    )
    put(lake, Place("parsed", "sshd", DAY), rows)
    put(lake, Place("rejects", "sshd", DAY), pa.table({"environment": ["oslo", "oslo"]}))
    sketch = events_sketch(lake, SOURCE, DAY)
    assert sketch is not None
    assert sketch.environments["berlin"].hours[3:5] == (1, 1)
    assert (sketch.environments["oslo"].rows, sketch.environments["oslo"].rejects) == (1, 2)
    values = sketch.whole.columns["template"].values
    assert values is not None
    assert list(values.counts.values()) == [2]


def test_a_source_without_messages_is_sketched_by_hour_alone(lake: Lake) -> None:
    put(lake, Place("parsed", "flow", DAY), events(("berlin", 3, None)))
    sketch = events_sketch(lake, Source(name="flow"), DAY)
    assert sketch is not None
    assert dict(sketch.whole.columns) == {}


def test_texts_of_any_kind_are_kept(lake: Lake) -> None:
    odd = ["\x00", "\ufffd</script>", "", "ß" * 5_000, "a\nb"] * 100
    put(lake, SCORES, replaced(scored(500), "top_user", odd))
    sketch = scores_sketch(lake, "ssh", DAY, FEATURES)
    again = scores_sketch(lake, "ssh", DAY, FEATURES)
    assert sketch is not None
    assert again is not None
    assert to_table(sketch).equals(to_table(again), check_metadata=True)
