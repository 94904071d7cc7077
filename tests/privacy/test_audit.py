"""The audit log: every entry is kept, and a change of any is seen."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.audit import AuditLog
from whetstone.errors import InputError

APPEND = """
import sys
from pathlib import Path
from whetstone.audit import AuditLog
log = AuditLog(Path(sys.argv[1]))
for number in range(20):
    log.append(sys.argv[2], "reidentify", "a reason", {"number": number})
"""


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    return AuditLog(tmp_path / "audit" / "privacy.jsonl")


def three(log: AuditLog) -> Path:
    for number in range(3):
        log.append("ada", "reidentify", f"incident {number}", {"alert": f"{number}"})
    return log._path


def test_entries_say_who_did_what_when_and_why(log: AuditLog) -> None:
    written = log.append(" ada ", "reidentify", "incident\n4711", {"alert": "3fa9"})
    read = log.read()
    assert read.entries == [written]
    assert (written.who, written.what, written.why) == ("ada", "reidentify", "incident\n4711")
    assert written.at.endswith("+00:00")
    assert read.problems == []
    assert read.head == written.hash


@pytest.mark.parametrize(("who", "why"), [("", "x"), ("ada", ""), ("ada", " \n")])
def test_nothing_happens_without_a_name_and_a_reason(log: AuditLog, who: str, why: str) -> None:
    with pytest.raises(InputError, match="who asks and why"):
        log.append(who, "reidentify", why, {})
    assert log.read().entries == []


@given(st.integers(0, 2), st.data())
def test_a_changed_entry_is_seen(
    tmp_path_factory: pytest.TempPathFactory, at: int, data: st.DataObject
) -> None:
    log = AuditLog(tmp_path_factory.mktemp("audit") / "privacy.jsonl")
    path = three(log)
    head = log.read().head
    lines = path.read_text().splitlines()
    entry = json.loads(lines[at])
    field = data.draw(st.sampled_from(["who", "what", "why", "at", "previous"]))
    entry[field] = data.draw(st.text().filter(lambda text: text != entry[field]))
    lines[at] = json.dumps(entry, sort_keys=True)
    path.write_text("\n".join(lines) + "\n")
    after = log.read()
    # Of the last entry the hash tells, which somebody keeps elsewhere.
    assert after.problems or after.head != head
    assert after.problems or at == 2


@pytest.mark.parametrize("at", [0, 1])
def test_a_removed_entry_is_seen(log: AuditLog, at: int) -> None:
    path = three(log)
    lines = path.read_text().splitlines()
    del lines[at]
    path.write_text("\n".join(lines) + "\n")
    assert log.read().problems


def test_what_a_crash_left_is_no_entry_and_the_next_one_follows(log: AuditLog) -> None:
    path = three(log)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"at": "2026-')
    assert log.read().problems == ["line 4 is no entry"]
    log.append("bo", "forget", "retention", {})
    assert path.read_bytes().startswith(whole)
    read = log.read()
    assert (len(read.entries), read.problems) == (4, [])


def test_processes_that_write_at_the_same_moment_make_one_chain(log: AuditLog) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", APPEND, str(log._path), name])
        for name in ("ada", "bo", "cem")
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    read = log.read()
    assert (len(read.entries), read.problems) == (60, [])
    assert [e.details["number"] for e in read.entries if e.who == "bo"] == list(range(20))


def test_long_entries_and_what_a_crash_left_of_one_break_no_chain(log: AuditLog) -> None:
    for length in (1, 65_500, 65_536, 300_000, 1):
        log.append("ada", "reidentify", "x" * length, {})
    with log._path.open("ab") as file:
        file.write(b'{"at": "' + b"y" * 200_000)
    log.append("ada", "reidentify", "after the crash", {})
    read = log.read()
    assert read.problems == []
    assert [len(entry.why) for entry in read.entries] == [1, 65_500, 65_536, 300_000, 1, 15]
