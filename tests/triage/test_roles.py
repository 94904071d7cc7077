"""Each role against each route, in a server that runs.

The table is written by hand, from what people are to be able to do: a new route fails until
somebody has decided who may use it.
"""

import re
from collections.abc import Iterator

import pytest

from tests.triage.all_routes import routes_of
from tests.triage.logged_in import cookie_of, entrance, with_people
from tests.triage.scorer_records import a_record, checked
from tests.triage.servers import Answer, Served, serving
from triage.access import Role, Tokens

EVERYBODY, LOGGED_IN = "everybody", "logged in"
VIEWERS, ANALYSTS, ENGINEERS, ADMINS = "viewer", "analyst", "engineer", "admin"
SCORERS = "admin, scorers"
VIEWERS_AND_SCORERS = "viewer, scorers"
# Who may, at least; each role may what the one before may.
ROUTES: dict[tuple[str, str], str] = {
    ("GET", "/health"): EVERYBODY,
    ("GET", "/login"): EVERYBODY,
    ("POST", "/login"): EVERYBODY,
    ("GET", "/login/provider"): EVERYBODY,
    ("GET", "/login/callback"): EVERYBODY,
    ("GET", "/openapi.json"): LOGGED_IN,
    ("POST", "/logout"): LOGGED_IN,
    ("GET", "/settings/account"): LOGGED_IN,
    ("POST", "/settings/account/password"): LOGGED_IN,
    # The queue and what stands behind it.
    ("GET", "/"): VIEWERS_AND_SCORERS,
    ("GET", "/alerts/{alert_id}"): VIEWERS_AND_SCORERS,
    ("GET", "/alerts/{alert_id}/card"): VIEWERS_AND_SCORERS,
    ("GET", "/alerts/{alert_id}/lines"): VIEWERS_AND_SCORERS,
    ("GET", "/alerts/{alert_id}/timeline"): VIEWERS_AND_SCORERS,
    ("GET", "/groups/{group_id}"): VIEWERS_AND_SCORERS,
    ("GET", "/news"): VIEWERS_AND_SCORERS,
    ("GET", "/receipts"): VIEWERS_AND_SCORERS,
    ("GET", "/receipts/{verdict_id}"): VIEWERS_AND_SCORERS,
    ("GET", "/rules"): VIEWERS_AND_SCORERS,
    ("GET", "/settings"): VIEWERS_AND_SCORERS,
    ("POST", "/theme"): VIEWERS_AND_SCORERS,
    ("POST", "/views"): VIEWERS_AND_SCORERS,
    ("POST", "/views/{view_id}/delete"): VIEWERS_AND_SCORERS,
    # What analysts say.
    ("GET", "/label"): ANALYSTS,
    ("POST", "/alerts/{alert_id}/verdict"): ANALYSTS,
    ("POST", "/groups/{group_id}/verdict"): ANALYSTS,
    ("POST", "/verdicts/{verdict_id}/undo"): ANALYSTS,
    ("POST", "/alerts/{alert_id}/identity"): ANALYSTS,
    ("GET", "/rules/new"): ANALYSTS,
    ("POST", "/rules"): ANALYSTS,
    # Whoever sees that a rule hides what it should not may end that at once.
    ("POST", "/rules/{rule_id}/end"): ANALYSTS,
    ("POST", "/rules/{rule_id}/suspend"): ANALYSTS,
    ("GET", "/contribute"): ANALYSTS,
    ("POST", "/contribute"): ANALYSTS,
    ("GET", "/contribute/{upload_id}"): ANALYSTS,
    ("POST", "/contribute/{upload_id}/accept"): ANALYSTS,
    ("POST", "/contribute/{upload_id}/discard"): ANALYSTS,
    # What takes a second pair of eyes, or the platform's time.
    ("POST", "/rules/{rule_id}/approve"): ENGINEERS,
    ("POST", "/rules/{rule_id}/prolong"): ENGINEERS,
    ("GET", "/ideas"): ENGINEERS,
    ("POST", "/ideas"): ENGINEERS,
    ("GET", "/ideas/{idea_id}"): ENGINEERS,
    ("POST", "/ideas/{idea_id}/stop"): ENGINEERS,
    # Who may what, and who did what.
    ("GET", "/settings/people"): ADMINS,
    ("POST", "/settings/people"): ADMINS,
    ("POST", "/settings/people/{name}/role"): ADMINS,
    ("POST", "/settings/people/{name}/password"): ADMINS,
    ("POST", "/settings/people/{name}/logout"): ADMINS,
    ("POST", "/settings/people/{name}/remove"): ADMINS,
    ("GET", "/settings/tokens"): ADMINS,
    ("POST", "/settings/tokens"): ADMINS,
    ("POST", "/settings/tokens/{token_id}/revoke"): ADMINS,
    ("GET", "/settings/webhooks"): ADMINS,
    ("POST", "/settings/webhooks"): ADMINS,
    ("POST", "/settings/webhooks/{webhook_id}/remove"): ADMINS,
    ("GET", "/audit"): ADMINS,
    # The API.
    ("POST", "/api/alerts"): SCORERS,
    ("POST", "/api/scorers"): SCORERS,
    ("GET", "/api/alerts"): VIEWERS_AND_SCORERS,
    ("GET", "/api/alerts/{alert_id}"): VIEWERS_AND_SCORERS,
    ("GET", "/api/groups"): VIEWERS_AND_SCORERS,
    ("GET", "/api/groups/{group_id}"): VIEWERS_AND_SCORERS,
    ("GET", "/api/patterns"): VIEWERS_AND_SCORERS,
    ("GET", "/api/receipts"): VIEWERS_AND_SCORERS,
    ("GET", "/api/receipts/{verdict_id}"): VIEWERS_AND_SCORERS,
    ("GET", "/api/records/{role}"): VIEWERS_AND_SCORERS,
    ("GET", "/api/scorers"): VIEWERS_AND_SCORERS,
    ("GET", "/api/verdicts"): VIEWERS_AND_SCORERS,
    ("GET", "/api/exports/ecs"): VIEWERS_AND_SCORERS,
    ("GET", "/api/exports/sigma"): VIEWERS_AND_SCORERS,
    ("GET", "/api/exports/stix"): VIEWERS_AND_SCORERS,
    ("POST", "/api/alerts/{alert_id}/verdicts"): ANALYSTS,
    ("POST", "/api/verdicts"): ANALYSTS,
    ("DELETE", "/api/verdicts/{verdict_id}"): ANALYSTS,
    ("GET", "/api/webhooks"): ADMINS,
    ("POST", "/api/webhooks"): ADMINS,
    ("GET", "/api/webhooks/{webhook_id}"): ADMINS,
    ("DELETE", "/api/webhooks/{webhook_id}"): ADMINS,
}
EVERY_ROUTE = sorted(ROUTES, key=lambda route: route[::-1])
UNSAFE = [route for route in EVERY_ROUTE if route[0] != "GET"]
ROLES = [str(role) for role in Role]
TOKEN = "s" * 32
ELSEWHERE = "secret-of-berlin"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("roles")
    with serving(home, Tokens({TOKEN: "*"}), workers=False) as served:
        everywhere = {role: {"*": Role(role)} for role in reversed(ROLES)}
        with_people(served, {**everywhere, "oslo": {"oslo": Role.ADMIN}})
        yield served


