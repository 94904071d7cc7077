"""The case store's tables: made by revisions, equal to what the code says, whatever was there."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from tests.triage.scorer_records import DAY, of_batch
from triage import CaseStore
from triage.database import REVISION, Database
from triage.migrations import configuration
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
