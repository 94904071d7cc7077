"""One settled installation for all tests of this room, copied for each that changes it."""

import fcntl
import os
from pathlib import Path

import pytest
from installation import Installation, install

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="session")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Everything made once; the first of several test processes makes it. Do not change it."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    with (shared / "settled.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        directory = shared / "settled"
        if not (directory / "complete").exists():
            installation = install(directory, ROOT)
            installation.settle()
            (directory / "complete").touch()
    return Installation(directory)


@pytest.fixture
def installation(settled: Installation, tmp_path: Path) -> Installation:
    """A settled installation that a test may change."""
    return settled.copied_to(tmp_path / "installation")
