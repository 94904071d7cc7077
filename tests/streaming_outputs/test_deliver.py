"""Each output gets what it wants once and in order, at its own pace, whatever the others do."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.streaming_outputs.records import Shelf, alert, alerts, ids, lines_of, names, until
from whetstone.errors import InputError
from whetstone.streaming.outputs import Output, OutputError, Refused, deliver
from whetstone.streaming.outputs.deliver import Deliveries
from whetstone.streaming.outputs.file import File
from whetstone.streaming.outputs.journal import Entry, Journal


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(deliver, "LONGEST_PAUSE", 0.01)


@pytest.fixture
def started(tmp_path: Path) -> Callable[..., tuple[Journal, Deliveries]]:
    def start(*outputs: Output, **journal: int) -> tuple[Journal, Deliveries]:
        opened = Journal(tmp_path / "journal", **journal)
        deliveries = Deliveries(opened, outputs, tmp_path / "outputs")
        deliveries.start()
        return opened, deliveries

    return start


Started = Callable[..., tuple[Journal, Deliveries]]


def test_every_output_gets_everything_in_order(started: Started) -> None:
    one, other = Shelf("one:"), Shelf("other:")
    journal, deliveries = started(one, other)
    for number in range(300):
        journal.append(alerts(number))
    assert deliveries.stop(20.0)
    assert one.held == other.held == list(range(1, 301))
    assert [d.delivered for d in deliveries.deliveries] == [300, 300]


def test_an_output_that_hangs_holds_up_nobody(started: Started) -> None:
    stuck, well = Shelf("stuck:"), Shelf("well:")
    stuck.open.clear()
    journal, deliveries = started(stuck, well)
    journal.append(alerts(1, 2))
    until(lambda: well.held == [1, 2])
    assert deliveries.deliveries[0].behind == 2
    stuck.open.set()
    assert deliveries.stop(20.0)
    assert stuck.held == [1, 2]


def test_what_failed_is_offered_again_until_it_is_taken(started: Started) -> None:
    shelf = Shelf()
    failures = [OutputError("away"), ConnectionError("a fault of the output"), OutputError("away")]
    shelf.failure = lambda _: failures.pop() if failures else None
    journal, deliveries = started(shelf)
    journal.append(alerts(1, 2))
    assert deliveries.stop(20.0)
    assert shelf.sends == [[1, 2]] * 4
    assert shelf.held == [1, 2]
    assert (deliveries.deliveries[0].retries, deliveries.deliveries[0].error) == (3, "")


def test_a_failure_is_told_while_it_lasts(started: Started) -> None:
    shelf = Shelf()
    shelf.failure = lambda _: OutputError("the disk there is full")
    journal, deliveries = started(shelf)
    journal.append(alerts(1))
    until(lambda: deliveries.deliveries[0].error)
    assert deliveries.deliveries[0].error == "the disk there is full"
    assert not deliveries.stop(0.05), "not all was delivered"


def test_it_waits_as_long_as_the_destination_asks(started: Started) -> None:
    shelf = Shelf()
    shelf.failure = lambda _: OutputError("later", retry_after=3600.0)
    journal, deliveries = started(shelf)
    journal.append(alerts(1))
    assert not deliveries.stop(0.3)
    assert len(shelf.sends) == 1


def test_only_the_record_that_is_refused_is_given_up(started: Started) -> None:
    shelf = Shelf()
    shelf.failure = lambda sent: Refused("bad") if any(at == 2 for at, _ in sent) else None
    journal, deliveries = started(shelf)
    journal.append(alerts(1, 2, 3))
    journal.append(alerts(4))
    assert deliveries.stop(20.0)
    assert shelf.held == [1, 3, 4]
    assert deliveries.deliveries[0].refused == 1


def test_analysts_see_no_shadow_alerts_and_no_canaries(started: Started) -> None:
    class Platform(Shelf):
        def wants(self, entry: Entry) -> bool:
            return True

    analysts, platform = Shelf("analysts:"), Platform("platform:")
    journal, deliveries = started(analysts, platform)
    journal.append([alert(1), alert(2, shadow=True), alert(3, canary=True), alert(4, shadow=False)])
    assert deliveries.stop(20.0)
    assert analysts.held == [1, 4]
    assert platform.held == [1, 2, 3, 4]
    assert [d.passed_over for d in deliveries.deliveries] == [2, 0]


def test_a_new_process_goes_on_where_the_old_one_was(started: Started) -> None:
    first = Shelf()
    journal, deliveries = started(first)
    journal.append([*alerts(1, 2), alert(3, shadow=True)])
    assert deliveries.stop(20.0)
    second = Shelf()
    journal, deliveries = started(second, since=3)
    journal.append(alerts(4))
    assert deliveries.stop(20.0)
    assert second.held == [4]


def test_what_was_not_delivered_before_the_end_is_delivered_after_it(started: Started) -> None:
    first = Shelf()
    first.failure = lambda _: OutputError("away")
    journal, deliveries = started(first)
    journal.append(alerts(1))
    assert not deliveries.stop(0.05)
    second = Shelf()
    _, deliveries = started(second)
    assert deliveries.stop(20.0)
    assert second.held == [1]


def test_a_file_that_outlives_its_journal_takes_what_is_new(
    started: Started, tmp_path: Path
) -> None:
    path = tmp_path / "alerts.jsonl"
    for number in (1, 2):
        journal, deliveries = started(File(path))
        journal.append(alerts(number))
        assert deliveries.stop(20.0)
        for lost in (tmp_path / "journal").iterdir():
            lost.unlink()
    assert ids(lines_of(path)) == names(1, 2)


def test_an_output_away_for_too_long_loses_the_oldest_and_says_how_many(
    started: Started,
) -> None:
    shelf = Shelf()
    shelf.open.clear()
    journal, deliveries = started(shelf, limit_bytes=8_000)
    for number in range(100):
        journal.append(alerts(number))
        journal.checkpointed(journal.sequence)
    dropped = deliveries.deliveries[0].dropped
    shelf.open.set()
    assert deliveries.stop(20.0)
    assert dropped > 50
    assert 100 - len(shelf.held) <= dropped
    assert deliveries.deliveries[0].dropped == 100 - len(shelf.held)


def test_delivered_segments_leave_the_journal(started: Started, tmp_path: Path) -> None:
    shelf = Shelf()
    journal, deliveries = started(shelf, limit_bytes=8_000)
    for number in range(50):
        journal.append(alerts(number))
    until(lambda: not deliveries.deliveries[0].behind)
    assert len(list((tmp_path / "journal").iterdir())) > 10
    journal.checkpointed(50)
    assert len(list((tmp_path / "journal").iterdir())) == 1
    assert deliveries.stop(20.0)


def test_one_place_is_no_two_outputs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="given twice"):
        Deliveries(Journal(tmp_path), [Shelf(), Shelf()], tmp_path)


def test_an_output_that_cannot_be_used_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    outputs: Sequence[Output] = [File(tmp_path / "file" / "alerts.jsonl")]
    with pytest.raises(OutputError, match="cannot be written"):
        Deliveries(Journal(tmp_path / "journal"), outputs, tmp_path / "outputs")