@pytest.fixture(scope="module")
def cookies(served: Served) -> dict[str, dict[str, str]]:
    return {name: cookie_of(served, name) for name in (*ROLES, "oslo")}


def ask(served: Served, route: tuple[str, str], headers: dict[str, str]) -> Answer:
    """Send a request that lacks all but what says who asks."""
    method, path = route
    path = re.sub(r"\{role\}", "champion", path)
    path = re.sub(r"\{\w+\}", "none", path)
    if method == "GET":
        return served.get(path, **headers)
    is_api = path.startswith("/api/")
    kind = "application/json" if is_api else "application/x-www-form-urlencoded"
    return served.send(method, path, b"{}" if is_api else b"", {"Content-Type": kind, **headers})


def with_csrf(served: Served, headers: dict[str, str]) -> dict[str, str]:
    session = headers["Cookie"].partition("=")[2]
    return {**headers, "Origin": served.url, "X-CSRF": entrance(served).csrf(session)}


def was_let_in(answer: Answer) -> bool:
    to_login = answer.headers.get("Location", "").startswith("/login?")
    return answer.status not in (401, 403) and not to_login


def test_somebody_has_decided_who_may_use_each_route(served: Served) -> None:
    assert routes_of(served.app) == set(ROUTES)


@pytest.mark.parametrize("route", EVERY_ROUTE, ids=" ".join)
def test_a_route_serves_whom_it_is_meant_for_and_nobody_else(
    served: Served, cookies: dict[str, dict[str, str]], route: tuple[str, str]
) -> None:
    if route == ("POST", "/logout"):
        cookies = {role: cookie_of(served, role) for role in ROLES}
    least = ROUTES[route].partition(",")[0]
    first = ROLES.index(least) if least in ROLES else 0
    let_in = {
        role for role in ROLES if was_let_in(ask(served, route, with_csrf(served, cookies[role])))
    }
    assert let_in == set(ROLES[first:])

    bearer = {"Authorization": f"Bearer {TOKEN}"}
    for_scorers = ROUTES[route] in (EVERYBODY, LOGGED_IN) or "scorers" in ROUTES[route]
    assert was_let_in(ask(served, route, bearer)) == for_scorers


