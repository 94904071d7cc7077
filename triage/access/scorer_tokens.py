"""The scorers' tokens: a file that whoever runs the platform writes."""

import hashlib
import hmac
import stat
from collections.abc import Mapping
from pathlib import Path

from whetstone.errors import InputError

SHORTEST_TOKEN = 20


class Tokens:
    """Tokens and the environment each speaks for.

    Args:
        environments: token -> environment, `*` for all.
    """

    def __init__(self, environments: Mapping[str, str]) -> None:
        # Hashes of one length: a comparison tells nothing about the beginning of a token.
        self._hashes = [(_hash(token), name) for token, name in environments.items()]

    @staticmethod
    def read(path: Path) -> "Tokens":
        """Tokens from a file with a line `ENVIRONMENT TOKEN` each; `*` speaks for all of them.

        Raises:
            InputError: the file cannot be read, others may read it, or a line is wrong.
        """
        try:
            mode, text = path.stat().st_mode, path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"token file {path}: {error}; write `ENVIRONMENT TOKEN` a line") from (
                error
            )
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise InputError(f"token file {path}: others may read it; run chmod 600 {path}")
        tokens: dict[str, str] = {}
        for number, line in enumerate(text.splitlines(), 1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if len(words) != 2 or len(words[1]) < SHORTEST_TOKEN:
                raise InputError(
                    f"token file {path}:{number}: write an environment (or *), a space and a token"
                    f" of {SHORTEST_TOKEN} characters or more, as `openssl rand -hex 32` prints"
                )
            tokens[words[1]] = words[0]
        if not tokens:
            raise InputError(f"token file {path} has no token; write `ENVIRONMENT TOKEN` a line")
        return Tokens(tokens)

    def environment(self, token: str) -> str | None:
        """The environment that a token speaks for; None if it is no token."""
        given, found = _hash(token), None
        for known, environment in self._hashes:
            if hmac.compare_digest(given, known):
                found = environment
        return found


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
