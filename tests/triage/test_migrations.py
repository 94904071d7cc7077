"""The case store's tables: made by revisions, equal to what the code says, whatever was there."""

import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, insert, select, text

from tests.triage import queues
from tests.triage.scorer_records import DAY, of_batch
from triage import CaseStore, schema
from triage.database import REVISION, Database
from triage.migrations import configuration
from triage.queue import Filters, Queue
from triage.schema import metadata
from whetstone.errors import InputError

# As the first release made them, before there were revisions.
FIRST_RELEASE = """
CREATE TABLE alerts (
    alert_id VARCHAR(128) NOT NULL PRIMARY KEY, day DATE NOT NULL, detector VARCHAR(200) NOT NULL,
    model_version VARCHAR(200) NOT NULL, environment VARCHAR(200) NOT NULL,
    source VARCHAR(200) NOT NULL, unit TEXT NOT NULL, entity JSON NOT NULL,
    unit_start DATETIME NOT NULL, event_timestamp DATETIME NOT NULL, score FLOAT NOT NULL,
    threshold FLOAT NOT NULL, explanation JSON NOT NULL, firing BOOLEAN NOT NULL);
CREATE INDEX alerts_by_day ON alerts (detector, day);
CREATE INDEX alerts_queue ON alerts (day, score);
CREATE TABLE verdicts (
    seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, verdict_id VARCHAR(200) NOT NULL,
    alert_id VARCHAR(128) NOT NULL REFERENCES alerts (alert_id), value VARCHAR(32) NOT NULL,
    by VARCHAR(200) NOT NULL, at DATETIME NOT NULL, note TEXT NOT NULL,
    UNIQUE (verdict_id));
CREATE INDEX ix_verdicts_alert_id ON verdicts (alert_id);
CREATE INDEX ix_verdicts_at ON verdicts (at);
INSERT INTO alerts VALUES ('aa', '2026-03-02', 'brute', '1', 'berlin', 'sshd', 'h|7',
    '{"host": "h"}', '2026-03-02 12:00:00', '2026-03-02 12:01:00', 0.9, 0.5, '[]', 1);
INSERT INTO verdicts VALUES
    (1, 'v1', 'aa', 'true_positive', 'ada', '2026-03-02 13:00:00', 'seen');
"""

# Opens a store, and is killed when it says so many lines.
KILLED = """
import os, signal, sys
from triage.database import Database
from whetstone import console

def say(text):
    said.append(text)
    if len(said) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

said, console.say = [], say
Database(sys.argv[1])
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/cases.db"


def test_the_revisions_make_the_tables_that_the_code_speaks_of(new_store_url: str) -> None:
    database = Database(new_store_url)
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        newest = ScriptDirectory.from_config(configuration(connection)).get_current_head()
    assert newest == REVISION
    database.close()


def test_a_store_of_before_revisions_goes_on_with_all_that_it_holds(
    url: str, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "cases.db")) as old:
        old.executescript(FIRST_RELEASE)
    with closing(CaseStore(url)) as store:
        alert = store.alert("aa")
        assert (alert.state, alert.per_day, alert.events, alert.probe) == (
            "judged",
            None,
            None,
            False,
        )
        assert [verdict.note for verdict in alert.verdicts] == ["seen"]
        store.replace_alerts(DAY, "brute", [of_batch()])
    database = Database(url)
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()


def test_processes_that_begin_at_once_make_the_tables_once(new_store_url: str) -> None:
    begun: list[Database] = []
    threads = [
        threading.Thread(target=lambda: begun.append(Database(new_store_url))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(begun) == len(threads)
    for database in begun:
        database.close()


def test_a_store_that_a_later_release_has_used_is_left_alone(new_store_url: str) -> None:
    with closing(Database(new_store_url)) as later, later.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(InputError, match="a later release has used it"):
        Database(new_store_url)


def test_an_upgrade_says_how_far_the_queue_is(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(tmp_path / "cases.db")) as old:
        old.executescript(FIRST_RELEASE)
    Database(url).close()
    assert capsys.readouterr().err.splitlines() == [
        "making the queue of 1 alerts anew",
        "1 groups made",
    ]
    Database(url).close()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("line", [1, 2], ids=["at the beginning", "when all is written"])
def test_an_upgrade_that_is_killed_has_changed_nothing_and_begins_anew(
    url: str, tmp_path: Path, line: int
) -> None:
    with closing(sqlite3.connect(tmp_path / "cases.db")) as old:
        old.executescript(FIRST_RELEASE)
    with closing(sqlite3.connect(tmp_path / "cases.db")) as old:
        before = list(old.iterdump())
    ended = subprocess.run([sys.executable, "-c", KILLED, url, str(line)], check=False)
    assert ended.returncode == -signal.SIGKILL
    with closing(sqlite3.connect(tmp_path / "cases.db")) as old:
        assert list(old.iterdump()) == before
    with closing(CaseStore(url)) as store:
        (case,) = Queue(store.database).cases(Filters(state="judged")).items
        assert (case.top.alert_id, case.true_positives) == ("aa", 1)
        assert queues.kept(store) == queues.rebuilt(store)


def test_a_revision_after_which_the_queue_stays_as_it_is_does_not_make_it_anew(
    new_store_url: str,
) -> None:
    if new_store_url.startswith("sqlite"):
        Path(new_store_url.removeprefix("sqlite:///")).parent.mkdir()
    group = _a_group()
    engine = create_engine(new_store_url)
    with engine.begin() as connection:
        command.upgrade(configuration(connection), "0002")
        connection.execute(insert(schema.groups).values(group))
    engine.dispose()
    with closing(Database(new_store_url)) as database, database.reading() as connection:
        # No alert stands in it: made anew, it would be gone.
        assert [dict(row._mapping) for row in connection.execute(select(schema.groups))] == [group]


def _a_group() -> dict[str, object]:
    noon = datetime.fromisoformat("2026-03-02T12:00:00")
    numbers = ("open", "judged", "allowed", "true_positives", "false_positives", "events")
    factors = ("calibrated", "weight", "base", "risk")
    return {
        "group_id": "g",
        "environment": "berlin",
        "detector": "brute",
        "unit": "h",
        "entity": {"host": "h"},
        "subject": "h",
        "pattern": "p",
        "day": date(2026, 3, 2),
        "state": "open",
        **dict.fromkeys(numbers, 1),
        "counted": 1,
        "first": noon,
        "last": noon,
        "top_alert": "aa",
        **dict.fromkeys(factors, 0.5),
        "detectors": 1,
    }