@pytest.mark.parametrize("route", EVERY_ROUTE, ids=" ".join)
def test_who_is_not_known_is_sent_to_the_login_or_refused(
    served: Served, route: tuple[str, str]
) -> None:
    if ROUTES[route] == EVERYBODY:
        return
    answer = ask(served, route, {"Cookie": "whetstone_session=none"})
    if route[1].startswith("/api/") or route[1] == "/openapi.json":
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    else:
        assert answer.status == 303
        assert answer.headers["Location"].startswith("/login?back=/")


@pytest.mark.parametrize("route", UNSAFE, ids=" ".join)
def test_no_other_site_can_send_it_for_somebody(
    served: Served, cookies: dict[str, dict[str, str]], route: tuple[str, str]
) -> None:
    mine = cookies["admin"] if ROUTES[route] != EVERYBODY else {"Cookie": "whetstone_visitor=me"}
    good = with_csrf(served, mine)
    forged = [
        {**mine, "Origin": served.url},
        {**good, "X-CSRF": entrance(served).csrf("somebody else's")},
        {**good, "Origin": "https://evil.example"},
        {**good, "Origin": "null"},
        {**good, "Sec-Fetch-Site": "cross-site"},
        {**good, "Sec-Fetch-Site": "same-site"},
    ]
    assert [ask(served, route, headers).status for headers in forged] == [403] * len(forged)


def test_who_is_admin_elsewhere_only_sees_nothing_of_an_environment(
    served: Served, cookies: dict[str, dict[str, str]]
) -> None:
    told = {"unit": ELSEWHERE, "entity": {"host": ELSEWHERE}}
    open_one = a_record("bb", detector="scan", **told)
    served.cases.take_records(checked(a_record("aa", **told), open_one))
    served.cases.give_verdict("aa", "true_positive", by=ELSEWHERE, verdict_id="vv")
    group = served.cases.alert("aa").group_id
    known = {"alert_id": "aa", "group_id": group, "verdict_id": "vv", "role": "champion"}
    seen: dict[str, set[str]] = {"oslo": set(), "admin": set()}
    for name, places in seen.items():
        for method, path in EVERY_ROUTE:
            if method != "GET":
                continue
            real = re.sub(r"\{(\w+)\}", lambda found: str(known.get(found[1], "none")), path)
            answer = served.get(real, **cookies[name])
            if ELSEWHERE in answer.text:
                places.add(path)
    assert seen["oslo"] == set()
    assert {"/", "/alerts/{alert_id}", "/api/alerts", "/api/verdicts"} <= seen["admin"]
