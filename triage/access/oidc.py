"""Login by an identity provider: OpenID Connect Core 1.0, authorization code with PKCE (RFC 7636).

The browser is sent to the provider with a random `state`, `nonce` and PKCE challenge. What comes
back counts once, within ten minutes, in the browser that began: then the code is changed into an
ID token, whose signature and claims are checked (`triage.access.id_tokens`), and the groups that
it names become roles, as the settings say. Where it names none, the provider's userinfo endpoint is
asked. A logout here is one there, too, if the provider has a place for that (RP-Initiated Logout
1.0).
"""

import base64
import hashlib
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import urllib3

from triage.access.id_tokens import IdTokens
from triage.access.login_attempts import Attempt, LoginAttempts
from triage.access.principal import PERMISSIONS, Role
from triage.access.secret_words import new_secret
from triage.database import Database
from whetstone.errors import InputError
from whetstone.settings import Settings

CALLBACK = "/login/callback"
AFTER_LOGOUT = "/login"
# RFC 6750, 2.1: nothing that could end the header.
_BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_SECONDS = 10.0
_MOST_BYTES = 1 << 20
_KNOWN_FOR_SECONDS = 3600.0
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_USED = ("userinfo_endpoint", "end_session_endpoint")
_LONGEST_HINT = 4_096


@dataclass(frozen=True)
class Recognised:
    """Whom the provider has recognised.

    Attributes:
        issuer: the provider.
        subject: never changes at that provider, nor is it given to somebody else.
        name: what the provider calls that one.
        roles: environment, or `*` -> role, from the groups; none: that one is not to be let in.
        id_token: that says so; the provider knows the login again by it.
    """

    issuer: str
    subject: str
    name: str
    roles: Mapping[str, Role]
    id_token: str


