"""All groups and patterns anew, from the alerts.

The rows are those of `refresh`, by the same functions; only what they say of each other is asked
for all of them at once. They are made in a table beside the queue's and go into it when all of it
is known, so that no index is written twice. Until the transaction ends, readers see what was.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Column, Connection, MetaData, Table, and_, delete, func, insert, select, true

from triage import schema
from triage.queue.grouping import all_made, place_all
from triage.queue.refresh import ELSEWHERE, rank_patterns
from triage.queue.risk import ranked, speaking
from triage.queue.sums import Sums
from triage.queue.weights import stored_weights

_TELL_EVERY = 50_000
_CACHE_KIB = 256 * 1024
_MADE = Table(
    "made_groups",
    MetaData(),
    *(Column(c.name, c.type) for c in schema.groups.columns if c.name not in ELSEWHERE),
    prefixes=["TEMPORARY"],
)
_M = _MADE.c
_P = schema.patterns.c


def rebuild(connection: Connection, say: Callable[[str], None] = lambda _: None) -> None:
    """Make all of it anew from the alerts, their patterns too; the transaction is `Alone.DESK`.

    Args:
        say: gets a line of progress now and then.
    """
    total = connection.execute(select(func.count()).select_from(schema.alerts)).scalar_one()
    for table in (schema.groups, schema.patterns):
        connection.execute(delete(table))
    if not total:
        return
    say(f"making the queue of {total:,} alerts anew")
    with _room(connection):
        _tell(place_all(connection), total, "looked at", say)
        _study(connection, schema.alerts, schema.verdicts)
        _MADE.create(connection, checkfirst=False)
        sums = Sums()
        _tell(_make(connection, sums), total, "grouped", say)
        sums.store(connection)
        _study(connection, _MADE, schema.patterns)
        made = _fill(connection)
        _MADE.drop(connection, checkfirst=False)
        rank_patterns(connection, true())
    _study(connection, schema.groups, schema.patterns)
    say(f"{made:,} groups made")


def _make(connection: Connection, sums: Sums) -> Iterator[int]:
    """Make the rows; yields how many alerts are in them each time."""
    for rows in all_made(connection, stored_weights(connection)):
        if rows:
            connection.execute(insert(_MADE), rows)
        for row in rows:
            sums.gain(row)
        yield sum(row["open"] + row["judged"] + row["allowed"] for row in rows)


def _fill(connection: Connection) -> int:
    about = (_M.subject, _M.environment, _M.day)
    agreeing = select(*about, speaking(_M).label("number")).group_by(*about).subquery().c
    # Outer joins, so that SQLite begins with the groups and looks the others up.
    rows = (
        select(_MADE, agreeing.number, ranked(_M.base, agreeing.number, _P.standing))
        .outerjoin(
            agreeing.number.table, and_(*(agreeing[column.name] == column for column in about))
        )
        .outerjoin(
            schema.patterns, and_(_P.environment == _M.environment, _P.pattern == _M.pattern)
        )
    )
    names = [*_M.keys(), *ELSEWHERE]
    return connection.execute(insert(schema.groups).from_select(names, rows)).rowcount


@contextmanager
def _room(connection: Connection) -> Iterator[None]:
    """SQLite's pages in memory, for rows go into the indexes here and there."""
    if connection.dialect.name != "sqlite":
        yield
        return
    before = connection.exec_driver_sql("PRAGMA cache_size").scalar_one()
    connection.exec_driver_sql(f"PRAGMA cache_size = -{_CACHE_KIB}")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA cache_size = {before}")


def _study(connection: Connection, *tables: Table) -> None:
    """Let Postgres see at once what is in these, not when it next happens to look.

    SQLite plans well without; what it once counted it would go on believing as the store grows.
    """
    if connection.dialect.name == "postgresql":
        for table in tables:
            connection.exec_driver_sql(f"ANALYZE {table.name}")


def _tell(steps: Iterator[int], total: int, what: str, say: Callable[[str], None]) -> None:
    done = 0
    for number in steps:
        if done // _TELL_EVERY < (done + number) // _TELL_EVERY:
            say(f"{done + number:,} of {total:,} alerts {what}")
        done += number
