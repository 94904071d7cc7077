"""What people of one environment learn of another, and can do there: nothing, by whatever id."""

from collections.abc import Iterator

import pytest

from tests.triage.exchange_cases import bearer, fill
from tests.triage.logged_in import cookie_of, with_people
from tests.triage.servers import Served, serving
from triage.access import Permission, Role
from triage.judging.rules import Rules, Wanted


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("elsewhere"), workers=False) as served:
        fill(served.cases)
        with_people(
            served,
            {
                "root": {"*": Role.ADMIN},
                "ben": {"berlin": Role.ANALYST},
                "ann": {"oslo": Role.ANALYST},
                "olga": {"oslo": Role.ADMIN},
            },
        )
        yield served


@pytest.fixture(scope="module")
def ann(served: Served) -> dict[str, str]:
    return cookie_of(served, "ann")


@pytest.fixture(scope="module")
def group(served: Served) -> str:
    """A group of Berlin's."""
    found = served.cases.alert("a1").group_id
    assert found is not None
    return found


def test_the_form_of_a_rule_tells_nothing_of_alerts_elsewhere(
    served: Served, ann: dict[str, str], group: str
) -> None:
    asked = ("alert_id=unknown", "alert_id=a", "alert_id=a1", f"group_id={group}", "group_id=x", "")
    answers = [served.get(f"/rules/new?{query}", **ann) for query in asked]
    assert {answer.status for answer in answers} == {404}
    for answer in answers:
        assert "no such alert or group" in answer.text
        assert "berlin" not in answer.text
    mine = served.cases.alert("r2").group_id
    assert served.get(f"/rules/new?group_id={mine}", **ann).status == 200
    assert served.get("/rules/new?alert_id=r2", **ann).status == 200


def test_a_group_elsewhere_is_none(served: Served, ann: dict[str, str], group: str) -> None:
    for path in ("/groups", "/api/groups"):
        real, unknown = (served.get(f"{path}/{one}", **ann) for one in (group, "x"))
        assert real.status == unknown.status == 404
        assert "no such group" in real.text
        assert "no such group" in unknown.text
        assert "berlin" not in real.text
    said = {"value": "unsure"}
    real, unknown = (served.form(f"/groups/{one}/verdict", said, **ann) for one in (group, "x"))
    assert real.status == unknown.status == 404


def test_an_id_that_a_verdict_elsewhere_has_does_not_tell_of_it(
    served: Served, ann: dict[str, str]
) -> None:
    soar = bearer(served, "soar", [Permission.READ, Permission.JUDGE], "oslo")
    said = {"value": "unsure", "verdict_id": "v-r1"}
    by_program = served.post("/api/alerts/r2/verdicts", said, **soar)
    by_page = served.form("/alerts/r2/verdict", said, **ann)
    assert by_program.status == by_page.status == 422
    for answer in (by_program, by_page):
        assert not [word for word in ("bob", "false_positive", "alert r1") if word in answer.text]


def test_a_rule_elsewhere_is_not_proposed_again_under_its_id(
    served: Served, ann: dict[str, str]
) -> None:
    theirs = Wanted("berlin", "brute", None, {"src_ip": "10.1.2.3"}, "scanner")
    Rules(served.cases.database).propose(theirs, "ben", "their-rule")
    mine = {"environment": "oslo", "detector": "brute", "entity": "src_ip 10.1.2.3", "reason": "x"}
    refused = served.form("/rules", mine | {"rule_id": "their-rule"}, **ann)
    assert (refused.status, "berlin" in refused.text) == (422, False)
    noted = [e for e in served.app.state.desk.trail.read().entries if e.what == "rule.proposed"]
    assert noted == [], "nobody's trail says that ann proposed something in Berlin"
    assert served.form("/rules", mine | {"rule_id": "my-rule"}, **ann).status == 303
    assert served.form("/rules", mine | {"rule_id": "my-rule"}, **ann).status == 303


def test_what_somebody_uploads_is_not_for_admins_of_one_environment(served: Served) -> None:
    ben, olga, root = (cookie_of(served, name) for name in ("ben", "olga", "root"))
    files = {"raw": ("auth.log", "Failed password for mallory"), "labels": ("l.csv", "a,b")}
    sent = served.upload("/contribute", {"dataset": "adfa_ld"}, files, **ben)
    place = sent.headers["Location"]
    assert served.get(place, **ben).status == 200
    assert served.get(place, **olga).status == 404
    assert "auth.log" not in served.get("/contribute", **olga).text
    for action in ("accept", "discard"):
        assert served.form(f"{place}/{action}", {}, **olga).status == 404
    assert served.get(place, **root).status == 200
    assert served.form(f"{place}/discard", {}, **root).status == 303
