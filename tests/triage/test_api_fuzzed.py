"""The API against what its own description allows and forbids, drawn by schemathesis."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.triage.exchange_cases import fill
from tests.triage.scorer_records import a_record, checked
from tests.triage.servers import Served, serving
from triage.access import LOCAL

ROOT = Path(__file__).parents[2]
HOOKS = "tests.triage.schemathesis_hooks"
SECONDS = 300
# Cursors, URLs of webhooks and reasons of verdicts follow rules that no schema can state: what is
# right by the schema may be refused, with 422 and the reason.
BEYOND_SCHEMAS = "positive_data_acceptance"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("fuzzed"), workers=False) as served:
        fill(served.cases)
        # What the examples of the description name.
        served.cases.take_records(checked(a_record("3fa9c1d2")))
        served.cases.give_verdict("3fa9c1d2", "unsure", by=LOCAL.name, verdict_id="9f2c44d1")
        yield served


def test_the_api_does_what_it_says_of_itself(api: Served, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{api.url}/openapi.json"]
    bounds = ["--phases", "examples,coverage,fuzzing", "--max-examples", "1", "--seed", "7"]
    checks = ["--checks", "all", "--exclude-checks", BEYOND_SCHEMAS, "--continue-on-failure"]
    found = subprocess.run(
        [*command, *bounds, *checks],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": HOOKS},
    )
    assert found.returncode == 0, found.stdout[-6000:] + found.stderr[-2000:]
