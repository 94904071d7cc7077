"""Passwords: argon2id, with as much work for a name that does not exist as for one that does."""

import threading
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from whetstone.errors import InputError

SHORTEST = 12
LONGEST = 1024
# Each takes 64 MiB for its time: many logins at once wait for each other, not for memory.
_AT_ONCE = threading.BoundedSemaphore(2)


class Passwords:
    """Hashes in PHC format, with the parameters of RFC 9106 for little memory (64 MiB).

    Args:
        hasher: with other parameters; hashes made with earlier ones go on.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()

    @cached_property
    def _nobody(self) -> str:
        """What passwords for unknown names are compared with."""
        return self._hasher.hash("nobody has this password")

    def hash(self, password: str) -> str:
        """What is kept of a password.

        Raises:
            InputError: it is too short or too long.
        """
        if not SHORTEST <= len(password) <= LONGEST:
            raise InputError(f"password: take {SHORTEST} to {LONGEST} characters")
        with _AT_ONCE:
            return self._hasher.hash(password)

    def matches(self, known: str | None, password: str) -> bool:
        """Whether it is the password of what was kept; None, of somebody without one: never."""
        compared = known or self._nobody
        with _AT_ONCE:
            try:
                self._hasher.verify(compared, password[:LONGEST])
            except (VerificationError, InvalidHashError):
                return False
        return known is not None and len(password) <= LONGEST
