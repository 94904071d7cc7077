"""What all outputs that speak HTTP have in common."""

import hashlib
import hmac
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

SECONDS = 10.0
"""How long a connection, and each part of an answer, may take."""

REFUSALS = frozenset({400, 413, 415, 422})
"""Answers after which the same request is of no use: it is malformed, or too large."""

_LONGEST_PAUSE = 3600.0


def signed(secret: bytes, at: int, body: bytes) -> dict[str, str]:
    """Headers by which a receiver knows who sent a body, and when.

    Args:
        secret: key of the HMAC.
        at: seconds since 1970.
        body: as it is sent.
    """
    signature = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Whetstone-Timestamp": str(at), "Whetstone-Signature": f"sha256={signature}"}


def pause_asked(retry_after: str) -> float:
    """Seconds that a `Retry-After` header asks for (RFC 9110, 10.2.3), an hour at most; 0: none."""
    if retry_after.isascii() and retry_after.isdigit():
        return min(float(retry_after), _LONGEST_PAUSE)
    try:
        wait = parsedate_to_datetime(retry_after) - datetime.now(UTC)
    except (ValueError, TypeError):
        return 0.0
    return min(max(0.0, wait.total_seconds()), _LONGEST_PAUSE)


def reason(error: Exception) -> str:
    """What a chain of urllib3's errors says at its end, without the URL, which may be a secret."""
    inner: object = getattr(error, "reason", None) or (error.args[-1] if error.args else error)
    return str(inner).rpartition(": ")[2] or type(error).__name__