class Provider:
    """An OpenID provider.

    Args:
        settings: who it is, and where it sends people back to.
        database: keeps the attempts to log in.

    Raises:
        InputError: settings are missing, or the issuer is reached without TLS.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        assert settings.oidc is not None
        self._settings = settings.oidc
        if not settings.triage_url:
            raise InputError("WHETSTONE_OIDC: set WHETSTONE_TRIAGE_URL, where people come back")
        self._back = settings.triage_url.rstrip("/") + CALLBACK
        self._after_logout = settings.triage_url.rstrip("/") + AFTER_LOGOUT
        self._attempts = LoginAttempts(database)
        self._http = urllib3.PoolManager(timeout=_SECONDS, retries=False)
        self._known: dict[str, Any] = {}
        self._known_since = -_KNOWN_FOR_SECONDS
        self._id_tokens: IdTokens | None = None
        _check_place("issuer", self._settings.issuer)

    def begin(self, visitor: str, back: str) -> str:
        """Where to send the browser that bears this cookie; afterwards it goes to `back`.

        Raises:
            InputError: the provider does not say where.
        """
        place = self._discovered()["authorization_endpoint"]
        state, attempt = new_secret(), Attempt(new_secret(), new_secret(), back)
        self._attempts.keep(state, visitor, attempt)
        challenge = hashlib.sha256(attempt.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._back,
            "scope": self._settings.scope,
            "state": state,
            "nonce": attempt.nonce,
            "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return _with_query(place, query)

    def finish(self, visitor: str, answer: Mapping[str, str]) -> tuple[Recognised, str]:
        """Who came back with the provider's answer, and where that one wanted to go.

        Args:
            visitor: the browser's cookie.
            answer: the query of the callback.

        Raises:
            InputError: it does not belong to an attempt of this browser, the provider refused, or
                what it says of the person is not to be believed.
        """
        attempt = self._attempts.take(answer.get("state", ""), visitor)
        # RFC 9207: a provider that says of itself that it names itself always does.
        names_itself = self._discovered().get("authorization_response_iss_parameter_supported")
        unnamed = None if names_itself is True else self._settings.issuer
        if answer.get("iss", unnamed) != self._settings.issuer:
            raise InputError("login: the answer is of another issuer (iss)")
        if "code" not in answer:
            error = answer.get("error", "no code")[:100]
            raise InputError(f"login: the identity provider refused ({error!r})")
        return self._recognised(*self._claims(answer["code"], attempt)), attempt.back

    def logout(self, id_token: str) -> str | None:
        """Where to send a browser that has logged out here; None: the provider has no such place.

        Args:
            id_token: with which the session began.

        Raises:
            InputError: the provider does not say.
        """
        place = self._discovered().get("end_session_endpoint")
        if place is None:
            return None
        query = {
            "client_id": self._settings.client_id,
            "post_logout_redirect_uri": self._after_logout,
        }
        if len(id_token) <= _LONGEST_HINT:
            query["id_token_hint"] = id_token
        return _with_query(place, query)

    def _claims(self, code: str, attempt: Attempt) -> tuple[Mapping[str, Any], str]:
        """What the provider says of the one who logged in, and the ID token."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._back,
            "client_id": self._settings.client_id,
            "code_verifier": attempt.verifier,
        }
        headers = {"Accept": "application/json"}
        if self._settings.client_secret is not None:
            # RFC 6749, 2.3.1: each part is form-encoded first.
            secret = self._settings.client_secret.get_secret_value()
            both = f"{quote_plus(self._settings.client_id)}:{quote_plus(secret)}"
            headers["Authorization"] = "Basic " + base64.b64encode(both.encode()).decode()
        answer = self._ask("POST", self._discovered()["token_endpoint"], headers, form)
        if not isinstance(answer.get("id_token"), str):
            raise InputError("login: the identity provider sent no ID token")
        assert self._id_tokens is not None
        claims = self._id_tokens.checked(answer["id_token"], attempt.nonce)
        if self._settings.groups_claim not in claims and "userinfo_endpoint" in self._known:
            claims = {**self._user_info(answer.get("access_token"), claims["sub"]), **claims}
        return claims, answer["id_token"]

    def _user_info(self, access_token: Any, subject: str) -> Mapping[str, Any]:
        """What the ID token does not say (OpenID Connect Core 1.0, 5.3)."""
        if not isinstance(access_token, str) or not _BEARER.fullmatch(access_token):
            raise InputError("login: the identity provider sent no access token for userinfo")
        headers = {"Accept": "application/json", "Authorization": f"Bearer {access_token}"}
        found = self._ask("GET", self._discovered()["userinfo_endpoint"], headers)
        if found.get("sub") != subject:
            raise InputError("login: the userinfo is refused: it is about somebody else (sub)")
        return found

    def _recognised(self, claims: Mapping[str, Any], id_token: str) -> Recognised:
        name, groups = (
            claims.get(self._settings.name_claim),
            claims.get(self._settings.groups_claim),
        )
        if not isinstance(name, str):
            raise InputError(f"login: the provider tells no claim {self._settings.name_claim}")
        roles = roles_of(groups if isinstance(groups, list) else [], self._settings.roles)
        return Recognised(self._settings.issuer, claims["sub"], name, roles, id_token)

    def _discovered(self) -> Mapping[str, Any]:
        """OpenID Connect Discovery 1.0, kept for an hour."""
        if time.monotonic() - self._known_since < _KNOWN_FOR_SECONDS:
            return self._known
        issuer = self._settings.issuer
        place = issuer.rstrip("/") + "/.well-known/openid-configuration"
        found = self._ask("GET", place, {"Accept": "application/json"})
        if found.get("issuer") != issuer:
            raise InputError(f"login: {place} is of another issuer than WHETSTONE_OIDC names")
        for name in (*_NEEDED, *(name for name in _USED if name in found)):
            _check_place(name, str(found.get(name, "")))
        self._id_tokens = IdTokens(issuer, self._settings.client_id, found["jwks_uri"])
        self._known, self._known_since = found, time.monotonic()
        return found

    def _ask(
        self, method: str, place: str, headers: dict[str, str], form: dict[str, str] | None = None
    ) -> dict[str, Any]:
        try:
            response = self._http.request(
                method,
                place,
                headers=headers,
                body=None if form is None else urlencode(form),
                redirect=False,
                preload_content=False,
            )
            text = response.read(_MOST_BYTES)
            response.release_conn()
            answer = json.loads(text)
        except (urllib3.exceptions.HTTPError, ValueError, RecursionError) as error:
            raise InputError(
                f"login: {place} does not answer ({type(error).__name__}); try again later"
            ) from error
        if response.status != 200 or not isinstance(answer, dict):
            raise InputError(f"login: {place} answers with status {response.status}")
        return answer


def roles_of(groups: list[Any], roles: Mapping[str, Mapping[str, str]]) -> dict[str, Role]:
    """Environment -> the most that one of the groups makes somebody there."""
    found: dict[str, Role] = {}
    for group in groups:
        for environment, name in roles.get(group, {}).items() if isinstance(group, str) else ():
            role = Role(name)
            has = found.get(environment)
            if has is None or PERMISSIONS[has] < PERMISSIONS[role]:
                found[environment] = role
    return found


def _with_query(place: str, query: Mapping[str, str]) -> str:
    return f"{place}{'&' if urlsplit(place).query else '?'}{urlencode(query)}"


def _check_place(name: str, url: str) -> None:
    parts = urlsplit(url)
    is_here = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if not parts.hostname or (parts.scheme != "https" and not is_here):
        raise InputError(f"WHETSTONE_OIDC: {name} {url[:200]!r} is no https:// address")
