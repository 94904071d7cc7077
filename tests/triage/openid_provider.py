"""An OpenID provider that really signs, on this machine, and can be told to misbehave."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

CLIENT, SECRET, ACCESS = "desk", "s3cret & more", "an.access-token"
PKCE_FAILED, BAD_CLIENT = "the verifier is wrong", "the client is wrong"
Claims = dict[str, Any]


@cache
def keys() -> dict[str, Any]:
    """Private keys by algorithm."""
    return {
        "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
    }


@dataclass
class OpenIdProvider:
    """What it says of whoever logs in there.

    Attributes:
        issuer: its address.
        person: claims of the one who logs in.
        algorithm: with which ID tokens are signed.
        twist: changes the claims of the next ID tokens, from what they ought to be.
        sign: makes the token of claims; None: as it ought to.
        info: what its userinfo endpoint says; None: it has none.
        announced: what its discovery document says besides.
        codes: what was handed out: code -> the query of the authorization request.
    """

    issuer: str = ""
    person: Claims = field(default_factory=dict[str, Any])
    algorithm: str = "RS256"
    twist: Callable[[Claims], None] = lambda claims: None
    sign: Callable[[Claims], str] | None = None
    codes: dict[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    info: Claims | None = None
    announced: Claims = field(default_factory=dict[str, Any])

    def authorize(self, url: str) -> dict[str, str]:
        """Log in there, sent by the desk to `url`; returns the query that leads back."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        code = f"code-{len(self.codes)}"
        self.codes[code] = query
        return {"code": code, "state": query["state"], "iss": self.issuer}

    def answer(self, path: str, form: Mapping[str, str], authorization: str) -> Claims:
        """The JSON of an endpoint."""
        if path == "/.well-known/openid-configuration":
            endpoints = {"authorization_endpoint": "authorize", "token_endpoint": "token"}
            told = {name: f"{self.issuer}/{place}" for name, place in endpoints.items()}
            if self.info is not None:
                told["userinfo_endpoint"] = f"{self.issuer}/me"
            told |= self.announced
            return {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", **told}
        if path == "/keys":
            return {"keys": [_public(name, key) for name, key in keys().items()]}
        if path == "/me":
            right = self.info is not None and authorization == f"Bearer {ACCESS}"
            return self.info if self.info and right else {"error": "invalid_token"}
        assert path == "/token"
        both = base64.b64encode(f"{CLIENT}:s3cret+%26+more".encode()).decode()
        if authorization != f"Basic {both}":
            return {"error": BAD_CLIENT}
        asked = self.codes.pop(form["code"])
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if _base64(digest) != asked["code_challenge"]:
            return {"error": PKCE_FAILED}
        return {"token_type": "Bearer", "access_token": ACCESS, "id_token": self._token(asked)}

    def _token(self, asked: Mapping[str, str]) -> str:
        now = int(time.time())
        claims: Claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300}
        claims |= {"nonce": asked["nonce"], **self.person}
        self.twist(claims)
        return self.sign(claims) if self.sign else signed(claims, self.algorithm)


def signed(claims: Claims, algorithm: str, key: Any = None) -> str:
    """A token with a real signature; with another key, of the name of the right one."""
    key = keys()[algorithm] if key is None else key
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": algorithm})


def unsigned(claims: Claims) -> str:
    """A token that says of itself that nobody signed it."""
    return f"{_part({'alg': 'none', 'kid': 'RS256'})}.{_part(claims)}."


def signed_with_the_public_key(claims: Claims) -> str:
    """A token of HMAC whose key is what everybody may read: the provider's public key."""
    start = ".".join(_part(part) for part in ({"alg": "HS256", "kid": "RS256"}, claims))
    key = keys()["RS256"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return f"{start}.{_base64(hmac.digest(key, start.encode(), 'sha256'))}"


@contextmanager
def openid_provider() -> Iterator[OpenIdProvider]:
    """The provider, answering on a free port."""
    provider = OpenIdProvider()

    class Endpoint(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._tell({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._tell({name: values[0] for name, values in parse_qs(body).items()})

        def _tell(self, form: Mapping[str, str]) -> None:
            told = provider.answer(self.path, form, self.headers.get("Authorization", ""))
            text = json.dumps(told).encode()
            self.send_response(400 if "error" in told else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        provider.issuer = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()


def _public(name: str, key: Any) -> Claims:
    kind = RSAAlgorithm if name.startswith("RS") else ECAlgorithm
    return {**kind.to_jwk(key.public_key(), as_dict=True), "kid": name, "alg": name, "use": "sig"}


def _part(claims: Claims) -> str:
    return _base64(json.dumps(claims).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
