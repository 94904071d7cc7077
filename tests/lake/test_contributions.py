"""A contribution is accepted whole, once, and never changes."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from whetstone.contributions import (
    Contribution,
    contribute,
    contributions,
    contributions_version,
)
from whetstone.errors import InputError

CONTRIBUTE = """
import sys
from datetime import date
from pathlib import Path
from whetstone.contributions import contribute
root, raw, labels, who = sys.argv[1:]
sys.stdin.readline()
accepted, new = contribute(Path(root), "ssh", "sshd", Path(raw), Path(labels), contributor=who,
                           day=date(2026, 3, 1))
print(accepted.id, accepted.contributor, new)
"""


def hand_in(
    directory: Path, raw: str = "line\n", labels: str = "unit,label\n", **changes: str
) -> tuple[Contribution, bool]:
    files = directory / changes.get("raw_name", "auth.log"), directory / "labels-of-mine.csv"
    for file, content in zip(files, (raw, labels), strict=True):
        file.write_text(content)
    return contribute(
        directory / "contributions",
        changes.get("dataset", "ssh"),
        "sshd",
        *files,
        contributor=changes.get("contributor", "ana"),
        day=date.fromisoformat(changes.get("day", "2026-03-01")),
    )


def test_a_contribution_is_read_as_it_was_handed_in(tmp_path: Path) -> None:
    accepted, new = hand_in(tmp_path)
    assert new
    assert contributions(tmp_path / "contributions", "ssh") == [accepted]
    assert accepted.raw.read_text() == "line\n"
    assert accepted.labels.read_text() == "unit,label\n"
    assert (accepted.contributor, accepted.day) == ("ana", "2026-03-01")


def test_handing_in_the_same_again_changes_nothing_whoever_does_it(tmp_path: Path) -> None:
    first, _ = hand_in(tmp_path)
    again, new = hand_in(tmp_path, contributor="bo", raw_name="other.log")
    assert (again, new) == (first, False)
    assert contributions(tmp_path / "contributions", "ssh") == [first]


@pytest.mark.parametrize(
    "change", [{"raw": "x"}, {"labels": "x"}, {"day": "2026-03-02"}, {"dataset": "web"}]
)
def test_other_content_is_another_contribution(tmp_path: Path, change: dict[str, str]) -> None:
    first, _ = hand_in(tmp_path)
    other, new = hand_in(tmp_path, **change)
    assert new
    assert other.id != first.id
    assert first.raw.read_text() == "line\n"


def test_contributions_have_one_version_in_whatever_order_they_came(tmp_path: Path) -> None:
    for number, order in enumerate((["a", "b"], ["b", "a"])):
        (tmp_path / str(number)).mkdir()
        for raw in order:
            hand_in(tmp_path / str(number), raw=raw)
    one, other = (contributions(tmp_path / n / "contributions", "ssh") for n in "01")
    assert contributions_version(one) == contributions_version(other)
    assert contributions_version(one[:1]) != contributions_version(one)


@pytest.mark.parametrize("name", ["labels.csv", "contribution.json"])
def test_a_raw_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    hand_in(tmp_path, raw_name=name)
    (accepted,) = contributions(tmp_path / "contributions", "ssh")
    assert accepted.raw.read_text() == "line\n"
    assert accepted.labels.read_text() == "unit,label\n"


def test_a_contribution_without_raw_logs_or_labels_is_refused(tmp_path: Path) -> None:
    for change in ({"raw": ""}, {"labels": ""}):
        with pytest.raises(InputError, match="empty"):
            hand_in(tmp_path, **change)
    assert contributions(tmp_path / "contributions", "ssh") == []


def test_what_is_still_being_copied_is_not_seen(tmp_path: Path) -> None:
    accepted, _ = hand_in(tmp_path)
    accepted.directory.rename(accepted.directory.with_name(".0123.tmp"))
    assert contributions(tmp_path / "contributions", "ssh") == []
    assert hand_in(tmp_path)[1]


def test_a_place_that_cannot_be_written_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "contributions").write_text("a file where a directory should be")
    with pytest.raises(InputError, match="cannot be written"):
        hand_in(tmp_path)


def test_the_same_contribution_handed_in_at_once_is_accepted_once(tmp_path: Path) -> None:
    root, raw, labels = (tmp_path / name for name in ("contributions", "auth.log", "l.csv"))
    raw.write_text("line\n" * 50_000)
    labels.write_text("unit,label\n")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CONTRIBUTE, str(root), str(raw), str(labels), who],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for who in ("ana", "bo", "cem", "dia")
    ]
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate()[0].split() for process in processes]
    (accepted,) = contributions(root, "ssh")
    assert {identity for identity, _, _ in said} == {accepted.id}
    assert {who for _, who, _ in said} == {accepted.contributor}
    assert [new for _, _, new in said].count("True") == 1
    assert [path.name for path in (root / "ssh").iterdir()] == [accepted.id]
