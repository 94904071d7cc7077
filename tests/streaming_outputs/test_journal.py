"""The journal keeps every record once, in order, whatever happens to the process or the disk."""

import json
import threading
from pathlib import Path

import pytest

from tests.limits import file_size_limit
from tests.streaming_outputs.records import alert, alerts, drained, told, until
from whetstone.errors import StorageError
from whetstone.streaming.outputs.entries import to_json
from whetstone.streaming.outputs.journal import Entry, Journal


def test_records_are_numbered_from_one_in_the_order_of_their_coming(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(alerts(5, 3))
    journal.append(alerts(9))
    assert told(journal) == [(1, "alert-5", 1), (2, "alert-3", 1), (3, "alert-9", 1)]
    assert journal.sequence == 3


def test_records_come_back_as_they_went_in(tmp_path: Path) -> None:
    entry = Entry("ü\n\r ", 2, {"text": "\x00 é \U0001f600", "deep": [{"a": None}, 1.5, True]})
    journal = Journal(tmp_path)
    journal.append([entry])
    assert journal.reader(None).next(1, 0.0) == [(1, entry)]


def test_what_json_has_no_word_for_stops_no_alert() -> None:
    record = {"score": float("nan"), "list": [float("inf"), 1.0], "text": "half \ud800 pair"}
    assert json.loads(to_json(record)) == {
        "score": None,
        "list": [None, 1.0],
        "text": "half ? pair",
    }


def test_a_record_said_again_after_a_kill_is_dropped(tmp_path: Path) -> None:
    Journal(tmp_path).append(alerts(1, 2, 3))
    again = Journal(tmp_path, since=1)
    again.append([alert(2), alert(3), alert(3, revision=2), alert(4)])
    assert [name for _, name, _ in told(again)] == [
        "alert-1", "alert-2", "alert-3", "alert-3", "alert-4",
    ]  # fmt: skip
    assert (again.repeated, again.appended) == (2, 2)


def test_a_second_kill_while_the_first_is_made_good_repeats_nothing(tmp_path: Path) -> None:
    Journal(tmp_path).append(alerts(1, 2, 3, 4))
    second = Journal(tmp_path, since=0)
    second.append(alerts(1, 2))
    assert second.sequence == 2, "3 and 4 are on disk, but will be said again"
    second.checkpointed(second.sequence)
    third = Journal(tmp_path, since=second.sequence)
    third.append(alerts(3, 4, 5))
    assert [name for _, name, _ in told(third)] == [f"alert-{number}" for number in range(1, 6)]
    assert third.sequence == 5


def test_what_is_never_said_again_does_not_hold_the_journal_back_for_ever(tmp_path: Path) -> None:
    """An alarm that came from a clock, or an alert of a model that was replaced since."""
    Journal(tmp_path).append(alerts(1, 2))
    journal = Journal(tmp_path, since=0)
    for number in range(50):
        journal.append(alerts(10 + number))
        journal.checkpointed(journal.sequence)
    assert journal.sequence == journal.last == 52


def test_a_record_said_twice_in_one_run_is_dropped(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append([alert(1), alert(1)])
    journal.append([alert(1)])
    assert len(told(journal)) == 1


def test_what_the_checkpoint_covers_takes_no_memory_and_is_forgotten(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(alerts(1, 2))
    journal.checkpointed(1)
    journal.append(alerts(1, 2))
    assert [name for _, name, _ in told(journal)] == ["alert-1", "alert-2", "alert-1"]


@pytest.mark.parametrize("junk", [b"", b"\x00" * 70 + b"\n", b'{"sequence":4,"id":"x"}\n'], ids=len)
def test_wherever_an_append_is_torn_all_records_are_there_once(tmp_path: Path, junk: bytes) -> None:
    whole = Journal(tmp_path / "whole")
    whole.append(alerts(1))
    whole.append(alerts(2, 3))
    segment = next((tmp_path / "whole").iterdir())
    content = segment.read_bytes()
    first = content.index(b"\n") + 1
    for number, cut in enumerate(range(first, len(content), 37)):
        torn = tmp_path / f"torn-{number}" / segment.name
        torn.parent.mkdir()
        torn.write_bytes(content[:cut] + junk)
        journal = Journal(torn.parent, since=1)
        journal.append(alerts(2, 3))
        assert told(journal) == told(whole)
        journal.close()
        assert told(Journal(torn.parent)) == told(whole)


def test_a_damaged_line_costs_its_own_record_and_is_counted(tmp_path: Path) -> None:
    Journal(tmp_path).append(alerts(1, 2, 3))
    segment = next(tmp_path.iterdir())
    segment.write_bytes(segment.read_bytes().replace(b'{"sequence":2', b'{"sequence":\xff'))
    reader = Journal(tmp_path, since=3).reader(0)
    assert [at for at, _ in reader.next(10, 0.0)] == [1, 3]
    assert reader.dropped == 1


def test_a_torn_end_of_an_older_segment_stops_nobody(tmp_path: Path) -> None:
    """As after a power cut that took what the system had not written yet."""
    journal = Journal(tmp_path, limit_bytes=800)
    journal.append(alerts(1, 2))
    journal.append(alerts(3))
    first = min(tmp_path.iterdir())
    first.write_bytes(first.read_bytes()[:-20])
    for reader in (journal.reader(0), Journal(tmp_path, since=3).reader(0)):
        assert [at for at, _ in drained(reader)] == [1, 3]
        assert reader.dropped == 1


def test_a_record_longer_than_a_block_is_read_whole(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append([alert(1), alert(2, context="x" * 5_000_000), alert(3)])
    assert [at for at, *_ in told(journal)] == [1, 2, 3]


def test_a_segment_goes_when_all_have_passed_it_and_the_checkpoint_covers_it(
    tmp_path: Path,
) -> None:
    journal = Journal(tmp_path, limit_bytes=8_000)
    quick, slow = journal.reader(None), journal.reader(None)
    journal.append(alerts(*range(10)))
    journal.append(alerts(*range(10, 20)))
    journal.append(alerts(20))
    files = sorted(tmp_path.iterdir())
    assert len(files) == 3
    quick.passed = 21
    journal.checkpointed(21)
    assert sorted(tmp_path.iterdir()) == files, "slow still needs them"
    slow.passed = 10
    journal.checkpointed(21)
    assert sorted(tmp_path.iterdir()) == files[1:]
    slow.passed = 21
    journal.checkpointed(21)
    assert sorted(tmp_path.iterdir()) == files[2:], "the one appended to stays"


def test_beyond_its_limit_the_oldest_go_undelivered_and_are_counted(tmp_path: Path) -> None:
    journal = Journal(tmp_path, limit_bytes=8_000)
    absent = journal.reader(0)
    for number in range(100):
        journal.append(alerts(number))
        journal.checkpointed(journal.sequence)
    assert journal.size < 8_000 + 2_000
    before = absent.dropped
    read = drained(absent)
    assert before == absent.dropped == read[0][0] - 1 > 0
    assert [at for at, _ in read] == list(range(read[0][0], 101))


def test_the_limit_never_takes_what_the_checkpoint_does_not_cover(tmp_path: Path) -> None:
    journal = Journal(tmp_path, limit_bytes=8_000)
    journal.reader(0)
    for number in range(100):
        journal.append(alerts(number))
    again = Journal(tmp_path, since=0, limit_bytes=8_000)
    again.append(alerts(*range(100)))
    assert (again.repeated, again.sequence) == (100, 100)


def test_a_reader_waits_until_there_is_something(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    reader = journal.reader(None)
    assert reader.next(1, 0.0) == []
    got: list[int] = []
    thread = threading.Thread(target=lambda: got.extend(at for at, _ in reader.next(5, 20.0)))
    thread.start()
    journal.append(alerts(1))
    thread.join(20.0)
    assert got == [1]


def test_closing_wakes_a_reader_that_waits(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    reader = journal.reader(None)
    thread = threading.Thread(target=lambda: reader.next(1, 60.0))
    thread.start()
    journal.close()
    until(lambda: not thread.is_alive())


def test_readers_see_every_record_while_it_is_appended_to(tmp_path: Path) -> None:
    journal = Journal(tmp_path, limit_bytes=200_000)
    reader = journal.reader(None)
    seen: list[int] = []

    def read() -> None:
        while len(seen) < 2_000 and (entries := reader.next(50, 20.0)):
            seen.extend(at for at, _ in entries)
            reader.passed = seen[-1]

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(0, 2_000, 20):
        journal.append(alerts(*range(number, number + 20)))
        if reader.passed > number - 100:
            journal.checkpointed(journal.sequence)
    thread.join(20.0)
    assert seen == list(range(1, 2_001))


def test_numbers_go_on_where_a_lost_journal_ended(tmp_path: Path) -> None:
    """Else outputs would take new records for ones that they have."""
    journal = Journal(tmp_path / "by checkpoint", since=40)
    journal.append(alerts(1))
    assert journal.sequence == 41
    journal = Journal(tmp_path / "by output")
    ahead, other = journal.reader(70), journal.reader(None)
    assert ahead.next(1, 0.0) == []
    journal.append(alerts(1))
    assert [at for at, _ in ahead.next(5, 0.0)] == [71]
    assert [at for at, _ in other.next(5, 0.0)] == [71]
    assert other.dropped == 0


def test_a_full_disk_leaves_nothing_half_written_and_may_be_tried_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(alerts(1))
    with file_size_limit(400), pytest.raises(StorageError, match="journal of alerts"):
        journal.append(alerts(2, 3))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == journal.size
    assert [at for at, *_ in told(journal)] == [1]
    journal.append(alerts(2, 3))
    assert [name for _, name, _ in told(journal)] == ["alert-1", "alert-2", "alert-3"]
    assert told(Journal(tmp_path)) == told(journal)


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file/journal"):
        Journal(tmp_path / "file" / "journal")
