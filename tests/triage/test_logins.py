"""Logins by password, sessions, and what every answer tells browsers, in a server that runs."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from tests.triage.logged_in import PASSWORD, cookie_of, entrance, with_people
from tests.triage.servers import Answer, Served, serving
from triage.access import MOST_BODY_BYTES, Role
from triage.access.login_rates import TRIES_OF_A_NAME
from triage.access.sessions import IDLE, LONGEST, Sessions
from triage.serve import serve
from whetstone.errors import InputError
from whetstone.settings import settings

NOON = datetime.fromisoformat("2026-03-02T12:00:00")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("logins"), workers=False) as served:
        with_people(
            served,
            {
                "ada": {"*": Role.ADMIN},
                "bob": {"berlin": Role.ANALYST},
                "eve": {"berlin": Role.VIEWER},
                "lea": {"berlin": Role.VIEWER},
            },
        )
        yield served


def log_in(served: Served, name: str, password: str = PASSWORD, **headers: str) -> Answer:
    return served.form("/login", {"name": name, "password": password, "back": "/rules"}, **headers)


def session_of(answer: Answer) -> dict[str, str]:
    return {"Cookie": next(each for each in answer.cookies if "_session=" in each)}


def test_a_password_begins_a_session_that_leads_to_the_page_that_was_wanted(
    served: Served,
) -> None:
    sent_away = served.get("/settings/people")
    assert (sent_away.status, sent_away.headers["Location"]) == (
        303,
        "/login?back=/settings/people",
    )
    welcome = log_in(served, "ada")
    assert (welcome.status, welcome.headers["Location"]) == (303, "/rules")
    cookie = next(c for c in welcome.headers.get_all("Set-Cookie", []) if "_session=" in c)
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert served.get("/settings/people", **session_of(welcome)).status == 200


def test_nobody_is_led_to_another_site_after_the_login(served: Served) -> None:
    for back in (
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
    ):
        fields = {"name": "ada", "password": PASSWORD, "back": back}
        assert served.form("/login", fields).headers["Location"] == "/"


def test_a_wrong_password_and_an_unknown_name_are_answered_alike(served: Served) -> None:
    wrong, unknown = log_in(served, "lea", "not the password"), log_in(served, "zoe")
    assert wrong.status == unknown.status == 401
    blind = [answer.text.replace(csrf(answer), "") for answer in (wrong, unknown)]
    assert blind[0] == blind[1]
    assert not any("_session=" in cookie for cookie in wrong.cookies + unknown.cookies)
    entries = served.app.state.desk.trail.read().entries[-2:]
    # What was typed as an unknown name may be a password.
    assert [(e.who, e.what) for e in entries] == [
        ("lea", "login.failed"),
        ("(unknown)", "login.failed"),
    ]


def csrf(answer: Answer) -> str:
    return answer.text.partition('name="csrf" value="')[2].partition('"')[0]


def test_the_session_that_somebody_else_put_into_the_browser_is_not_gone_on_with(
    served: Served,
) -> None:
    planted = cookie_of(served, "eve")
    mine = session_of(log_in(served, "bob", **planted))
    assert mine != planted
    assert "eve" not in served.get("/settings", **mine).text
    assert served.get("/", **planted).status == 303
    made_up = {"Cookie": f"{entrance(served).session_cookie}={'x' * 43}"}
    assert session_of(log_in(served, "bob", **made_up)) != made_up
    assert served.get("/", **made_up).status == 303


def test_logging_out_ends_the_session_on_the_server(served: Served) -> None:
    one, other = cookie_of(served, "bob"), cookie_of(served, "bob")
    assert served.form("/logout", {}, **one).headers["Location"] == "/login"
    assert (served.get("/", **one).status, served.get("/", **other).status) == (303, 200)


def test_logging_out_everywhere_ends_all_sessions_of_that_person_alone(served: Served) -> None:
    mine, again, others = (cookie_of(served, name) for name in ("bob", "bob", "eve"))
    served.form("/logout", {"everywhere": "true"}, **mine)
    assert [served.get("/", **c).status for c in (mine, again, others)] == [303, 303, 200]


def test_a_new_password_ends_all_sessions_and_wants_the_old_one(served: Served) -> None:
    mine = cookie_of(served, "eve")
    fields = {"current": "a wrong password", "password": "another long password"}
    assert served.form("/settings/account/password", fields, **mine).status == 403
    assert served.get("/", **mine).status == 200
    fields["current"] = PASSWORD
    assert served.form("/settings/account/password", fields, **mine).status == 303
    assert served.get("/", **mine).status == 303
    assert log_in(served, "eve", "another long password").status == 303


def test_a_session_ends_when_it_is_idle_and_at_the_latest_after_a_shift(served: Served) -> None:
    time = NOON
    sessions = Sessions(served.cases.database, clock=lambda: time)
    idle = sessions.begin("ada")
    time += IDLE - timedelta(seconds=1)
    assert sessions.name_of(idle) == "ada"
    time += IDLE - timedelta(seconds=1)
    assert sessions.name_of(idle) == "ada"
    time += IDLE
    assert sessions.name_of(idle) is None
    used, begun = sessions.begin("ada"), time
    while time < begun + LONGEST:
        assert sessions.name_of(used) == "ada"
        time += timedelta(hours=1)
    assert sessions.name_of(used) is None


def test_the_store_holds_nothing_that_opens_a_session(served: Served) -> None:
    secret = session_of(log_in(served, "ada"))["Cookie"].partition("=")[2]
    with served.cases.database.reading() as connection:
        kept = "\n".join(
            str(row)
            for table in ("sessions", "people", "access_secrets")
            for row in connection.exec_driver_sql(f"SELECT * FROM {table}")
        )
    assert "ada" in kept
    assert secret not in kept
    assert PASSWORD not in kept
    assert kept.count("$argon2id$") >= 4


def test_whoever_guesses_is_stopped_and_told_until_when(served: Served) -> None:
    tries = [log_in(served, "lea", f"guess number {n}") for n in range(TRIES_OF_A_NAME + 2)]
    assert {answer.status for answer in tries[:5]} == {401}
    assert tries[-1].status == 429
    assert 1 <= int(tries[-1].headers["Retry-After"]) <= 60
    # The right one is not told from the wrong ones either; others log in.
    assert log_in(served, "lea").status == 429
    assert log_in(served, "ada").status == 303


def test_pages_run_and_load_nothing_but_their_own_files(served: Served) -> None:
    page = served.get("/login")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert page.headers["Referrer-Policy"] == "same-origin"
    refused = served.get("/api/alerts")
    assert refused.headers["Content-Security-Policy"].startswith("default-src 'none'; frame-")


def test_files_are_kept_for_ever_under_the_url_of_their_content_only(served: Served) -> None:
    text = served.get("/login").text
    url = text.partition('<script src="')[2].partition('"')[0]
    assert url.startswith("/static/htmx.min.js?v=")
    assert "immutable" in served.get(url).headers["Cache-Control"]
    for other in ("/static/htmx.min.js", "/static/htmx.min.js?v=0", "/static/desk.css?v="):
        assert served.get(other).headers["Cache-Control"] == "no-cache"
    assert served.get("/static/../serve.py").status == 404


def test_no_redirection_leads_to_the_host_that_a_request_names(served: Served) -> None:
    eve = cookie_of(served, "eve")
    for path in ("/rules/", "/api/alerts/", "//evil.example/", "/login/"):
        for sent in (eve, {}):
            answer = served.get(path, Host="evil.example", X_Forwarded_Host="evil.example", **sent)
            assert "//evil" not in answer.headers.get("Location", "").partition("?")[0], path
            assert answer.status in (303, 401, 404)


def test_who_may_not_contribute_uploads_no_more_than_anybody(served: Served) -> None:
    for path, headers in (("/contribute", cookie_of(served, "eve")), ("/login", {})):
        kind = {"Content-Type": "multipart/form-data; boundary=b", **headers}
        whole = BEGINNING + b"x" * MOST_BODY_BYTES + b"\r\n--b--\r\n"
        assert served.send("POST", path, whole, kind).status == 413


BEGINNING = b'--b\r\nContent-Disposition: form-data; name="raw"; filename="auth.log"\r\n\r\n'


def test_behind_tls_cookies_travel_by_nothing_else(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    home, url = tmp_path_factory.mktemp("tls"), "https://desk.example"
    with serving(home, workers=False, triage_url=url, triage_requests_a_minute=1) as behind:
        with_people(behind, {"ada": {"*": Role.ADMIN}})
        page = behind.get("/login")
        assert "max-age" in page.headers["Strict-Transport-Security"]
        proxied = {"Origin": url, "Host": "127.0.0.1"}
        welcome = log_in(behind, "ada", **proxied)
        for cookie in page.headers.get_all("Set-Cookie", []) + welcome.headers.get_all(
            "Set-Cookie", []
        ):
            assert cookie.startswith("__Host-whetstone_")
            assert {"Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; "))
            assert "Domain" not in cookie
        mine = session_of(welcome)
        assert behind.get("/api/alerts", **mine).status == 200
        late = behind.get("/api/alerts", **mine)
        assert (late.status, 1 <= int(late.headers["Retry-After"]) <= 60) == (429, True)


def test_this_machine_is_served_without_login_until_there_is_somebody(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with serving(tmp_path_factory.mktemp("first"), workers=False) as alone:
        assert alone.get("/settings/people").status == 200
        fields = {"name": "ada", "password": PASSWORD, "role": "analyst"}
        refused = alone.form("/settings/people", fields)
        assert (refused.status, "admin of all environments" in refused.text) == (422, True)
        assert alone.get("/settings/people").status == 200
        assert alone.form("/settings/people", fields | {"role": "admin"}).status == 303
        assert alone.get("/settings/people").status == 303
        assert alone.get("/api/alerts").status == 401


def test_without_a_login_no_other_site_can_use_the_browser(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with serving(tmp_path_factory.mktemp("local"), workers=False) as alone:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        assert alone.send("POST", "/theme", b"theme=dark", kind).status == 403
        for sent in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            beat = {"scorer": "box", "environment": "berlin", "digest": {}}
            assert alone.post("/api/scorers", beat, **sent).status == 403
            assert alone.form("/theme", {"theme": "dark"}, **sent).status == 403
        assert alone.form("/theme", {"theme": "dark"}).status == 303
        assert alone.get("/login", Host="evil.example").status == 403


def test_while_the_case_store_is_gone_everybody_is_told_to_come_again(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with serving(tmp_path_factory.mktemp("gone"), workers=False) as broken:
        with broken.cases.database.writing() as connection:
            for table in ("sessions", "api_tokens", "grants", "people"):
                connection.exec_driver_sql(f"DROP TABLE {table}")
        for path in ("/", "/api/alerts", "/health"):
            answer = broken.get(path)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
            assert "no such table" not in answer.text, "nobody is told of the database's inside"


def test_a_server_that_others_reach_wants_somebody_who_can_log_in(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHETSTONE_HOME", str(tmp_path_factory.mktemp("reached")))
    settings.cache_clear()
    try:
        wanted = "whetstone users add NAME --role admin.*set WHETSTONE_TRIAGE_TOKENS"
        with pytest.raises(InputError, match=wanted):
            serve("0.0.0.0", 0, None)  # noqa: S104
    finally:
        settings.cache_clear()
