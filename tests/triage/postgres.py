"""A Postgres server of a test's own."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

_STARTING_SECONDS = 60
_PLACES = "/usr/lib/postgresql/*/bin"
# What a crash of the machine would lose is no matter here; the rest is as it comes.
_OPTIONS = ("listen_addresses=", "fsync=off", "shared_buffers=16MB", "max_connections=50")


@contextmanager
def postgres() -> Iterator[str]:
    """A real server that listens on a socket in a directory of its own.

    Yields:
        SQLAlchemy's URL of an empty database.
    """
    account = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    with tempfile.TemporaryDirectory(prefix="pg-") as directory:
        # The server refuses to run as root.
        if os.geteuid() == 0:
            shutil.chown(directory, account)
        data = f"{directory}/data"
        initdb = [_program("initdb"), "-D", data, "--auth=trust", "--no-sync", "--username=tests"]
        subprocess.run(
            [*initdb, "--encoding=UTF8", "--no-locale"],
            check=True,
            stdout=subprocess.DEVNULL,
            user=account,
            cwd=directory,
        )
        options = [part for option in _OPTIONS for part in ("-c", option)]
        server = [_program("postgres"), "-D", data, "-k", directory, *options]
        with (
            Path(directory, "log").open("wb") as log,
            subprocess.Popen(server, user=account, cwd=directory, stderr=log) as process,
        ):
            try:
                _wait_for(directory, process)
                yield f"postgresql+psycopg://tests@/postgres?host={directory}"
            finally:
                # At once: nobody needs what it holds any more.
                process.send_signal(signal.SIGQUIT)


def emptied(url: str) -> str:
    """The same database with nothing in the case store's tables, where it has them."""
    plain = url.replace("+psycopg", "", 1)
    with psycopg.connect(plain, autocommit=True) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            " AND tablename <> 'alembic_version'"
        ).fetchall()
        # Much quicker than TRUNCATE, which makes new files for each table and index.
        connection.execute("SET session_replication_role = replica")
        for (name,) in tables:
            connection.execute(SQL("DELETE FROM {}").format(Identifier(name)))
    return url


def new_database(url: str, name: str) -> str:
    """The URL of another database of the server, without any table; one of before is dropped."""
    with psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True) as connection:
        connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    return url.replace("/postgres?", f"/{name}?")


def _program(name: str) -> str:
    found = shutil.which(name) or max(map(str, Path("/").glob(f"{_PLACES[1:]}/{name}")), default="")
    assert found, f"the tests talk to a real Postgres: install postgresql, for {name}"
    return found


def _wait_for(directory: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _STARTING_SECONDS
    while True:
        try:
            psycopg.connect(f"host={directory} user=tests dbname=postgres").close()
            return
        except psycopg.OperationalError:
            told = Path(directory, "log").read_text()
            assert process.poll() is None and time.monotonic() < deadline, told
            time.sleep(0.02)
