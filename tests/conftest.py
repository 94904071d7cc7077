"""What all tests share."""

import os
import signal
from pathlib import Path

import hypothesis
import pytest

# Two workers share two cores: threads of OpenMP that wait for each other would only spin.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Shells have interrupts ignored in the background. Processes that tests start would inherit that,
# and that SIGTERM is ignored, too, once Dagster has run here: it makes of it what SIGINT is.
signal.signal(signal.SIGINT, signal.default_int_handler)
# How long an example takes says more about the machine than about the code. Each run draws other
# examples: half as many of them a run find as much in two.
hypothesis.settings.register_profile("whetstone", deadline=None, max_examples=50)
hypothesis.settings.load_profile("whetstone")

ROOT = Path(__file__).resolve().parent.parent
# Whose tests wait long for processes: begun first, they do not stand alone at the end.
SLOW_ROOMS = ("spark", "privacy", "commands", "workbench", "assets")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Public logs with labels that live outside the project (`WHETSTONE_DATA`)."""
    path = Path(os.environ.get("WHETSTONE_DATA", ROOT.parent / "shared" / "data"))
    assert path.is_dir(), f"{path} does not exist: set WHETSTONE_DATA to the directory of real logs"
    return path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow rooms first."""
    places = {room: place for place, room in enumerate(SLOW_ROOMS)}
    items.sort(key=lambda item: places.get(item.path.parent.name, len(SLOW_ROOMS)))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A test that does not run proves nothing: in CI, skipping one fails the session."""
    skipped = _skipped(session.config)
    if skipped and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say why the session failed."""
    if skipped := _skipped(config):
        tests = "1 test was" if skipped == 1 else f"{skipped} tests were"
        terminalreporter.write_line(f"{tests} skipped, which fails in CI", red=True)


def _skipped(config: pytest.Config) -> int:
    if os.environ.get("CI") != "true":
        return 0
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return len(reporter.stats.get("skipped", [])) if reporter else 0
