"""Uploading labelled raw files and trying ideas, through the server as a browser does."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.triage.servers import Answer, Served, serving, wait_until
from triage.access import MOST_BODY_BYTES
from triage.database import Database
from triage.desk import Desk
from triage.intake.jobs import LEASE, JobKind, Jobs, add_job
from triage.intake.uploads import Uploads
from whetstone.settings import Settings

LINES = "".join(
    f"Mar  1 10:00:{second:02} web sshd[1]: Failed password for root from 203.0.113.{host}"
    f" port 40000 ssh2\n"
    for second in range(5)
    for host in (5, 6)
)
LABELS = "unit,label\n203.0.113.5,bruteforce\nnobody,benign\n"
IDEA = Path("docs/examples/ssh_pace.textproto").read_text()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("intake")
    (home / "lake").mkdir()
    with serving(home) as served:
        yield served


def offer(desk: Served, labels: str = LABELS, name: str = "auth.log", **fields: str) -> Answer:
    """Send the form with its files."""
    told = {"dataset": "ssh_bruteforce", "day": "2026-03-01", "note": "a lab", **fields}
    return desk.upload("/contribute", told, {"raw": (name, LINES), "labels": ("l.csv", labels)})


def looked_at(desk: Served, labels: str = LABELS) -> str:
    """Where the page of an upload is, once its preview is there."""
    answer = offer(desk, labels)
    assert answer.status == 303
    place = answer.headers["Location"]
    wait_until(lambda: "aria-busy" not in desk.get(place).text)
    return place


def test_an_upload_is_previewed_then_accepted_by_its_contributor(desk: Served) -> None:
    place = looked_at(desk)
    page = desk.get(place).text
    assert "labelled attack" in page
    assert "Labels without a unit" in page
    assert "nobody" in page
    contributions = desk.home / "contributions" / "ssh_bruteforce"
    assert not contributions.exists()
    assert desk.form(f"{place}/accept", {}).status == 303
    assert desk.form(f"{place}/accept", {}).status == 303
    (accepted,) = contributions.iterdir()
    assert (accepted / "auth.log").read_text() == LINES
    assert accepted.name in desk.get(place).text
    assert list((desk.home / "uploads").iterdir()) == []
    assert desk.form(f"{place}/discard", {}).status == 303
    assert accepted.exists()


def test_what_cannot_be_used_says_why_and_can_be_discarded(desk: Served) -> None:
    place = looked_at(desk, "unit,label\n203.0.113.5,strange\n")
    page = desk.get(place).text
    assert "labels.csv:2: label: &#39;strange&#39; is no class of ssh_bruteforce" in page
    assert desk.form(f"{place}/accept", {}).status == 422
    assert desk.form(f"{place}/discard", {}).status == 303
    assert "discarded" in desk.get("/contribute").text


def test_a_dataset_that_does_not_exist_is_said_on_the_form(desk: Served) -> None:
    answer = offer(desk, dataset="nothing_such")
    assert answer.status == 422
    assert "nothing_such" in answer.text
    assert "<form" in answer.text


def test_a_file_s_name_leads_nowhere(tmp_path: Path) -> None:
    with serving(tmp_path, workers=False) as desk:
        for name in ("../../cases.db", "..\\..\\x", "/etc/passwd", "labels.csv", ".x"):
            before = {path for path in desk.home.rglob("*") if path.is_file()}
            upload = desk.home / "uploads" / offer(desk, name=name).headers["Location"][-32:]
            new = {path for path in desk.home.rglob("*") if path.is_file()} - before
            assert {path.parent for path in new} == {upload}
            assert len(new) == 2
            assert (upload / "labels.csv").read_text() == LABELS


def test_an_upload_may_be_larger_than_other_requests(tmp_path: Path) -> None:
    with serving(tmp_path, workers=False) as desk:
        labels = LABELS + "".join(f"nobody{number},benign\n" for number in range(500_000))
        assert len(labels) > MOST_BODY_BYTES
        assert offer(desk, labels).status == 303


def test_old_uploads_that_nobody_decided_on_are_forgotten(tmp_path: Path) -> None:
    with serving(tmp_path, workers=False) as desk:
        offer(desk)
        with closing(sqlite3.connect(desk.home / "cases.db")) as store, store:
            store.execute("UPDATE jobs SET at = '2020-01-01 00:00:00'")
        place = offer(desk).headers["Location"]
        (left,) = (desk.home / "uploads").iterdir()
        assert left.name == place.rpartition("/")[2]
        uploads = Uploads(Desk(desk.cases, Settings(home=desk.home))).listed(None)
        assert [upload.decision for upload in uploads] == [None, "discarded"]


def test_a_job_whose_server_was_killed_is_run_by_the_next(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/cases.db")
    jobs = Jobs(database)
    with database.writing() as connection:
        job = add_job(connection, JobKind.IDEA, "ada")
    assert jobs.claim() == (job, JobKind.IDEA)
    assert jobs.claim() is None
    with closing(sqlite3.connect(tmp_path / "cases.db")) as store, store:
        long_ago = f"{LEASE.total_seconds() + 1} seconds"
        store.execute(
            f"UPDATE jobs SET touched = strftime('%Y-%m-%d %H:%M:%f', 'now', '-{long_ago}')"
        )
    assert jobs.claim() == (job, JobKind.IDEA)
    jobs.stop(job)
    assert not jobs.touch(job, "going on")
    assert jobs.claim() is None
    database.close()


def test_an_idea_is_tried_and_its_findings_shown(desk: Served) -> None:
    answer = desk.form("/ideas", {"definition": IDEA.replace("\n", "\r\n")})
    assert answer.status == 303
    place = answer.headers["Location"]
    wait_until(lambda: "aria-busy" not in desk.get(place).text)
    page = desk.get(place).text
    assert "lines_a_second" in page
    assert "µs an event" in page
    report = re.search(r'href="http://127\.0\.0\.1:3001/(ideas/[^"]+)"', page)
    assert report
    assert (desk.home / "reports" / report[1]).exists()


def test_an_idea_that_is_not_valid_says_line_and_field_and_is_not_tried(desk: Served) -> None:
    wrong = IDEA.replace("sum(times) FILTER", "read_csv(times) FILTER")
    answer = desk.form("/ideas", {"definition": wrong})
    assert answer.status == 422
    assert re.search(r"idea:\d+: features\[1\]\.definition: ", answer.text)
    assert "read_csv(times)" in answer.text


def test_an_idea_can_be_stopped(tmp_path: Path) -> None:
    with serving(tmp_path, workers=False) as desk:
        place = desk.form("/ideas", {"definition": IDEA}).headers["Location"]
        assert "Waiting for its turn" in desk.get(place).text
        assert desk.form(f"{place}/stop", {}).status == 303
        assert "Stopped" in desk.get(place).text
        assert Jobs(desk.cases.database).claim() is None


def test_the_server_ends_at_once_while_a_job_runs(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    with serving(tmp_path) as desk:
        place = desk.form("/ideas", {"definition": IDEA}).headers["Location"]
        wait_until(lambda: "Being tried" in desk.get(place).text)
    with closing(sqlite3.connect(tmp_path / "cases.db")) as store:
        assert store.execute("SELECT state FROM jobs").fetchall() == [("running",)]
