"""kill -9 at any moment: journal and file hold every record exactly once, in order."""

import random
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from tests.streaming_outputs.records import ids, lines_of, names, until
from whetstone.streaming.outputs.entries import decode

KILLS = 12
LAST = 20_000
BYTES_OF_A_LINE = 275


def test_no_kill_loses_a_record_or_says_one_twice(tmp_path: Path) -> None:
    chance = random.Random(5)  # noqa: S311
    ends = {"killed": 0, "done": 0}
    for number in range(KILLS):
        with _scorer(tmp_path, number) as scorer:
            assert scorer.stdout is not None
            scorer.stdout.readline()
            progress = chance.choice([_delivered, _journalled])
            target = progress(tmp_path) + chance.randrange(1_500)
            until(lambda: progress(tmp_path) > target or scorer.poll() is not None)  # noqa: B023
            scorer.kill()
        ends["killed" if scorer.returncode < 0 else "done"] += 1
    with _scorer(tmp_path, KILLS) as scorer:
        assert scorer.wait(60) == 0
    assert ends["killed"] > KILLS / 2, ends
    files = sorted(tmp_path.glob("alerts.jsonl*"), key=_age, reverse=True)
    assert len(files) > 3
    assert ids(line for file in files for line in lines_of(file)) == names(*range(1, LAST + 1))
    _journal_is_whole(tmp_path / "state" / "journal")


def _journal_is_whole(directory: Path) -> None:
    """What was not trimmed yet: without a gap, and up to the end."""
    read = [decode(line) for path in sorted(directory.iterdir()) for line in lines_of(path)]
    held = [(entry[0], entry[1].id) for entry in read if entry is not None]
    assert held == [(at, f"alert-{at}") for at in range(held[0][0], LAST + 1)]
    assert None not in read


def _scorer(directory: Path, seed: int) -> subprocess.Popen[bytes]:
    (directory / "state").mkdir(exist_ok=True)
    output = f"file://{directory}/alerts.jsonl?rotate=100k&keep=1000"
    return subprocess.Popen(
        [sys.executable, "-m", "tests.streaming_outputs.scorer_to_kill",
         str(directory / "state"), output, str(LAST), str(seed)],
        cwd=ROOT, stdout=subprocess.PIPE,
    )  # fmt: skip


def _delivered(directory: Path) -> int:
    """Records that the file's cursor has passed."""
    cursors = list((directory / "state" / "outputs").glob("*.cursor"))
    return int(cursors[0].read_text() or 0) if cursors else 0


def _journalled(directory: Path) -> int:
    """Records on disk, about."""
    segments = sorted((directory / "state" / "journal").glob("*.jsonl"))
    if not segments:
        return 0
    return int(segments[-1].stem) + segments[-1].stat().st_size // BYTES_OF_A_LINE


def _age(path: Path) -> int:
    return int(path.suffix[1:]) if path.suffix[1:].isdigit() else 0
