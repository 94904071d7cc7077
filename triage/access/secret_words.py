"""Random secrets that the platform hands out and keeps only hashes of."""

import hashlib
import secrets

SECRET_BYTES = 32


def new_secret() -> str:
    """256 random bits, in characters that stand in cookies, headers and URLs as they are."""
    return secrets.token_urlsafe(SECRET_BYTES)


def kept(secret: str) -> str:
    """What the store keeps of a secret. It has 256 random bits: a plain hash cannot be guessed."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
