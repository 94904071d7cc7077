"""Personal data: pseudonyms, their keys, and what is done to parsed rows."""

from whetstone.privacy.keys import Key, KeyStore
from whetstone.privacy.protection import Protection

__all__ = ["Key", "KeyStore", "Protection"]
