"""A command does and says the same in the tests' process as in one of its own."""

import logging
import os
import sys

import pytest
from command import Command

from whetstone import cli
from whetstone.settings import settings


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("alerts", "--limit", 2), 0),
        (("catalog", "test", "sshd", "missing.log"), 1),
        (("catalog", "sharpen"), 2),
    ],
    ids=["a table", "an error", "no such command"],
)
def test_it_says_the_same_as_a_process(
    looking: Command, arguments: tuple[object, ...], code: int
) -> None:
    here = looking.run(*arguments)
    assert here.code == code
    assert here.out or here.err
    assert here == looking.run_apart(*arguments)


def test_settings_from_the_environment_reach_it_as_they_reach_a_process(fresh: Command) -> None:
    limited = Command(fresh.home, fresh.catalog, variables={"WHETSTONE_MAX_LINE_BYTES": "many"})
    assert "max_line_bytes" in limited.refused("catalog", "check")
    assert limited.run("catalog", "check") == limited.run_apart("catalog", "check")


def test_nothing_of_it_is_left_behind(fresh: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHETSTONE_HOME", "/nowhere/of/the/tests")
    monkeypatch.setenv("WHETSTONE_MAX_LINE_BYTES", "not seen by the command")

    def state() -> tuple[object, ...]:
        own = {name: value for name, value in os.environ.items() if name.startswith("WHETSTONE_")}
        known = [*cli.app.registered_commands], [*cli.app.registered_groups]
        return own, known, [*logging.getLogger().handlers], sys.stdout, sys.stderr, os.fstat(1)[:2]

    before = state()
    assert fresh.good("alerts") == {"alerts": [], "open": 0, "judged": 0}
    assert state() == before
    monkeypatch.delenv("WHETSTONE_MAX_LINE_BYTES")
    assert str(settings().home) == "/nowhere/of/the/tests"
    settings.cache_clear()
