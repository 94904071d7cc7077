"""Pseudonyms of names: deterministic authenticated encryption (AES-SIV, RFC 5297).

Equal names have equal pseudonyms under one key, `u-…` for users and `h-…` for hosts; what kind of
name it is goes into the encryption, so that nobody sees whether a host is called like a user. Names
are padded, so that a pseudonym tells no more of a name's length than a step of eight bytes.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from whetstone.catalog.catalog_pb2 import ADDRESS, HOST, USER, PersonalData
from whetstone.errors import InputError

KEY_BYTES = 64
_STEP = 8
# What stands in an address field and is no address gets a name's pseudonym, too.
_MARKS: dict[PersonalData, str] = {USER: "u", HOST: "h", ADDRESS: "a"}
_KINDS = {mark: kind for kind, mark in _MARKS.items()}


class NameCipher:
    """Encrypts and decrypts names under one key.

    Args:
        key: 64 random bytes.
    """

    def __init__(self, key: bytes):
        if len(key) != KEY_BYTES:
            raise ValueError("the key has 64 bytes")
        self._cipher = AESSIV(key)

    def encrypt(self, kind: PersonalData, name: str) -> str:
        """The pseudonym of a name."""
        mark = _MARKS[kind]
        plain = name.encode() + b"\x80"
        plain += bytes(-len(plain) % _STEP)
        sealed = self._cipher.encrypt(plain, [mark.encode()])
        return f"{mark}-{sealed.hex()}"

    def decrypt(self, pseudonym: str) -> tuple[PersonalData, str]:
        """The kind and the name that this is the pseudonym of.

        Raises:
            InputError: it is none, was tampered with, or was made with another key.
        """
        mark, _, text = pseudonym.partition("-")
        try:
            kind = _KINDS[mark]
            plain = self._cipher.decrypt(bytes.fromhex(text), [mark.encode()])
        except (KeyError, ValueError, InvalidTag) as error:
            raise InputError(f"{pseudonym!r} is no pseudonym made with this key") from error
        name = plain.rstrip(b"\0")[:-1].decode()
        if self.encrypt(kind, name) != pseudonym:  # hexadecimal digits have two cases
            raise InputError(f"{pseudonym!r} is no pseudonym as this key writes it")
        return kind, name
