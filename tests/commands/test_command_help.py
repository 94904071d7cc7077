"""Every command says what it does and shows how it is called."""

import subprocess
from functools import cache

import pytest
import typer
from command import WHETSTONE, Command

from whetstone import cli
from whetstone.cli_catalog import new_app
from workbench.commands import register


@cache
def commands() -> list[tuple[str, ...]]:
    """All commands that an installation of the platform has."""
    app = typer.Typer()
    register(app)
    own = [c.callback.__name__ for a in (cli.app, app) for c in a.registered_commands if c.callback]
    below = [("catalog", str(c.name)) for c in cli.catalog_app.registered_commands]
    below += [("catalog", "new", str(c.name)) for c in new_app.registered_commands]
    return [*((name,) for name in dict.fromkeys(own)), *below]


@cache
def help_of(*command: str) -> str:
    result = subprocess.run(
        [WHETSTONE, *command, "--help"], capture_output=True, text=True, check=True
    )
    assert result.stderr == ""
    return result.stdout


def test_the_help_lists_every_command() -> None:
    listed = help_of() + help_of("catalog") + help_of("catalog", "new")
    assert len(commands()) >= 11
    assert all(command[-1] in listed for command in commands())


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_a_command_shows_an_example_of_itself(command: tuple[str, ...]) -> None:
    assert f"Example: whetstone {' '.join(command)}" in " ".join(help_of(*command).split())


@pytest.mark.parametrize(
    "command", [c for c in commands() if c not in (("up",), ("score",))], ids=" ".join
)
def test_a_command_that_prints_a_result_can_print_it_as_json(command: tuple[str, ...]) -> None:
    assert "--json" in help_of(*command)


def test_a_command_that_does_not_exist_is_refused_with_the_way_to_help(fresh: Command) -> None:
    result = fresh.run("sharpen")
    assert result.code == 2
    assert "--help" in result.err
    assert result.out == ""


def test_a_setting_that_is_no_number_is_named(
    fresh: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = Command(fresh.home, fresh.catalog, ("env", "WHETSTONE_MAX_LINE_BYTES=many"))
    assert "max_line_bytes" in limited.refused("catalog", "check")
