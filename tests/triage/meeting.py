"""Transactions that meet on Postgres at the worst moment: in step, so that none sees the others."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Engine, event

from triage.database import Database

_WRITES = ("INSERT", "UPDATE", "DELETE")
_LOOK_SECONDS = 0.003


class _Meeting:
    """Holds up whoever is to write, or to commit what it wrote, until the others are as far.

    Those who wait for a lock in the database, or are through, cannot come any nearer.
    """

    def __init__(self, watch: psycopg.Connection[Any], parties: int) -> None:
        self._watch = watch
        self._parties = parties
        self._through = 0
        self._steps: Counter[int] = Counter()
        self._guard = threading.Lock()

    def come(self) -> None:
        """A thread stands before its next step."""
        me = threading.get_ident()
        with self._guard:
            self._steps[me] += 1
        while not self._all_are(self._steps[me]):
            threading.Event().wait(_LOOK_SECONDS)

    def leave(self) -> None:
        """A thread is through."""
        with self._guard:
            self._steps.pop(threading.get_ident(), None)
            self._through += 1

    def _all_are(self, step: int) -> bool:
        with self._guard:
            far = sum(taken >= step for taken in self._steps.values())
            query = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            (waiting,) = self._watch.execute(query).fetchall()[0]
            return far + waiting + self._through >= self._parties


def together(url: str, *works: Callable[[Database], Any]) -> list[Any]:
    """What each of these returns or raises, when they meet; each has connections of its own."""
    found: list[Any] = [None] * len(works)
    plain = url.replace("+psycopg", "", 1)
    with psycopg.connect(plain, autocommit=True) as watch:
        meeting = _Meeting(watch, len(works))
        writers: dict[int, bool] = {}

        def run(place: int) -> None:
            database = Database(url)
            # From here on; whether it has written in the transaction that it is in.
            writers[threading.get_ident()] = False
            try:
                found[place] = works[place](database)
            except Exception as error:
                found[place] = error
            finally:
                del writers[threading.get_ident()]
                meeting.leave()
                database.close()

        threads = [threading.Thread(target=run, args=(place,)) for place in range(len(works))]
        with _in_step(meeting, writers):
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    return found


@contextmanager
def _in_step(meeting: _Meeting, writers: dict[int, bool]) -> Iterator[None]:
    def execute(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        me = threading.get_ident()
        if me in writers and statement.lstrip().upper().startswith(_WRITES):
            writers[me] = True
            meeting.come()

    def commit(_connection: Any) -> None:
        me = threading.get_ident()
        if writers.get(me):
            writers[me] = False
            meeting.come()

    event.listen(Engine, "before_cursor_execute", execute)
    event.listen(Engine, "commit", commit)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", execute)
        event.remove(Engine, "commit", commit)
