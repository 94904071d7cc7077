"""`whetstone users`, `tokens` and `audit`: the first admin, and everybody after."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from whetstone.errors import InputError
from whetstone.settings import settings
from workbench.commands import register

PASSWORD = "correct horse battery"  # noqa: S105


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("WHETSTONE_HOME", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def run(*arguments: str) -> str:
    """What the command prints; its error is raised."""
    app = typer.Typer()
    register(app)
    result = CliRunner().invoke(app, arguments, input=f"{PASSWORD}\n")
    if result.exception is not None:
        raise result.exception
    assert "horse" not in result.output
    return result.stdout


def told(*arguments: str) -> dict[str, Any]:
    return json.loads(run(*arguments, "--json"))


def test_people_come_and_go_and_the_last_admin_stays(home: Path) -> None:
    with pytest.raises(InputError, match="admin of all environments"):
        run("users", "add", "bob", "--environment", "berlin")
    assert told("users", "list") == {"users": []}
    run("users", "add", "ada", "--role", "admin")
    assert "bob logs in" in run("users", "add", "bob", "--environment", "berlin")
    run("users", "role", "bob", "engineer", "--environment", "berlin")
    run("users", "role", "bob", "viewer")
    ada, bob = told("users", "list")["users"]
    assert (ada["name"], ada["roles"]) == ("ada", {"*": "admin"})
    assert (bob["name"], bob["roles"]) == ("bob", {"*": "viewer", "berlin": "engineer"})
    with pytest.raises(InputError, match="nobody would be admin"):
        run("users", "role", "ada", "nothing")
    with pytest.raises(InputError, match="role 'king': write one of viewer, analyst"):
        run("users", "role", "ada", "king")
    assert "0 sessions ended" in run("users", "logout", "bob")
    run("users", "password", "bob")
    run("users", "remove", "bob")
    assert [user["name"] for user in told("users", "list")["users"]] == ["ada"]


def test_a_token_is_printed_once_and_revoked_by_its_id(home: Path) -> None:
    made = told("tokens", "add", "siem", "--scope", "read", "--environment", "berlin")
    assert made["token"].startswith("wst_")
    assert made["token"] not in run("tokens", "list")
    (token,) = told("tokens", "list")["tokens"]
    assert (token["label"], token["scopes"], token["environments"]) == ("siem", "read", "berlin")
    with pytest.raises(InputError, match="--scope 'all': write one of report, read"):
        run("tokens", "add", "other", "--scope", "all", "--environment", "*")
    run("tokens", "revoke", token["token"])
    assert told("tokens", "list") == {"tokens": []}


def test_the_trail_is_shown_and_a_change_of_it_fails_the_command(home: Path) -> None:
    run("users", "add", "ada", "--role", "admin")
    run("users", "add", "bob")
    shown = told("audit")
    assert [entry["what"] for entry in shown["entries"]] == ["person.add", "person.add"]
    assert shown["problems"] == []
    trail = home / "audit" / "triage.jsonl"
    trail.write_text(trail.read_text().replace('"ada"', '"eve"', 1))
    with pytest.raises(SystemExit, match="1"):
        run("audit")
