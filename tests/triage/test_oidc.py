"""Login by an identity provider that signs for real, and everything it may get wrong."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import ValidationError
from sqlalchemy import select

from tests.triage.logged_in import entrance, with_people
from tests.triage.openid_provider import (
    CLIENT,
    SECRET,
    Claims,
    OpenIdProvider,
    openid_provider,
    signed,
    signed_with_the_public_key,
    unsigned,
)
from tests.triage.servers import Answer, Served, serving
from triage import schema
from triage.access import Permission, Role
from triage.access.login_attempts import Attempt, LoginAttempts
from triage.access.oidc import Provider
from triage.incoming import now
from whetstone.errors import InputError
from whetstone.settings import Oidc, Settings

ROLES = {
    "soc": {"berlin": "analyst", "oslo": "viewer"},
    "leads": {"berlin": "engineer"},
    "platform": {"*": "admin"},
}
# The desk is behind a proxy; what the test does stands for browser and proxy.
PUBLIC = "http://localhost"


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    with openid_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def shared(provider: OpenIdProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    oidc = Oidc.model_validate(
        {"issuer": provider.issuer, "client_id": CLIENT, "client_secret": SECRET, "roles": ROLES}
    )
    home = tmp_path_factory.mktemp("oidc")
    with serving(home, workers=False, triage_url=PUBLIC, oidc=oidc) as served:
        with_people(served, {"root": {"*": Role.ADMIN}})
        yield served


@pytest.fixture
def served(shared: Served, provider: OpenIdProvider) -> Served:
    """The desk, with nothing wrong at the provider."""
    provider.person = {"sub": "4711", "preferred_username": "ada", "groups": ["soc", "other"]}
    provider.algorithm, provider.sign = "RS256", None
    provider.twist = lambda claims: None
    provider.info, provider.announced = None, {}
    settings = shared.app.state.desk.settings
    # What it says of itself is kept for an hour otherwise.
    entrance(shared).provider = Provider(settings, shared.cases.database)
    entrance(shared).logins.__init__()
    return shared


class Browser:
    """A browser of somebody who goes to the provider and back."""

    def __init__(self, served: Served, provider: OpenIdProvider) -> None:
        self.served, self.provider = served, provider
        self.cookies = dict(cookie.split("=", 1) for cookie in served.get("/login").cookies)

    def begins(self, back: str = "/rules") -> dict[str, str]:
        """Leave for the provider and log in there; returns what leads back."""
        sent = self.get("/login/provider", {"back": back})
        assert sent.status == 303
        return self.provider.authorize(sent.headers["Location"])

    def returns(self, query: dict[str, str]) -> Answer:
        """Come back."""
        answer = self.get("/login/callback", query)
        self.cookies |= dict(cookie.split("=", 1) for cookie in answer.cookies)
        return answer

    def get(self, path: str, query: dict[str, str]) -> Answer:
        """Look at a page."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return self.served.get(f"{path}?{urlencode(query)}", Cookie=cookie)


@pytest.fixture
def browser(served: Served, provider: OpenIdProvider) -> Browser:
    return Browser(served, provider)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_groups_at_the_provider_become_roles_by_environment(
    browser: Browser, provider: OpenIdProvider, algorithm: str
) -> None:
    provider.algorithm = algorithm
    welcome = browser.returns(browser.begins())
    assert (welcome.status, welcome.headers["Location"]) == (303, "/rules")
    page = browser.get("/settings/account", {}).text
    assert "analyst in berlin" in page
    assert "viewer in oslo" in page
    assert browser.get("/settings/people", {}).status == 403
    entry = browser.served.app.state.desk.trail.read().entries[-1]
    assert (entry.who, entry.what, entry.why) == ("ada", "login", f"by {provider.issuer}")


def test_roles_are_those_of_today_and_the_name_is_that_of_the_first_time(
    served: Served, provider: OpenIdProvider
) -> None:
    first = Browser(served, provider)
    first.returns(first.begins())
    provider.person |= {"groups": ["leads", "soc"], "preferred_username": "root"}
    browser = Browser(served, provider)
    browser.returns(browser.begins())
    person = entrance(served).people.find("ada")
    assert person is not None
    assert person.roles == {"berlin": Role.ENGINEER, "oslo": Role.VIEWER}
    # The session of before may no more than today's groups, either.
    assert "engineer in berlin" in first.get("/settings/account", {}).text


