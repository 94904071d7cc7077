"""ID tokens: who an identity provider says somebody is (OpenID Connect Core 1.0, 3.1.3.7)."""

import hmac
from collections.abc import Mapping
from typing import Any

import jwt

from whetstone.errors import InputError

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
"""Signatures with public keys, nothing else: neither `none`, nor HMAC with a key that all know."""
_LEEWAY_SECONDS = 60
_LONGEST = 32_768
_LONGEST_SUBJECT = 255
_WRONG = {
    jwt.ExpiredSignatureError: "it has expired (exp)",
    jwt.ImmatureSignatureError: "it is of the future (iat, nbf)",
    jwt.InvalidAudienceError: "it is for another client (aud)",
    jwt.InvalidIssuerError: "it is of another issuer (iss)",
    jwt.InvalidSignatureError: "its signature is wrong",
    jwt.MissingRequiredClaimError: "a claim is missing (exp, iat, sub, aud or iss)",
}


class IdTokens:
    """Checks tokens of one issuer for one client.

    Args:
        issuer: `iss`.
        client_id: `aud`.
        jwks_uri: where the issuer's public keys are; asked again when a key is unknown.
    """

    def __init__(self, issuer: str, client_id: str, jwks_uri: str) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._keys = jwt.PyJWKClient(jwks_uri, timeout=10)

    def checked(self, token: str, nonce: str) -> Mapping[str, Any]:
        """The claims of a token that answers the attempt with this nonce.

        Raises:
            InputError: it is not to be believed; the message says why.
        """
        try:
            if len(token) > _LONGEST:
                raise _refused("it is too long")
            algorithm = jwt.get_unverified_header(token).get("alg")
            if algorithm not in ALGORITHMS:
                raise _refused(f"it is signed with {algorithm!r} (alg), take {ALGORITHMS[0]}")
            claims = jwt.decode(
                token,
                self._keys.get_signing_key_from_jwt(token),
                algorithms=ALGORITHMS,
                audience=self._client_id,
                issuer=self._issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "sub", "aud", "iss"]},
            )
        except jwt.PyJWTError as error:
            reason = next((text for kind, text in _WRONG.items() if isinstance(error, kind)), None)
            raise _refused(reason or f"it cannot be read ({type(error).__name__})") from error
        # Who names several clients has to say for which of them it was made.
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else self._client_id) != self._client_id:
            raise _refused("it was made for another client (azp)")
        # OpenID Connect Core 1.0, 2.
        subject = claims["sub"]
        if not (0 < len(subject) <= _LONGEST_SUBJECT and subject.isascii()):
            raise _refused(f"its subject is not 1 to {_LONGEST_SUBJECT} characters of ASCII (sub)")
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise _refused("it answers another login (nonce)")
        return claims


def _refused(why: str) -> InputError:
    return InputError(f"login: the ID token is refused: {why}")
