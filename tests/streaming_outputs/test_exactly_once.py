"""Whatever the order of work, checkpoints, deliveries and kills: every record once, in order."""

import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.streaming_outputs.records import alerts, ids, lines_of, names
from whetstone.streaming.outputs import journal
from whetstone.streaming.outputs.deliver import Cursor
from whetstone.streaming.outputs.file import File
from whetstone.streaming.outputs.journal import Journal

PART = st.floats(0.0, 1.0, exclude_max=True)


@dataclass(frozen=True)
class Work:
    """So many records are read and said; a kill may come when a part of the bytes is written."""

    records: int
    killed_at: float | None


@dataclass(frozen=True)
class Deliver:
    """So many records go to the file; a kill may come when a part of the bytes is written."""

    records: int
    killed_at: float | None


@dataclass(frozen=True)
class Checkpoint:
    """The state of now is kept."""


STEPS = st.lists(
    st.one_of(
        st.builds(Work, st.integers(1, 6), st.none() | PART),
        st.builds(Deliver, st.integers(1, 6), st.none() | PART),
        st.just(Checkpoint()),
    ),
    max_size=25,
)


@given(STEPS)
@settings(max_examples=60)
def test_every_record_is_delivered_once_and_in_order(
    steps: list[Work | Deliver | Checkpoint],
) -> None:
    with TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "_SEGMENT_BYTES", 700)
        scorer = Scorer(Path(directory))
        for step in steps:
            scorer.take(step)
        last = scorer.finish()
        path = Path(directory) / "alerts.jsonl"
        rotated = sorted(path.parent.glob("alerts.jsonl.*"), key=lambda file: -int(file.suffix[1:]))
        told = ids(line for file in [*rotated, path] if file.exists() for line in lines_of(file))
        assert told == names(*range(1, last + 1))


class Scorer:
    """Reads the numbers from 1, and can be killed: what is not on disk is forgotten."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._checkpoint = (0, 0)
        self.read = self.furthest = 0
        self._start()

    def take(self, step: Work | Deliver | Checkpoint) -> None:
        match step:
            case Work():
                self._work(step)
            case Deliver():
                self._deliver(step)
            case Checkpoint():
                self._checkpoint = (self.read, self._journal.sequence)
                self._journal.checkpointed(self._journal.sequence)

    def finish(self) -> int:
        """Read to the end, deliver all; the last number there was."""
        last = max(self.furthest, 1)
        self._work(Work(last - self.read, None))
        while entries := self._reader.next(100, 0.0):
            self._output.send(entries)
        self.close()
        return last

    def close(self) -> None:
        self._journal.close()
        self._output.close()
        self._cursor.close()

    def _start(self) -> None:
        self.read, since = self._checkpoint
        self._journal = Journal(self._directory / "journal", since)
        self._cursor = Cursor(self._directory / "cursor")
        self._output = File(self._directory / "alerts.jsonl", rotate=900, keep=99)
        known = [at for at in (self._cursor.read(), self._output.cursor()) if at is not None]
        self._reader = self._journal.reader(max(known, default=None))

    def _killed(self) -> None:
        self.close()
        self._start()

    def _work(self, step: Work) -> None:
        before = self._sizes("journal/*")
        self._journal.append(alerts(*range(self.read + 1, self.read + step.records + 1)))
        self.read += step.records
        self.furthest = max(self.furthest, self.read)
        if step.killed_at is not None:
            self._tear("journal/*", before, step.killed_at)
            self._killed()

    def _deliver(self, step: Deliver) -> None:
        entries = self._reader.next(step.records, 0.0)
        if not entries:
            return
        before = self._sizes("alerts.jsonl")
        self._output.send(entries)
        if step.killed_at is not None:
            self._tear("alerts.jsonl", before, step.killed_at)
            self._killed()
        else:
            self._reader.passed = entries[-1][0]
            self._cursor.write(entries[-1][0])

    def _sizes(self, pattern: str) -> dict[Path, int]:
        return {path: path.stat().st_size for path in self._directory.glob(pattern)}

    def _tear(self, pattern: str, before: dict[Path, int], part: float) -> None:
        """Only a part of what was written last came to the disk before the kill."""
        for path, size in self._sizes(pattern).items():
            kept = before.get(path, 0)
            if size > kept:
                os.truncate(path, kept + int((size - kept) * part))
