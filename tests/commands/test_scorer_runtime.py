"""The scorer needs nothing but the runtime: what a wheel holds, and what `dependencies` bring."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from importlib.metadata import packages_distributions, requires
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.streaming.bundles import ENVIRONMENT, bundle_of, generated_flows
from whetstone.catalog.catalog_pb2 import Environment
from whetstone.releases import Repository, pack

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ROOMS = [
    pattern.rstrip("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
]
DETECTOR = "network_scan_iforest"
PLATFORM = {"dagster", "evidently", "feast", "onnx", "pandas", "sqlalchemy", "torch"}
CLIENTS = {"confluent-kafka", "redis"}


def closure(*requirements: str) -> set[str]:
    """The distributions that an installation of some brings, by their canonical names."""
    found: set[tuple[str, str]] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for extra in {"", *requirement.extras} - {extra for known, extra in found if known == name}:
            found.add((name, extra))
            brought = map(Requirement, requires(name) or ())
            waiting += [
                one for one in brought if not one.marker or one.marker.evaluate({"extra": extra})
            ]
    return {name for name, _ in found}


RUNTIME = closure(*PROJECT["project"]["dependencies"])


def foreign_modules() -> set[str]:
    """What is installed here, and is not where there is the runtime alone."""
    ours = RUNTIME | {PROJECT["project"]["name"]}
    return {
        module
        for module, distributions in packages_distributions().items()
        if not ours & set(map(canonicalize_name, distributions))
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the tree, unpacked: what is imported when nothing is imported from the tree."""
    directory = tmp_path_factory.mktemp("wheel")
    tree = directory / "tree"
    for room in ROOMS:
        shutil.copytree(ROOT / room, tree / room, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "definitions.py"):
        shutil.copy(ROOT / file, tree)
    build = "from setuptools import build_meta; build_meta.build_wheel('..')"
    subprocess.run([sys.executable, "-c", build], cwd=tree, check=True, capture_output=True)
    (built,) = directory.glob("*.whl")
    with ZipFile(built) as archive:
        archive.extractall(directory / "site")
    return directory / "site"


@dataclass(frozen=True)
class Box:
    """A small box: the wheel and the runtime's dependencies, and a repository to pull from."""

    wheel: Path
    home: Path

    def whetstone(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run the command where nothing else can be imported."""
        (self.home / "refused").write_text("\n".join(foreign_modules()))
        program = Path(__file__).with_name("runtime_only.py")
        files = (self.home / "refused", self.home / "asked")
        return subprocess.run(
            [sys.executable, "-P", program, *files, *map(str, arguments)],
            cwd=self.home,
            env={**os.environ, "PYTHONPATH": str(self.wheel), "WHETSTONE_HOME": str(self.home)},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def score(self, source: str) -> subprocess.CompletedProcess[str]:
        """Score an input with what the repository has."""
        return self.whetstone(
            "score",
            *("--environment", ENVIRONMENT, "--metrics", ""),
            *("--releases", (self.home / "releases" / "public").as_uri()),
            *("--root", self.home / "root.json"),
            *("--input", f"suricata_flow={source}"),
            *("--output", f"file://{self.home}/alerts.jsonl"),
            *("--day", generated_flows().day),
        )

    @property
    def asked(self) -> set[str]:
        """Which of the modules that are not there the last command asked for."""
        return self._told("asked")

    @property
    def imported(self) -> set[str]:
        """What the last command imported."""
        return self._told("imported")

    def _told(self, what: str) -> set[str]:
        told = json.loads((self.home / "asked").read_text())
        assert told["place"] == str(self.wheel), "another installation was tested"
        return set(told[what])


@pytest.fixture(scope="module")
def box(wheel: Path, real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Box:
    home = tmp_path_factory.mktemp("box")
    bundle = bundle_of(DETECTOR, real_data)
    repository = Repository(home / "releases")
    repository.init()
    repository.publish(pack(bundle), DETECTOR, bundle.manifest["version"])
    repository.publish_environments(
        [Environment(name=ENVIRONMENT, sources=["suricata_flow"], detectors=[DETECTOR])]
    )
    (home / "root.json").write_bytes(repository.root())
    (home / "eve.json").write_bytes(generated_flows().content)
    return Box(wheel, home)


def test_the_dependencies_bring_neither_the_platform_nor_brokers_clients() -> None:
    assert {"duckdb", "onnxruntime", "tuf", "cryptography"} <= RUNTIME
    assert not RUNTIME & (PLATFORM | CLIENTS)
    assert {"dagster", "torch", "redis", "confluent_kafka"} <= foreign_modules()


def test_a_wheel_holds_every_module_of_every_room(wheel: Path) -> None:
    suffixes = (".py", ".yaml", ".feastignore")
    of_the_tree = {
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and path.name.endswith(suffixes)
    }
    in_the_wheel = {str(path.relative_to(wheel)) for path in wheel.rglob("*") if path.is_file()}

    assert "whetstone/streaming/outputs/kafka.py" in of_the_tree
    assert of_the_tree - in_the_wheel == set()


def test_a_scorer_pulls_scores_and_alerts_with_the_runtime_alone(box: Box) -> None:
    finished = box.score(f"file://{box.home}/eve.json")

    assert finished.returncode == 0, finished.stderr
    records = [json.loads(line) for line in (box.home / "alerts.jsonl").read_text().splitlines()]
    assert {record["whetstone"]["detector"] for record in records} == {DETECTOR}
    assert not box.asked & {"redis", "confluent_kafka"}
    # It starts in less than two seconds; each library that is not used would cost some of them.
    assert {"duckdb", "onnxruntime", "tuf"} <= box.imported
    assert not box.imported & {"rich", "sqlglot", "tokenizers", "setuptools"}


@pytest.mark.parametrize(
    ("source", "client", "extra"),
    [
        ("redis://127.0.0.1:1/0?list=eve", "redis", "whetstone[redis]"),
        ("kafka://127.0.0.1:1?topic=eve", "confluent_kafka", "whetstone[kafka]"),
    ],
    ids=["redis", "kafka"],
)
def test_a_brokers_client_is_asked_for_where_it_is_used_and_named_where_it_is_missing(
    box: Box, source: str, client: str, extra: str
) -> None:
    finished = box.score(source)

    assert finished.returncode == 1
    assert client in box.asked
    assert f"pip install '{extra}'" in finished.stderr
