"""What holds for the project as a whole: one way in, nothing edited that is generated."""

import os
import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def files_of_the_project() -> list[Path]:
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard")
    assert listed.returncode == 0, listed.stderr
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_the_catalogs_module_is_what_its_schema_generates(tmp_path: Path) -> None:
    schema = "whetstone/catalog/catalog.proto"
    generated = run(
        *(sys.executable, "-m", "grpc_tools.protoc", "-I."),
        *(f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", schema),
    )

    assert generated.returncode == 0, generated.stderr
    for name in ("catalog_pb2.py", "catalog_pb2.pyi"):
        committed = ROOT / "whetstone" / "catalog" / name
        fresh = tmp_path / "whetstone" / "catalog" / name
        assert committed.read_text() == fresh.read_text(), f"{name} is outdated: make proto"


def test_make_without_a_target_lists_every_target() -> None:
    targets = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert targets is not None

    listed = run("make")

    assert re.findall(r"^  make (\w+) +\S", listed.stdout, re.MULTILINE) == targets[1].split()


def test_everything_that_a_change_must_pass_is_in_one_target() -> None:
    planned = run("make", "--dry-run", "--always-make", "test").stdout

    for step in ("ruff check", "ruff format --check", "pyright", "lint-imports", "pytest -n 4"):
        assert re.search(rf"^\.venv/bin/{step}", planned, re.MULTILINE), f"{step} is missing"
    assert re.search(r"^exec make test$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_every_requirement_is_pinned_to_one_version() -> None:
    pins = [
        line
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if not line.startswith("#")
    ]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = chain(project["dependencies"], *project["optional-dependencies"].values())

    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins)
    pinned = {re.sub(r"[_.-]+", "-", pin.partition("==")[0]).lower() for pin in pins}
    assert {name.partition("[")[0] for name in required} - pinned == set()


def test_no_file_names_where_packages_come_from() -> None:
    # Each installation brings its own index; split so that this file does not name one either.
    places = "|".join([r"pypi\." + "org", "python" + "hosted", r"--(extra-)?index" + "-url"])

    naming = [
        str(path.relative_to(ROOT))
        for path in files_of_the_project()
        if re.search(places, path.read_bytes().decode(errors="replace"))
    ]

    assert naming == []


@pytest.mark.parametrize(("ci", "status"), [("true", 1), ("", 0)], ids=["ci", "at home"])
def test_a_skipped_test_fails_in_ci(tmp_path: Path, ci: str, status: int) -> None:
    (tmp_path / "test_nothing.py").write_text(
        "import pytest\n\ndef test_a(): ...\n\n@pytest.mark.skip\ndef test_b(): ...\n"
    )
    options = ("--rootdir", tmp_path, "-c", os.devnull, "-p", "tests.conftest", "-n", "1")

    finished = run(sys.executable, "-m", "pytest", *options, tmp_path, CI=ci)

    assert finished.returncode == status, finished.stdout
    assert ("1 test was skipped" in finished.stdout) == (ci == "true")


def test_a_command_starts_without_the_libraries_that_take_longest() -> None:
    heavy = "{'pandas', 'dagster', 'torch', 'feast', 'evidently', 'sklearn', 'pyspark'}"
    code = (
        "import sys, whetstone.cli, workbench.commands, whetstone.streaming.scorer\n"
        f"print(sorted({heavy} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
