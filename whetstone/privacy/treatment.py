"""What a policy makes of personal data of one environment and period."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from whetstone.catalog.catalog_pb2 import (
    ADDRESS,
    DROP,
    GENERALISE,
    HOST,
    KEEP,
    PSEUDONYM,
    USER,
    PersonalData,
    Privacy,
    Treatment,
)
from whetstone.errors import InputError
from whetstone.privacy import addresses, names
from whetstone.privacy.addresses import AddressCipher, pack
from whetstone.privacy.keys import Key
from whetstone.privacy.names import NameCipher

REDACTED = "[redacted]"
_KNOWN_NAMES = 500_000
_HASH_BITS = 60
_HASH_KEY_BYTES = 16


def treatments(policy: Privacy) -> dict[PersonalData, Treatment]:
    """What a policy does with each kind that it does not keep."""
    chosen = {ADDRESS: policy.addresses, USER: policy.users, HOST: policy.hosts}
    return {kind: treatment for kind, treatment in chosen.items() if treatment != KEEP}


class Pseudonyms:
    """Pseudonyms under one key, and back."""

    def __init__(self, key: Key):
        self._addresses = AddressCipher(key.derive("addresses", addresses.KEY_BYTES))
        self._names = NameCipher(key.derive("names", names.KEY_BYTES))
        self._known: dict[tuple[PersonalData, str], str] = {}
        self._hash_key = key.derive("raw hashes", _HASH_KEY_BYTES)

    def of_addresses(self, texts: pa.StringArray) -> pa.StringArray:
        """Addresses that share a prefix have pseudonyms that do; NULL: that is no address."""
        return self._addresses.encrypt(texts)

    def of_names(self, kind: PersonalData, texts: pa.StringArray) -> pa.StringArray:
        """Pseudonyms of names."""
        return pa.array(
            [None if text is None else self._of_name(kind, text) for text in texts.to_pylist()],
            pa.string(),
        )

    def of(self, kind: PersonalData, value: str) -> str:
        """The pseudonym of one value."""
        values = pa.array([value])
        address = self.of_addresses(values)[0].as_py()
        return str(address or self.of_names(kind, values)[0].as_py())

    def of_hashes(self, hashes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Hashes of raw lines that nobody can compare with hashes of lines that he makes up."""
        return keyed_hashes(self._hash_key, hashes)

    def undo(self, pseudonym: str) -> str:
        """What this is the pseudonym of; names are authenticated, addresses cannot be.

        Raises:
            InputError: it is no pseudonym of this key.
        """
        if pack(pseudonym) is not None:
            return str(self._addresses.decrypt(pa.array([pseudonym]))[0].as_py())
        return self._names.decrypt(pseudonym)[1]

    def _of_name(self, kind: PersonalData, name: str) -> str:
        # The same names stand in fields and in text.
        if (kind, name) not in self._known:
            if len(self._known) >= _KNOWN_NAMES:
                self._known.clear()
            self._known[kind, name] = self._names.encrypt(kind, name)
        return self._known[kind, name]


class Treated:
    """Applies a policy.

    Args:
        policy: of the environment.
        key: of the environment and period; None: it was dropped, nothing personal may remain.
    """

    def __init__(self, policy: Privacy, key: Key | None):
        self._chosen = treatments(policy)
        self._pseudonyms = Pseudonyms(key) if key else None

    @property
    def kinds(self) -> frozenset[PersonalData]:
        """The kinds that are not kept."""
        return frozenset(self._chosen)

    @property
    def pseudonyms(self) -> Pseudonyms | None:
        """Under the period's key; None: it was dropped."""
        return self._pseudonyms

    def values(self, kind: PersonalData, values: pa.StringArray) -> pa.StringArray:
        """What takes the place of values of a field of this kind; NULL: nothing.

        An address is treated as one whatever the field: in text nobody could tell them apart.
        """
        if ADDRESS not in self._chosen:
            return self._names(kind, values)
        is_address = addresses.are_addresses(values)
        names = pc.if_else(is_address, pa.scalar(None, pa.string()), values)
        return pc.if_else(is_address, self._addresses(values), self._names(kind, names))

    def in_text(self, kind: PersonalData, values: Sequence[str]) -> list[str]:
        """The same, where they stand in a text."""
        treated = self.values(kind, pa.array(values, pa.string()))
        return pc.fill_null(treated, REDACTED).to_pylist()

    def _addresses(self, values: pa.StringArray) -> pa.StringArray:
        match self._chosen[ADDRESS]:
            case treatment if treatment == DROP or self._pseudonyms is None:
                return pa.nulls(len(values), pa.string())
            case treatment if treatment == GENERALISE:
                return addresses.generalise(values)
            case _:
                return self._pseudonyms.of_addresses(values)

    def _names(self, kind: PersonalData, values: pa.StringArray) -> pa.StringArray:
        treatment = self._chosen.get(kind, KEEP)
        if treatment == KEEP:
            return values
        if treatment == PSEUDONYM and self._pseudonyms is not None:
            return self._pseudonyms.of_names(kind, values)
        return pa.nulls(len(values), pa.string())


def keyed_hashes(key: bytes, hashes: NDArray[np.int64]) -> NDArray[np.int64]:
    """A pseudorandom function of hashes, as wide as they are."""
    blocks = np.zeros((len(hashes), 2), ">i8")
    blocks[:, 0] = hashes
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 (single blocks)
    sealed = np.frombuffer(encryptor.update(blocks.tobytes()), ">u8").reshape(-1, 2)
    return (sealed[:, 0] >> np.uint64(64 - _HASH_BITS)).astype(np.int64)


def undo_any(pseudonym: str, keys: Sequence[Key]) -> dict[str, str]:
    """What a pseudonym stands for, by the id of each key that could have made it."""
    found: dict[str, str] = {}
    for key in keys:
        try:
            found[key.id] = Pseudonyms(key).undo(pseudonym)
        except InputError:
            continue
    return found
