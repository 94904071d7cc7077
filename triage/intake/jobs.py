"""Work that takes longer than a page may: handed in, run once, its result kept.

The table is the ledger. A server claims what waits and says from time to time that it goes on; what
a server left behind that was killed waits again after `LEASE`, and another one runs it anew.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, and_, or_, select, update

from triage import schema
from triage.database import Database
from triage.incoming import now

LEASE = timedelta(seconds=30)
"""For so long a job is its server's after that last spoke of it."""
_J = schema.jobs.c


class JobKind(StrEnum):
    """What is done."""

    UPLOAD = "upload"
    IDEA = "idea"


class JobState(StrEnum):
    """How far it is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


OVER = (JobState.DONE, JobState.FAILED, JobState.STOPPED)


@dataclass(frozen=True)
class Job:
    """A piece of work.

    Attributes:
        by: who wants it.
        at: since when; UTC, naive, as all times here.
        touched: when its server last spoke of it.
        progress: what it does now, in a line.
        found: its result.
        problem: why there is none.
    """

    job_id: str
    kind: JobKind
    by: str
    at: datetime
    state: JobState
    touched: datetime | None
    progress: str
    found: dict[str, Any] | None
    problem: str | None
    ended: datetime | None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in OVER


def add_job(connection: Connection, kind: JobKind, by: str) -> str:
    """Hand in a job; its id."""
    job_id = uuid.uuid4().hex
    connection.execute(
        schema.jobs.insert(),
        {
            "job_id": job_id,
            "kind": kind,
            "by": by,
            "at": now(),
            "state": JobState.WAITING,
            "progress": "",
        },
    )
    return job_id


def jobs_by_id(connection: Connection, ids: Collection[str]) -> dict[str, Job]:
    """These jobs, by their ids."""
    rows = connection.execute(select(schema.jobs).where(_J.job_id.in_(ids)))
    found = (Job(**row._mapping) for row in rows)
    return {job.job_id: job for job in found}


class Jobs:
    """The jobs of an installation, for the one who runs them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self) -> tuple[str, JobKind] | None:
        """Take the oldest job that nobody runs; None: there is none."""
        free = or_(
            _J.state == JobState.WAITING,
            and_(_J.state == JobState.RUNNING, _J.touched < now() - LEASE),
        )
        oldest = select(_J.job_id, _J.kind).where(free).order_by(_J.at, _J.job_id).limit(1)
        with self._database.reading() as connection:
            if connection.execute(oldest).first() is None:
                return None
        with self._database.writing() as connection:
            row = connection.execute(oldest.with_for_update(skip_locked=True)).first()
            if row is None:
                return None
            mine = {"state": JobState.RUNNING, "touched": now(), "progress": "beginning"}
            connection.execute(update(schema.jobs).where(_J.job_id == row.job_id).values(mine))
        return row.job_id, JobKind(row.kind)

    def touch(self, job_id: str, progress: str) -> bool:
        """Say that it goes on, and what it does; False: it is to be stopped."""
        running = and_(_J.job_id == job_id, _J.state == JobState.RUNNING)
        told = {"touched": now(), "progress": progress[:500]}
        with self._database.writing() as connection:
            return bool(
                connection.execute(update(schema.jobs).where(running).values(told)).rowcount
            )

    def end(self, job_id: str, found: dict[str, Any] | None, problem: str | None) -> None:
        """Keep what came of it, unless it was stopped meanwhile."""
        state = JobState.FAILED if found is None else JobState.DONE
        self._end(job_id, {"state": state, "found": found, "problem": problem})

    def stop(self, job_id: str) -> None:
        """Nobody wants it any more; whoever runs it sees that when it next speaks of it."""
        self._end(job_id, {"state": JobState.STOPPED})

    def _end(self, job_id: str, values: dict[str, Any]) -> None:
        going = and_(_J.job_id == job_id, _J.state.not_in(OVER))
        with self._database.writing() as connection:
            ended = update(schema.jobs).where(going).values(**values, ended=now())
            connection.execute(ended)
