"""`/audit`: who did what, shown to whom it concerns, and whether the trail is whole."""

from collections.abc import Iterator

import pytest

from tests.triage.logged_in import cookie_of, with_people
from tests.triage.servers import Served, serving
from triage.access import Role


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("audit"), workers=False) as served:
        roles = {"ada": {"*": Role.ADMIN}, "oda": {"oslo": Role.ADMIN}}
        with_people(served, roles)
        yield served


def test_entries_are_shown_to_whom_they_concern_page_by_page(served: Served) -> None:
    trail = served.app.state.desk.trail
    for number in range(120):
        where = "oslo" if number % 2 else "berlin"
        trail.append("bob", "export", f"report-{number:03d}", {"environment": where})
    ada, oda = cookie_of(served, "ada"), cookie_of(served, "oda")
    newest = served.get("/audit", **ada).text
    assert "report-119" in newest
    assert "report-020" in newest
    assert "report-019" not in newest
    older = newest.partition('href="/audit?before=')[2].partition('"')[0]
    second = served.get(f"/audit?before={older}", **ada).text
    assert "report-019" in second
    assert "report-020" not in second
    assert "person.add" in second
    mine = served.get("/audit", **oda).text
    assert "report-119" in mine
    assert "report-118" not in mine


def test_hostile_text_is_shown_as_text(served: Served) -> None:
    hostile = "<script>alert(1)</script>\x1b[31m\u202e"
    served.app.state.desk.trail.append(hostile, "export", hostile, {hostile: hostile})
    page = served.get("/audit", **cookie_of(served, "ada")).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_a_trail_that_somebody_changed_says_so(served: Served) -> None:
    path = served.home / "audit" / "triage.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[0].replace('"admin"', '"viewer"').replace("ada", "eve") + lines[1])
    page = served.get("/audit", **cookie_of(served, "ada")).text
    assert "The trail is not whole" in page
    assert "line 2 does not follow the line before it" in page
