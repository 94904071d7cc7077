"""What is in quarantine is kept, and nothing is trained on it until a person says so."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from test_contributions import hand_in

from whetstone.contributions import accepted_contributions, contributions, contributions_version
from whetstone.errors import InputError
from whetstone.quarantine import (
    CONTRIBUTION,
    GUARD,
    VERDICTS,
    history,
    quarantine,
    quarantined,
    quarantined_contributors,
    release,
    vouched_for,
)


def mark(root: Path, name: str = "mallory", kind: str = VERDICTS) -> bool:
    _, new = quarantine(root, "ssh", kind, name, reason="recall", by=GUARD, numbers={"with": 0.6})
    return new


def test_a_contribution_in_quarantine_is_kept_and_belongs_to_no_golden_dataset(tmp_path: Path):
    bad, _ = hand_in(tmp_path)
    good, _ = hand_in(tmp_path, raw="another line\n")
    root = tmp_path / "contributions"
    both = contributions_version(contributions(root, "ssh"))
    mark(root, bad.id, CONTRIBUTION)
    assert contributions(root, "ssh") == [good]
    assert {one.id for one in accepted_contributions(root, "ssh")} == {bad.id, good.id}
    assert contributions_version(contributions(root, "ssh")) != both
    release(root, "ssh", CONTRIBUTION, bad.id, reason="mistake", by="ada")
    assert contributions_version(contributions(root, "ssh")) == both


def test_a_mark_outlives_the_process_that_set_it(tmp_path: Path):
    program = f"""
        import os, signal
        from pathlib import Path
        from whetstone.quarantine import quarantine
        quarantine(Path({str(tmp_path)!r}), "ssh", "verdicts", "mallory", reason="r", by="ada")
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert done.returncode == -signal.SIGKILL
    (found,) = quarantined(tmp_path, "ssh")
    assert (found.origin, found.by, found.reason) == ("verdicts:mallory", "ada", "r")
    assert quarantined_contributors(tmp_path, "ssh") == {"mallory"}


def test_marking_again_keeps_the_first_mark(tmp_path: Path):
    assert mark(tmp_path)
    (first,) = quarantined(tmp_path, "ssh")
    assert not mark(tmp_path)
    assert quarantined(tmp_path, "ssh") == history(tmp_path, "ssh") == [first]


def test_what_a_person_released_can_be_marked_again_and_the_history_stays(tmp_path: Path):
    mark(tmp_path)
    release(tmp_path, "ssh", VERDICTS, "mallory", reason="asked her", by="ada")
    assert quarantined_contributors(tmp_path, "ssh") == frozenset()
    assert vouched_for(tmp_path, "ssh") == {"verdicts:mallory"}
    _, again = release(tmp_path, "ssh", VERDICTS, "mallory", reason="asked her", by="bo")
    assert not again
    assert mark(tmp_path)
    assert vouched_for(tmp_path, "ssh") == frozenset()
    assert [one.state for one in history(tmp_path, "ssh")] == [
        "quarantined",
        "released",
        "quarantined",
    ]


def test_a_mark_is_of_one_dataset(tmp_path: Path):
    mark(tmp_path)
    assert quarantined(tmp_path, "scans") == []


def test_mistakes_say_what_to_do(tmp_path: Path):
    mark(tmp_path)
    with pytest.raises(
        InputError, match=r"verdicts:ada was never in quarantine .* verdicts:mallory"
    ):
        release(tmp_path, "ssh", VERDICTS, "ada", reason="r", by="bo")
    with pytest.raises(InputError, match="write contribution or verdicts"):
        quarantine(tmp_path, "ssh", "person", "ada", reason="r", by="bo")
    with pytest.raises(InputError, match="name what is marked"):
        quarantine(tmp_path, "ssh", VERDICTS, " ", reason="r", by="bo")


def test_marks_that_cannot_be_read_release_nothing(tmp_path: Path):
    mark(tmp_path)
    (tmp_path / "ssh" / "quarantine.json").write_text("[{")
    for read in (quarantined, contributions):
        with pytest.raises(InputError, match="restore it from a backup"):
            read(tmp_path, "ssh")


def test_marks_that_are_set_at_once_are_all_kept(tmp_path: Path):
    program = """
        import sys
        from pathlib import Path
        from whetstone.quarantine import quarantine
        sys.stdin.readline()
        quarantine(Path(sys.argv[1]), "ssh", "verdicts", sys.argv[2], reason="r", by="ada")
    """
    names = ["a", "b", "c"]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program), str(tmp_path), name],
            stdin=subprocess.PIPE,
            env=dict(os.environ),
        )
        for name in names
    ]
    for process in started:
        process.stdin.write(b"go\n")
        process.stdin.close()
    assert [process.wait() for process in started] == [0] * len(names)
    assert quarantined_contributors(tmp_path, "ssh") == set(names)
