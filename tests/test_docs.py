"""What README and docs tell people to type exists."""

import re
import shlex
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import typer

from whetstone.catalog.families import FAMILIES
from whetstone.cli import app
from whetstone.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "benchmarks" / "README.md", *sorted(ROOT.glob("docs/*.md"))]


def commands() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for line in block.splitlines():
                text = line.partition(" #")[0].strip()
                if text:
                    yield page.name, text


@pytest.fixture(scope="module")
def command() -> typer.core.TyperGroup:
    for plugin in entry_points(group="whetstone.commands"):
        plugin.load()(app)
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    return group


@pytest.mark.parametrize(("page", "text"), list(commands()))
def test_a_command_of_the_docs_exists_with_its_arguments(
    page: str, text: str, command: typer.core.TyperGroup
) -> None:
    program, *arguments = shlex.split(text)
    if program == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert arguments[0] in targets
        return
    if program == "export":
        names = {argument.partition("=")[0] for argument in arguments}
        assert names <= {f"WHETSTONE_{name.upper()}" for name in Settings.model_fields}
        return
    if program != "whetstone":
        assert program in ("cp", "source", "python")
        return
    context = command.make_context("whetstone", arguments)
    while isinstance(context.command, typer.core.TyperGroup):
        rest = [*context._protected_args, *context.args]
        name, found, rest = context.command.resolve_command(context, rest)
        assert found is not None, f"{page}: there is no command {name}"
        context = found.make_context(name, rest, parent=context)


def test_every_model_family_is_described() -> None:
    page = (ROOT / "docs" / "detectors.md").read_text(encoding="utf-8")
    assert [family for family in FAMILIES if f"`{family}`" not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_of_the_docs_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name}: {target}"
