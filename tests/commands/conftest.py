"""One settled installation for all tests of the commands, copied for each that changes it."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from command import Command

from tests.assets.installation import Installation, install

ROOT = Path(__file__).resolve().parent.parent.parent
Once = Callable[[str, Callable[[Path], None]], Path]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Fill a directory once; the first of several test processes does it, the others wait."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared

    def fill(name: str, make: Callable[[Path], None]) -> Path:
        directory = shared / name
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (directory / "complete").exists():
                make(directory)
                (directory / "complete").touch()
        return directory

    return fill


@pytest.fixture(scope="session")
def settled(once: Once) -> Installation:
    """Three days of berlin, with everything made. Do not change it."""

    def make(directory: Path) -> None:
        install(directory, ROOT).settle()

    return Installation(once("settled", make))


@pytest.fixture
def installation(settled: Installation, tmp_path: Path) -> Installation:
    """A settled installation that a test may change."""
    return settled.copied_to(tmp_path / "installation")


@pytest.fixture
def looking(settled: Installation) -> Command:
    """The command on the settled installation, for what changes nothing."""
    return command_on(settled)


@pytest.fixture
def whetstone(installation: Installation) -> Command:
    """The command on a settled installation of the test's own."""
    return command_on(installation)


@pytest.fixture
def fresh(tmp_path: Path) -> Command:
    """The command on an empty home, with the shipped catalog."""
    return Command(tmp_path / "home", ROOT / "catalog")


def command_on(installation: Installation) -> Command:
    """The command on an installation."""
    return Command(installation.settings.home, installation.settings.catalog)
