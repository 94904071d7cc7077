"""Text that lies in the store and can be read by nobody but whoever brings the secret to it."""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken

_PURPOSE = b"whetstone: what a session keeps"


def sealed(secret: str, text: str) -> str:
    """`text` under a key that follows from a random secret, of which the store has a hash only."""
    return _key(secret).encrypt(text.encode()).decode()


def opened(secret: str, kept: str) -> str | None:
    """The text that was sealed; None: with another secret, or it was tampered with."""
    try:
        return _key(secret).decrypt(kept.encode()).decode()
    except InvalidToken:
        return None


def _key(secret: str) -> Fernet:
    # Not the hash that the store keeps of it: from that nothing follows.
    key = hmac.digest(secret.encode("utf-8", "replace"), _PURPOSE, hashlib.sha256)
    return Fernet(base64.urlsafe_b64encode(key))