def test_who_is_in_no_group_with_a_role_is_not_let_in(
    browser: Browser, provider: OpenIdProvider
) -> None:
    provider.person |= {"sub": "1", "groups": ["guests", 7, None]}
    refusal = browser.returns(browser.begins())
    assert (refusal.status, "in no group that has a role" in refusal.text) == (403, True)


def test_who_comes_back_in_no_group_keeps_nothing_in_sessions_and_tokens_of_before(
    served: Served, provider: OpenIdProvider
) -> None:
    provider.person |= {"sub": "9", "preferred_username": "max", "groups": ["platform"]}
    before = Browser(served, provider)
    before.returns(before.begins())
    known = entrance(served)
    person = known.people.find("max")
    assert person is not None
    scope, everywhere = frozenset([Permission.READ]), frozenset(["*"])
    token = known.api_tokens.add(person.principal, "of-max", scope, everywhere, 1)
    bearer = {"Authorization": f"Bearer {token}"}
    assert served.get("/api/alerts", **bearer).status == 200
    provider.person |= {"groups": ["guests"]}
    again = Browser(served, provider)
    refused(again, again.returns(again.begins()), "in no group that has a role")
    assert before.get("/settings/people", {}).status == 403
    assert before.get("/rules", {}).status == 403
    assert served.get("/api/alerts", **bearer).status == 403


def test_nobody_takes_the_name_of_somebody_else(browser: Browser, provider: OpenIdProvider) -> None:
    provider.person |= {"sub": "2", "preferred_username": "root"}
    refusal = browser.returns(browser.begins())
    assert (refusal.status, "somebody else bears it" in refusal.text) == (403, True)


def drop(name: str) -> Callable[[Claims], None]:
    return lambda claims: claims.pop(name) and None


def put(**values: object) -> Callable[[Claims], None]:
    return lambda claims: claims.update(values)


LATER, AGO = 2_000_000_000 + 2_000_000_000, 1_000_000_000
WRONG_CLAIMS: dict[str, tuple[Callable[[Claims], None], str]] = {
    "nonce of another login": (put(nonce="other"), "answers another login (nonce)"),
    "no nonce": (drop("nonce"), "answers another login (nonce)"),
    "another audience": (put(aud="payroll"), "for another client (aud)"),
    "another party": (put(aud=[CLIENT, "payroll"], azp="payroll"), "for another client (azp)"),
    "several audiences, no party": (put(aud=[CLIENT, "payroll"]), "for another client (azp)"),
    "an empty subject": (put(sub=""), "characters of ASCII (sub)"),
    "a subject that no store takes": (put(sub="\ud800"), "characters of ASCII (sub)"),
    "a subject without end": (put(sub="x" * 256), "characters of ASCII (sub)"),
    "another issuer": (put(iss="https://evil.example"), "of another issuer (iss)"),
    "expired": (put(exp=AGO), "has expired (exp)"),
    "of the future": (put(iat=LATER), "of the future (iat"),
    "no expiry": (drop("exp"), "a claim is missing"),
    "no subject": (drop("sub"), "a claim is missing"),
}


@pytest.mark.parametrize("case", WRONG_CLAIMS)
def test_an_id_token_that_says_something_wrong_is_refused_by_name(
    browser: Browser, provider: OpenIdProvider, case: str
) -> None:
    provider.twist, named = WRONG_CLAIMS[case]
    refused(browser, browser.returns(browser.begins()), named)


WRONG_SIGNATURES: dict[str, tuple[Callable[[Claims], str], str]] = {
    "alg none": (unsigned, "signed with &#39;none&#39; (alg)"),
    "HMAC with the public key": (signed_with_the_public_key, "signed with &#39;HS256&#39; (alg)"),
    "another key": (
        lambda claims: signed(claims, "RS256", rsa.generate_private_key(65537, 2048)),
        "its signature is wrong",
    ),
    "a key of another kind": (
        lambda claims: signed(claims, "ES256").replace(
            signed({}, "ES256").split(".")[0], signed({}, "RS256").split(".")[0]
        ),
        "its signature is wrong",
    ),
    "changed afterwards": (
        lambda claims: ".".join(
            [
                signed(claims, "RS256").split(".")[0],
                signed({**claims, "groups": ["platform"]}, "RS256").split(".")[1],
                signed(claims, "RS256").split(".")[2],
            ]
        ),
        "its signature is wrong",
    ),
    "no token at all": (lambda _: "x.y.z", "it cannot be read"),
    "too long": (lambda claims: signed(claims | {"x": "x" * 50_000}, "RS256"), "it is too long"),
}


