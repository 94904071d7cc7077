"""Keys of pseudonyms: one an environment and period, made on first need, dropped for ever.

`<environment>/<period>[.n].key` holds 32 random bytes as hexadecimal text; the path without its
ending is the key's id, and stands on every row that the key protects. A period is a UTC day
(`2026-03-01`) or hour (`2026-03-01T13`), n counts rotations. `<environment>/dropped-before` is the
tombstone: for periods before that day there is no key and never will be one.

Any number of processes may ask at once: a key is written aside, flushed and then linked to its
name, which only the first can do; the tombstone is written before keys are removed, and looked
for after a key was made.
"""

import os
import re
import secrets
import uuid
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from whetstone.durable import flush
from whetstone.errors import InputError, StorageError

_KEY = ".key"
_TOMBSTONE = "dropped-before"
_SECRET_BYTES = 32
_ID = re.compile(
    r"(?P<environment>\w[\w-]*)/(?P<period>\d{4}-\d\d-\d\d(T\d\d)?)(?:\.(?P<turn>\d{1,9}))?"
)


@dataclass(frozen=True)
class Key:
    """A secret and its id, `<environment>/<period>[.n]`."""

    id: str
    secret: bytes

    def derive(self, purpose: str, length: int) -> bytes:
        """A key of its own for a purpose (HKDF, RFC 5869)."""
        info = f"whetstone privacy {purpose}".encode()
        return HKDF(SHA256(), length, salt=None, info=info).derive(self.secret)

    def __repr__(self) -> str:
        return f"Key({self.id!r})"


class KeyStore:
    """The keys below one directory."""

    def __init__(self, root: Path):
        self.root = root

    def key(self, environment: str, period: str) -> Key | None:
        """The newest key of a period, made if there is none; None: it has been dropped."""
        if not self._paths(environment, period) and not self._is_dropped(environment, period):
            self._make(self._path(environment, period, 0))
        paths = self._paths(environment, period)
        return self._read(paths[-1]) if paths else None

    def keys(self, environment: str, period: str) -> list[Key]:
        """All keys of a period, the newest first."""
        found = [self._read(path) for path in self._paths(environment, period)]
        return [key for key in reversed(found) if key is not None]

    def find(self, key_id: str) -> Key | None:
        """The key of an id; None when it never was or has been dropped."""
        return self._read(self.root / f"{key_id}{_KEY}") if _ID.fullmatch(key_id) else None

    def ids(self, environment: str) -> list[str]:
        """The ids of all keys of an environment, ascending."""
        found = [p.name.removesuffix(_KEY) for p in (self.root / environment).glob(f"*{_KEY}")]
        return [f"{environment}/{n}" for n in sorted(found) if _ID.fullmatch(f"{environment}/{n}")]

    def rotate(self, environment: str, period: str) -> Key:
        """A new key for a period, which serves from now on; the ones before stay readable.

        Raises:
            InputError: the keys of the period have been dropped.
        """
        while not self._is_dropped(environment, period):
            paths = self._paths(environment, period)
            target = self._path(environment, period, _turn(paths[-1]) + 1 if paths else 0)
            # Of two rotations at once each makes a key: the second tries the next number.
            if self._make(target) and (key := self._read(target)) is not None:
                return key
        raise InputError(f"the keys of {environment}/{period} have been dropped, for ever")

    def drop(self, environment: str, before: str) -> list[str]:
        """Drop all keys of periods before a day, for ever; returns their ids."""
        directory = self.root / environment
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if before > self.dropped_before(environment):
            hidden = directory / f".{uuid.uuid4().hex}.tmp"
            _write(hidden, before)
            hidden.replace(directory / _TOMBSTONE)
            flush(directory)
        dropped = [i for i in self.ids(environment) if i.removeprefix(f"{environment}/") < before]
        for key_id in dropped:
            (self.root / f"{key_id}{_KEY}").unlink(missing_ok=True)
        flush(directory)
        return dropped

    def dropped_before(self, environment: str) -> str:
        """The day before which all keys are gone; empty: none has been dropped."""
        try:
            return (self.root / environment / _TOMBSTONE).read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return ""

    def _make(self, target: Path) -> bool:
        """Whether a new key lies there now, made by this call."""
        directory = target.parent
        hidden = directory / f".{uuid.uuid4().hex}.tmp"
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(hidden, secrets.token_hex(_SECRET_BYTES))
            target.hardlink_to(hidden)
            for changed in (directory, directory.parent):
                flush(changed)
        except FileExistsError:  # somebody else's, from this very moment
            return False
        except OSError as error:
            raise StorageError(
                f"{target}: a key cannot be written ({error}); free space or fix permissions"
            ) from error
        finally:
            hidden.unlink(missing_ok=True)
        if self._is_dropped(directory.name, target.name.partition(".")[0]):  # in the meantime
            target.unlink(missing_ok=True)
            return False
        return True

    def _is_dropped(self, environment: str, period: str) -> bool:
        return period < self.dropped_before(environment)

    def _paths(self, environment: str, period: str) -> list[Path]:
        """The key files of a period, in the order of their making."""
        found = (self.root / environment).glob(f"{period}*{_KEY}")
        of_period = [path for path in found if path.name.partition(".")[0] == period]
        return sorted(of_period, key=_turn)

    def _path(self, environment: str, period: str, turn: int) -> Path:
        name = f"{period}.{turn}" if turn else period
        if not _ID.fullmatch(f"{environment}/{name}"):
            raise InputError(f"{environment}/{name}: no name of a key")
        return self.root / environment / f"{name}{_KEY}"

    def _read(self, path: Path) -> Key | None:
        try:
            secret = bytes.fromhex(path.read_text(encoding="ascii"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise StorageError(f"{path}: the key cannot be read ({error})") from error
        if len(secret) != _SECRET_BYTES:
            raise StorageError(f"{path}: the key is damaged; restore it from a backup")
        return Key(f"{path.parent.name}/{path.name.removesuffix(_KEY)}", secret)


def _turn(path: Path) -> int:
    found = _ID.fullmatch(f"{path.parent.name}/{path.name.removesuffix(_KEY)}")
    return int(found["turn"] or 0) if found else 0


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
