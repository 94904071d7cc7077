"""What an operator gets wrong is named, with the place and the remedy, before anything is read."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from whetstone.cli import app
from whetstone.errors import WhetstoneError
from whetstone.releases import Repository
from whetstone.releases.files import only_one
from whetstone.settings import settings


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WHETSTONE_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    yield tmp_path / "home"
    settings.cache_clear()


def refused(*options: object, environment: str = "berlin") -> str:
    arguments = ("--environment", environment, "--input", "sshd=stdin:", "--metrics", "", *options)
    with pytest.raises(WhetstoneError) as raised:
        app(["score", *map(str, arguments)], standalone_mode=False)
    return str(raised.value)


def test_it_says_where_models_can_come_from() -> None:
    assert "--releases URL, or --bundle FILE" in refused()


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "No such file"), (b"{}", "is no root metadata"), (b"<html>", "is no root metadata")],
    ids=["missing", "of something else", "no JSON"],
)
def test_a_root_that_is_none_is_named_with_the_right_file(
    tmp_path: Path, content: bytes | None, problem: str
) -> None:
    root = tmp_path / "root.json"
    if content is not None:
        root.write_bytes(content)

    message = refused("--releases", "https://platform.example/releases", "--root", root)

    assert message.startswith(f"--root {root}: {problem}")
    assert "metadata/1.root.json" in message


def test_a_first_start_without_a_root_says_how_to_hand_it_in() -> None:
    assert "--root" in refused("--releases", "https://platform.example/releases")


def test_an_environment_that_the_platform_does_not_know_is_named_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = Repository(tmp_path / "releases")
    repository.init()
    (tmp_path / "root.json").write_bytes(repository.root())

    message = refused("--releases", repository.url, "--root", "root.json", environment="paris")

    assert "has no environment paris" in message and "catalog" in message
    assert "paris" not in capsys.readouterr().err


def test_an_environment_cannot_lead_out_of_the_home(home: Path) -> None:
    assert "is no name" in refused("--bundle", "a.tar", environment="../../elsewhere")
    assert not home.exists()


def test_a_file_that_is_no_bundle_is_named(tmp_path: Path) -> None:
    (tmp_path / "some.tar").write_bytes(b"junk")
    assert refused("--bundle", "some.tar").startswith("some.tar: bundle refused")
    assert refused("--bundle", "none.tar").startswith("none.tar: No such file")


def test_a_state_that_is_no_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")
    message = refused("--bundle", "a.tar", "--state", "taken")
    assert message.startswith("--state taken: File exists") and "may write" in message


@pytest.mark.parametrize("size", ["lots", "0", "-1MB", "512 apples"])
def test_a_size_that_is_none_is_shown_how_to_write(size: str) -> None:
    assert "512MB" in refused("--bundle", "a.tar", f"--memory={size}")


def test_the_state_of_another_scorer_is_refused_with_what_to_do(
    tmp_path: Path, bundle: Path
) -> None:
    with only_one(tmp_path / "state" / "lock", "scoring", 0):
        message = refused("--bundle", bundle, "--state", tmp_path / "state")

    assert "Give each scorer a --state of its own" in message
    assert str(tmp_path / "state" / "lock") in message


def test_a_source_that_no_detector_reads_is_named_with_those_that_are_read(bundle: Path) -> None:
    message = refused("--bundle", bundle)
    assert "the source sshd" in message and "suricata_flow" in message


@pytest.fixture(scope="module")
def bundle(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.streaming.bundles import bundle_of
    from whetstone.releases import pack

    path = tmp_path_factory.mktemp("bundle") / "network_scan_iforest.tar"
    path.write_bytes(pack(bundle_of("network_scan_iforest", real_data)))
    return path