@pytest.mark.parametrize("case", WRONG_SIGNATURES)
def test_an_id_token_that_nobody_signed_right_is_refused_by_name(
    browser: Browser, provider: OpenIdProvider, case: str
) -> None:
    provider.sign, named = WRONG_SIGNATURES[case]
    refused(browser, browser.returns(browser.begins()), named)


def refused(browser: Browser, answer: Answer, named: str) -> None:
    assert (answer.status, named in answer.text) == (403, True), answer.text
    assert not any("_session" in name for name in browser.cookies)
    last = browser.served.app.state.desk.trail.read().entries[-1]
    assert (last.who, last.what) == ("(unknown)", "login.failed")


def test_an_answer_counts_once(browser: Browser, provider: OpenIdProvider) -> None:
    query = browser.begins()
    asked = provider.codes[query["code"]]
    assert browser.returns(query).status == 303
    del browser.cookies["whetstone_session"]
    provider.codes[query["code"]] = asked
    refused(browser, browser.returns(query), "belongs to no login of this browser (state)")


def test_an_answer_that_another_browser_asked_for_is_refused(
    served: Served, provider: OpenIdProvider, browser: Browser
) -> None:
    victim = Browser(served, provider)
    refused(victim, victim.returns(browser.begins()), "no login of this browser (state)")
    refused(victim, victim.returns({"code": "x", "state": "made up"}), "(state)")
    refused(victim, victim.returns({"code": "x"}), "(state)")


def test_an_answer_of_another_provider_and_a_refusal_are_told_apart(browser: Browser) -> None:
    mixed_up = browser.begins() | {"iss": "https://evil.example"}
    refused(browser, browser.returns(mixed_up), "the answer is of another issuer (iss)")
    state = browser.begins()["state"]
    denied = browser.returns({"error": "access_denied", "state": state})
    refused(browser, denied, "the identity provider refused (&#39;access_denied&#39;)")


def test_a_provider_that_always_names_itself_is_not_believed_without_its_name(
    browser: Browser, provider: OpenIdProvider
) -> None:
    provider.announced = {"authorization_response_iss_parameter_supported": True}
    query = browser.begins()
    del query["iss"]
    refused(browser, browser.returns(query), "the answer is of another issuer (iss)")
    assert browser.returns(browser.begins()).status == 303


def test_groups_that_the_id_token_lacks_are_asked_of_the_userinfo_endpoint(
    browser: Browser, provider: OpenIdProvider
) -> None:
    provider.info = {"sub": "4711", "groups": ["soc"], "preferred_username": "root"}
    provider.twist = drop("groups")
    assert browser.returns(browser.begins()).status == 303
    page = browser.get("/settings/account", {}).text
    assert "analyst in berlin" in page
    assert "<h1>ada</h1>" in page, "the ID token is believed before userinfo"


def test_groups_of_the_id_token_count_alone_where_it_names_any(
    browser: Browser, provider: OpenIdProvider
) -> None:
    provider.info = {"sub": "4711", "groups": ["platform"]}
    browser.returns(browser.begins())
    assert "analyst in berlin" in browser.get("/settings/account", {}).text
    empty = Browser(browser.served, provider)
    provider.twist = put(groups=[])
    refused(empty, empty.returns(empty.begins()), "in no group that has a role")


WRONG_INFO: dict[str, tuple[Claims, str]] = {
    "about somebody else": ({"sub": "1", "groups": ["platform"]}, "about somebody else (sub)"),
    "about nobody": ({"groups": ["platform"]}, "about somebody else (sub)"),
    "refused": ({}, "/me answers with status 400"),
}


@pytest.mark.parametrize("case", WRONG_INFO)
def test_userinfo_that_cannot_be_believed_is_refused_by_name(
    browser: Browser, provider: OpenIdProvider, case: str
) -> None:
    provider.info, named = WRONG_INFO[case]
    provider.twist = drop("groups")
    refused(browser, browser.returns(browser.begins()), named)


