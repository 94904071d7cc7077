"""Private keys as files, and how many of them a role needs.

A key is a file `*.pem` (PKCS #8, mode 0600). What it may sign is decided by the key itself: its
public half is named in root's metadata or it is not. The file's name is for people.
"""

# tuf and securesystemslib document these names, but do not mark them as exported.
# pyright: reportPrivateImportUsage=false

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.exceptions import Error as SecureSystemsError
from securesystemslib.signer import CryptoSigner, Key, SSlibKey

from whetstone.errors import InputError
from whetstone.releases.files import write_whole

_QUORUM = re.compile(r"([1-9][0-9]?)/([1-9][0-9]?)")


@dataclass(frozen=True)
class Quorum:
    """How many of a role's keys have to sign: `threshold` of `keys`."""

    threshold: int = 1
    keys: int = 1

    @classmethod
    def parse(cls, text: str) -> "Quorum":
        """Such as `2/3`.

        Raises:
            InputError: It is no such text, or asks for more signatures than there are keys.
        """
        match = _QUORUM.fullmatch(text)
        if match is None or int(match[1]) > int(match[2]):
            raise InputError(f"{text!r} is no quorum: write 2/3 for two signatures of three keys")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.threshold}/{self.keys}"


class KeyFiles:
    """The private keys in some directories.

    Args:
        directories: Those that are not there hold no key.
    """

    def __init__(self, directories: Sequence[Path]):
        self.directories = tuple(dict.fromkeys(directories))

    def signers(self, keys: Iterable[Key]) -> list[CryptoSigner]:
        """Those of `keys` that can sign here, in the order of `keys`."""
        found = {_value(one.public): one.private for one in self._found()}
        # Signed under the id by which the metadata knows the key.
        return [
            CryptoSigner(found[_value(key)], cast("SSlibKey", key))
            for key in keys
            if _value(key) in found
        ]

    def files(self, keys: Iterable[Key]) -> list[Path]:
        """The files that hold one of `keys`."""
        wanted = {_value(key) for key in keys}
        return [one.path for one in self._found() if _value(one.public) in wanted]

    def first(self, role: str, count: int) -> list[Key]:
        """The first keys of `role`, spread over the directories.

        Those on disk already are taken: initialising may have been cut short.

        Raises:
            OSError: A directory cannot be written.
            ValueError: A file of that name holds no key.
        """
        paths = self._names(role)
        return [_made(next(paths)) for _ in range(count)]

    def another(self, role: str, count: int) -> list[Key]:
        """New keys for `role`, beside those that there are.

        Raises:
            OSError: A directory cannot be written.
        """
        free = (path for path in self._names(role) if not path.exists())
        return [_made(next(free)) for _ in range(count)]

    def problems(self) -> list[str]:
        """Key files that cannot be read, each with the reason."""
        found: list[str] = []
        for path in self._paths():
            try:
                _read(path)
            except (OSError, ValueError) as error:
                found.append(f"{path}: {error}")
        return found

    def __str__(self) -> str:
        return ", ".join(map(str, self.directories))

    def _found(self) -> Iterator["_Key"]:
        for path in self._paths():
            try:
                yield _read(path)
            except (OSError, ValueError):
                continue

    def _paths(self) -> list[Path]:
        return [path for directory in self.directories for path in sorted(directory.glob("*.pem"))]

    def _names(self, role: str) -> Iterator[Path]:
        for number, directory in enumerate(cycle(self.directories), start=1):
            yield directory / (f"{role}.pem" if number == 1 else f"{role}-{number}.pem")


@dataclass(frozen=True)
class _Key:
    path: Path
    private: PrivateKeyTypes
    public: Key


def _made(path: Path) -> Key:
    if not path.exists():
        # Nobody else may list what is signed with, either.
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, CryptoSigner.generate_ed25519().private_bytes, mode=0o600)
    return _read(path).public


def _read(path: Path) -> _Key:
    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
        return _Key(path, private, CryptoSigner(private).public_key)
    except (TypeError, UnsupportedAlgorithm, SecureSystemsError) as error:
        raise ValueError(str(error)) from error


def _value(key: Key) -> tuple[str, str]:
    return key.keytype, key.keyval["public"]
