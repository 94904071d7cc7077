"""What an edit of the catalog leads to."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from tests.workbench.platforms import free_ports
from whetstone.errors import CatalogError, WhetstoneError
from workbench.console import Output
from workbench.reload import CatalogWatch, answers, definitions_loaded, reload_definitions


class Desk:
    """A catalog under watch, and what happened to it."""

    def __init__(self, catalog: Path) -> None:
        self.catalog = catalog
        self.reloads = 0
        self.printed = io.StringIO()
        (catalog / "sources").mkdir()
        self.save("sshd", "valid")
        self.first_day = "2026-03-02"
        self.watch = CatalogWatch(
            catalog,
            lambda: self.first_day,
            self.validate,
            self.reload,
            Output(Console(file=self.printed)),
        )

    def save(self, name: str, text: str) -> None:
        (self.catalog / "sources" / f"{name}.textproto").write_text(text)

    def validate(self) -> str:
        for path in (self.catalog / "sources").iterdir():
            if "wrong" in path.read_text():
                raise CatalogError(f"{path.name}:1: wrong")
        return "1 source"

    def reload(self) -> None:
        self.reloads += 1


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_nothing_happens_while_nothing_changes(desk: Desk) -> None:
    desk.watch.look()

    assert (desk.reloads, desk.printed.getvalue()) == (0, "")


def test_a_new_an_edited_and_a_removed_definition_are_each_reloaded_once(desk: Desk) -> None:
    desk.save("dns", "valid")
    desk.watch.look()
    desk.save("dns", "valid, but longer")
    desk.watch.look()
    (desk.catalog / "sources" / "dns.textproto").unlink()
    desk.watch.look()
    desk.watch.look()

    assert desk.reloads == 3
    assert desk.printed.getvalue().count("catalog reloaded: sources/dns.textproto (1 source)") == 3


def test_an_invalid_definition_is_named_and_not_loaded(desk: Desk) -> None:
    desk.save("dns", "wrong")
    desk.watch.look()

    assert desk.reloads == 0
    assert "the running definitions stay: dns.textproto:1: wrong" in desk.printed.getvalue()


def test_a_corrected_definition_is_loaded(desk: Desk) -> None:
    desk.save("dns", "wrong")
    desk.watch.look()
    desk.save("dns", "right")
    desk.watch.look()

    assert desk.reloads == 1


def test_an_editors_own_files_are_not_definitions(desk: Desk) -> None:
    (desk.catalog / "sources" / ".sshd.textproto.swp").write_text("half")
    desk.watch.look()

    assert desk.reloads == 0


def test_a_dagster_that_does_not_answer_is_an_error_of_the_reload_and_not_loaded() -> None:
    [port] = free_ports(1)

    assert not answers(port, "/")
    assert not definitions_loaded(port)
    with pytest.raises(WhetstoneError, match=f"does not answer on port {port}"):
        reload_definitions(port)


def test_a_day_before_the_first_that_had_landed_is_a_reason_to_reload(desk: Desk) -> None:
    desk.first_day = "2026-02-27"
    desk.watch.look()
    assert desk.reloads == 1
    assert "days from 2026-02-27 on" in desk.printed.getvalue()
    desk.watch.look()
    assert desk.reloads == 1
