"""The commands of docs/api.md do what the page says, against a running server."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.triage.exchange_cases import bearer, fill
from tests.triage.scorer_records import a_record, checked
from tests.triage.servers import PATIENCE, Served, serving
from triage.access import LOCAL, Permission

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
COMMANDS = [
    command
    for block in re.findall(r"```bash\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for command in re.split(r"(?<!\\)\n", block.strip())
    if command.startswith("curl")
]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("docs"), workers=False) as served:
        fill(served.cases)
        served.cases.take_records(checked(a_record("3fa9c1d2"), a_record("77b0e4aa")))
        served.cases.give_verdict("77b0e4aa", "unsure", by=LOCAL.name, verdict_id="9f2c44d1")
        yield served


@pytest.fixture(scope="module")
def token(api: Served) -> str:
    return bearer(api, "docs", [Permission.READ], "berlin")["Authorization"].split()[1]


@pytest.mark.parametrize("command", COMMANDS, ids=range(len(COMMANDS)))
def test_a_command_of_the_page_is_answered(
    command: str, api: Served, token: str, tmp_path: Path
) -> None:
    known = {"WHETSTONE": api.url, "TOKEN": token, "PATH": os.environ["PATH"]}
    ran = subprocess.run(
        ["bash", "-euc", command],
        env=known,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    saved = [path.read_text(encoding="utf-8") for path in tmp_path.iterdir()]
    assert ran.stdout or all(saved)


def test_the_page_tells_of_every_operation(api: Served) -> None:
    page = PAGE.read_text(encoding="utf-8")
    told = page + (PAGE.parent / "watching-scorers.md").read_text(encoding="utf-8")
    for path in api.get("/openapi.json").json["paths"]:
        named = re.sub(r"\{role\}", "ROLE", path)
        assert re.sub(r"/\{\w+\}.*", "", named) in told, path
