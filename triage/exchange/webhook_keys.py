"""Keys under which the secrets of webhooks lie in the case store.

Signatures need a secret as it is, so that no hash of it would do. It lies in the store encrypted
(Fernet: AES-128-CBC and HMAC-SHA256), and the key in a file of its own: who reads the database or a
copy of it signs nothing. The file has a key a line. The first one encrypts, each of them decrypts;
to change keys, a new line is put on top, and the old one taken out after the next start.
"""

import stat
import uuid
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from whetstone.durable import flush
from whetstone.errors import InputError, StorageError

# What every text of Fernet begins with until the year 2106: its version, and zeros of its time.
_SEALED = "gAAAAA"


class WebhookKeys:
    """The keys.

    Args:
        keys: as `Fernet.generate_key` makes them, the one that encrypts first.

    Raises:
        InputError: one is none.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        try:
            made = [Fernet(key) for key in keys]
            self._newest, self._all = made[0], MultiFernet(made)
        except (ValueError, IndexError) as error:
            raise InputError(
                "webhook keys: write 32 random bytes in URL-safe base64 a line, as"
                " `openssl rand -base64 32 | tr '+/' '-_'` prints"
            ) from error

    @staticmethod
    def of(path: Path) -> "WebhookKeys":
        """The keys of a file, with one key where there is no file yet.

        Raises:
            InputError: a line is no key, or others may read the file.
            StorageError: it can neither be read nor made.
        """
        try:
            if not path.exists():
                _make(path)
            mode, text = path.stat().st_mode, path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise StorageError(f"{path}: cannot be used ({error})") from error
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise InputError(f"{path}: others may read it; run chmod 600 {path}")
        return WebhookKeys(text.split())

    def sealed(self, secret: str) -> str:
        """A secret as the store may hold it."""
        return self._newest.encrypt(secret.encode()).decode()

    def opened(self, kept: str) -> str:
        """The secret that the store holds; one of an earlier release lies there as it is.

        Raises:
            InputError: none of the keys opens it.
        """
        if not kept.startswith(_SEALED):
            return kept
        try:
            return self._all.decrypt(kept.encode()).decode()
        except InvalidToken:
            raise InputError(
                "its secret cannot be read: bring back the file home/keys/webhooks.key of before,"
                " or register it again"
            ) from None

    def is_newest(self, kept: str) -> bool:
        """Whether it is sealed, and with the first of the keys."""
        try:
            self._newest.decrypt(kept.encode())
        except InvalidToken:
            return False
        return True


def _make(path: Path) -> None:
    """Put a new key there, unless somebody else does at this moment."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    hidden = path.with_name(f".{uuid.uuid4().hex}.tmp")
    hidden.touch(mode=0o600)
    try:
        hidden.write_bytes(Fernet.generate_key() + b"\n")
        flush(hidden)
        path.hardlink_to(hidden)
        flush(path.parent)
    except FileExistsError:
        return
    finally:
        hidden.unlink()
