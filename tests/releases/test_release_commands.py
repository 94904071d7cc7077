"""What an operator of a release repository types, and what is said to it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.releases.builders import example
from whetstone.cli import app
from whetstone.errors import WhetstoneError
from whetstone.releases import Bundle, pack, stamp

DETECTOR = "ssh_bruteforce"


class Operator:
    """Types `whetstone releases …` at a machine with a repository of its own."""

    def __init__(self, repository: Path):
        self.repository = repository

    def run(self, *arguments: object) -> Result:
        command = ["releases", *map(str, arguments)]
        if arguments[0] != "import":
            command += ["--repository", str(self.repository)]
        return CliRunner().invoke(app, command)

    def good(self, *arguments: object) -> dict[str, Any]:
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.exception
        return json.loads(result.stdout)

    def refused(self, *arguments: object) -> str:
        result = self.run(*arguments)
        assert result.stdout == ""
        assert isinstance(result.exception, WhetstoneError), result.exception
        return str(result.exception)


@pytest.fixture
def fresh(tmp_path: Path) -> Operator:
    return Operator(tmp_path / "releases")


@pytest.fixture
def disks(tmp_path: Path) -> list[Path]:
    return [tmp_path / name for name in ("ada", "grace", "vault")]


def packed(directory: Path, bundle: Bundle) -> tuple[Path, str]:
    stamped = stamp(bundle)
    file = directory / f"{stamped.manifest['version']}.tar"
    file.write_bytes(pack(stamped))
    return file, stamped.manifest["version"]


def rows(status: dict[str, list[dict[str, object]]]) -> dict[object, dict[str, object]]:
    return {row["channel"]: row for row in status["releases"]}


def test_from_init_to_a_champion_for_everybody(
    fresh: Operator, disks: list[Path], tmp_path: Path
) -> None:
    told = [option for disk in disks for option in ("--root-keys", disk)]
    made = fresh.good("init", *told, "--quorum", "root=2/3")
    assert made["made"]
    assert [Path(path).parent for path in made["root_keys"]] == disks
    (first, one), (second, two) = (packed(tmp_path, example(seed=seed)) for seed in (1, 2))
    assert fresh.good("publish", first)["version"] == one
    assert fresh.good("publish", second, "--as", "challenger")["changed"]
    row = rows(fresh.good("status"))["stable"]
    assert (row["champion"], row["challenger"], row["rollout"]) == (one, two, 100)
    assert fresh.good("promote", DETECTOR, "--rollout", "10")["version"] == two
    assert fresh.good("rollout", DETECTOR, "100")["rollout"] == 100
    assert fresh.good("rollback", DETECTOR)["champion"] == one
    assert fresh.good("publish", second, "--channel", "canary")["changed"]
    assert fresh.good("promote", DETECTOR, "--from", "canary")["version"] == two
    shown = fresh.run("status").stdout
    assert two in shown
    assert "to do: nothing" in shown


def test_a_ceremony_of_two_machines(fresh: Operator, disks: list[Path], tmp_path: Path) -> None:
    told = [option for disk in disks for option in ("--root-keys", disk)]
    fresh.good("init", *told, "--quorum", "root=2/3")
    begun = fresh.good("rotate-key", "timestamp", "--root-keys", disks[0])
    assert "1 of the standing root keys" in begun["waits_for"]
    file = Path(begun["file"])
    assert "waits for" in fresh.run("status").stdout
    carried = tmp_path / "carried.json"
    carried.write_bytes(file.read_bytes())
    elsewhere = Operator(tmp_path / "elsewhere")
    offline = ("sign-root", carried)
    assert "--yes" in elsewhere.refused(*offline, "--root-keys", disks[1], "--json")
    assert "--root-keys" in elsewhere.refused(*offline, "--yes")
    signed = elsewhere.good(*offline, "--root-keys", disks[1], "--yes")
    assert signed["waits_for"] == ""
    done = fresh.good("sign-root", carried, "--yes")
    assert (done["root"], done["waits_for"], done["file"]) == (2, "", None)
    assert "to do: nothing" in fresh.run("status").stdout
    assert fresh.good("refresh") == {"renewed": [], "root": ""}


def test_an_air_gap(fresh: Operator, tmp_path: Path) -> None:
    root = Path(fresh.good("init")["root"])
    file, version = packed(tmp_path, example())
    fresh.good("publish", file)
    disk, site = tmp_path / "disk.tar", tmp_path / "site"
    result = fresh.run("export", disk, "--valid-days", "30")
    assert "1 bundles of stable" in result.stdout
    assert version in result.stderr
    assert "no root to trust" in fresh.refused("import", disk, "--into", site)
    assert fresh.good("import", disk, "--into", site, "--root", root)["changed"]
    disk.write_bytes(disk.read_bytes()[:-1])
    assert "truncated" in fresh.refused("import", disk, "--into", site)


def test_mistakes_are_told_with_a_remedy(fresh: Operator, tmp_path: Path) -> None:
    assert "whetstone releases init" in fresh.refused("status")
    file, _ = packed(tmp_path, example())
    refused = fresh.refused
    assert "whetstone releases init" in refused("publish", file)
    fresh.good("init")
    assert "a root key lies on this machine" in fresh.run("status").stdout
    assert "neither a bundle" in refused("publish", "nothing")
    assert "champion or challenger" in refused("publish", file, "--as", "king")
    assert "no challenger" in refused("promote", DETECTOR)
    assert "challenger or canary" in refused("promote", DETECTOR, "--from", "x")
    assert "write ROLE=K/N" in refused("init", "--quorum", "mirrors=1/2")
    assert "name root, targets" in refused("rotate-key", "mirrors")
    assert "nothing to discard" in refused("sign-root", "--discard")
    assert "nothing was published" in refused("export", tmp_path / "x")
