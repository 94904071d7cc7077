"""What lies in deploy/ fits the command and its metrics."""

import re
import shlex
from pathlib import Path

import typer
import yaml

from whetstone.cli import app

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"


def assignments(name: str) -> dict[str, str]:
    lines = (DEPLOY / name).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith(("#", "[")))


def test_the_service_starts_the_command_with_options_that_it_has() -> None:
    variables = assignments("score.env")
    start = assignments("whetstone-score.service")["ExecStart"]
    expanded = re.sub(r"\$(\w+)", lambda found: variables[found[1]], start)
    program, name, *options = shlex.split(expanded)
    assert Path(program).name == "whetstone"
    command = typer.main.get_command(app)
    assert isinstance(command, typer.core.TyperGroup)

    parsed = command.commands[name].make_context(
        name, [*options, "--environment", variables["WHETSTONE_ENVIRONMENT"]]
    )

    assert [one.partition("=")[0] for one in parsed.params["inputs"]] == ["sshd", "suricata_flow"]
    assert parsed.params["lateness"] == 60
    assert {
        parameter.envvar for parameter in parsed.command.params if parameter.envvar is not None
    } >= {name for name in variables if name.startswith("WHETSTONE_")}


def test_the_alert_rules_are_about_metrics_that_there_are() -> None:
    (group,) = yaml.safe_load((DEPLOY / "prometheus-whetstone.yml").read_text())["groups"]
    used = {
        name for rule in group["rules"] for name in re.findall(r"\bwhetstone_(\w+)", rule["expr"])
    }
    # Whose table a test compares with what a scorer answers.
    described = (ROOT / "docs" / "watching-scorers.md").read_text()

    assert len(used) > 10
    assert {name for name in used if f"`{name}`" not in described} == set()


def test_the_snippet_for_suricata_has_it_write_where_the_service_listens() -> None:
    snippet = yaml.safe_load((DEPLOY / "suricata-whetstone.yaml").read_text())
    eve = snippet["outputs"][0]["eve-log"]

    assert eve["filetype"] == "unix_stream"
    assert f"suricata_flow=unix://{eve['filename']}" in assignments("score.env")["INPUTS"]
