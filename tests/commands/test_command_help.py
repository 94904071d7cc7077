"""Every command says what it does and shows how it is called."""

import subprocess
from copy import copy
from functools import cache

import pytest
import typer
from command import WHETSTONE, Command
from typer.testing import CliRunner

from whetstone import cli
from whetstone.cli_catalog import new_app
from workbench.commands import register


@cache
def platform() -> typer.Typer:
    """The commands that an installation of the platform has beside the runtime's."""
    app = typer.Typer()
    register(app)
    return app


@cache
def whole() -> typer.Typer:
    """The command as its own process puts it together, which takes that a second each time."""
    app = copy(cli.app)
    app.registered_commands = [*cli.app.registered_commands, *platform().registered_commands]
    app.registered_groups = [*cli.app.registered_groups, *platform().registered_groups]
    return app


@cache
def commands() -> list[tuple[str, ...]]:
    """All commands that an installation of the platform has."""
    own = [c.callback.__name__ for c in whole().registered_commands if c.callback]
    below = [("catalog", str(c.name)) for c in cli.catalog_app.registered_commands]
    below += [("catalog", "new", str(c.name)) for c in new_app.registered_commands]
    return [*((name,) for name in dict.fromkeys(own)), *below]


@cache
def help_of(*command: str) -> str:
    result = CliRunner().invoke(whole(), [*command, "--help"], prog_name="whetstone")
    assert result.exit_code == 0
    return result.stdout


def said_for_help(*command: str) -> str:
    """What the installed command says."""
    result = subprocess.run(
        [WHETSTONE, *command, "--help"], capture_output=True, text=True, check=True
    )
    assert result.stderr == ""
    return result.stdout


def test_the_help_lists_every_command() -> None:
    listed = said_for_help() + said_for_help("catalog", "new")
    assert said_for_help("catalog") == help_of("catalog")
    listed += help_of("catalog")
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
