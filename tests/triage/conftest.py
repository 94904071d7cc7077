"""What tests of the case store share: both databases that it runs on."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.triage.postgres import emptied, new_database, postgres
from triage.database import Database


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a Postgres server's database, which whoever asks empties first."""
    with postgres() as url:
        yield url


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case store without anything in it: to copy it is quicker than to make the tables anew."""
    path = tmp_path_factory.mktemp("empty") / "cases.db"
    Database(f"sqlite:///{path}").close()
    return path


@pytest.fixture(params=["sqlite", "postgres"])
def case_store_url(request: pytest.FixtureRequest, tmp_path: Path, empty_sqlite: Path) -> str:
    """The URL of an empty case store, once on each database."""
    if request.param == "sqlite":
        return f"sqlite:///{shutil.copy(empty_sqlite, tmp_path)}"
    return emptied(request.getfixturevalue("postgres_url"))


@pytest.fixture(params=["sqlite", "postgres"])
def new_store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a case store that nobody has made yet, once on each database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/new/cases.db"
    return new_database(request.getfixturevalue("postgres_url"), "new")