def log_out(browser: Browser) -> Answer:
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    return browser.served.form("/logout", {}, Cookie=cookie)


def test_a_logout_here_is_one_at_the_provider(browser: Browser, provider: OpenIdProvider) -> None:
    provider.announced = {"end_session_endpoint": f"{provider.issuer}/bye?lang=en"}
    browser.returns(browser.begins())
    secret = browser.cookies["whetstone_session"]
    answer = log_out(browser)
    assert answer.status == 200
    place = answer.headers["Refresh"].removeprefix("0; url=")
    assert place.startswith(f"{provider.issuer}/bye?lang=en&")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(place).query).items()}
    assert asked["post_logout_redirect_uri"] == f"{PUBLIC}/login"
    assert asked["client_id"] == CLIENT
    hint = jwt.decode(asked["id_token_hint"], options={"verify_signature": False})
    assert (hint["sub"], hint["iss"]) == ("4711", provider.issuer)
    assert 'whetstone_session=""' in answer.cookies
    assert "/settings/account" not in answer.text, "nobody is known any more"
    browser.cookies["whetstone_session"] = secret
    assert browser.get("/rules", {}).status == 303


def test_the_session_ends_here_also_where_the_provider_has_no_logout_or_is_away(
    served: Served, provider: OpenIdProvider
) -> None:
    for away in (False, True):
        browser = Browser(served, provider)
        browser.returns(browser.begins())
        if away:
            known = served.app.state.desk.settings
            gone = known.oidc.model_copy(update={"issuer": "http://127.0.0.1:9"})
            elsewhere = known.model_copy(update={"oidc": gone})
            entrance(served).provider = Provider(elsewhere, served.cases.database)
        answer = log_out(browser)
        assert (answer.status, answer.headers["Location"]) == (303, "/login")
        assert browser.get("/rules", {}).headers["Location"].startswith("/login?")


def test_whoever_reads_the_store_finds_no_id_token(
    browser: Browser, provider: OpenIdProvider
) -> None:
    browser.returns(browser.begins())
    with browser.served.cases.database.reading() as connection:
        (kept,) = connection.execute(
            select(schema.sessions.c.id_token).where(schema.sessions.c.name == "ada").limit(1)
        ).one()
    found = entrance(browser.served).sessions.id_token(browser.cookies["whetstone_session"])
    assert found is not None
    assert kept is not None
    assert not [part for part in found.split(".") if part in kept]


def test_a_code_that_somebody_else_caught_is_worth_nothing(
    served: Served, provider: OpenIdProvider, browser: Browser
) -> None:
    caught = browser.begins()["code"]
    thief = Browser(served, provider)
    mine = thief.begins() | {"code": caught}
    # PKCE: the verifier of another login does not fit.
    refused(thief, thief.returns(mine), "/token answers with status 400")


def test_an_attempt_is_over_after_ten_minutes(served: Served) -> None:
    time = now()
    attempts = LoginAttempts(served.cases.database, clock=lambda: time)
    attempts.keep("s", "v", Attempt("n", "c", "/"))
    time += timedelta(minutes=10)
    with pytest.raises(InputError, match="state"):
        attempts.take("s", "v")


def test_a_provider_that_cannot_be_trusted_is_refused_at_the_start(
    served: Served, provider: OpenIdProvider
) -> None:
    def started(issuer: str, url: str = PUBLIC) -> Provider:
        oidc = Oidc(issuer=issuer, client_id=CLIENT, client_secret=None, roles={})
        settings = Settings(home=served.home, triage_url=url, oidc=oidc)
        return Provider(settings, served.cases.database)

    with pytest.raises(InputError, match=r"issuer 'http://login\.example' is no https"):
        started("http://login.example")
    with pytest.raises(InputError, match="set WHETSTONE_TRIAGE_URL"):
        started(provider.issuer, url="")
    with pytest.raises(InputError, match="is of another issuer"):
        started(f"{provider.issuer}/").begin("visitor", "/")
    with pytest.raises(ValidationError, match="viewer"):
        Oidc.model_validate({"issuer": "x", "client_id": "y", "roles": {"g": {"*": "king"}}})
