"""How often a password may be tried."""

from triage.access.rates import Rates
from triage.access.secret_words import kept

TRIES_OF_A_NAME, TRIES_OF_AN_ADDRESS = 10, 60


class LoginRates:
    """Ten tries of a name in five minutes, sixty of an address in one.

    A name is counted whether somebody bears it or not. Whoever tries somebody's name all the time
    keeps that person from logging in; sessions go on.
    """

    def __init__(self) -> None:
        self._names = Rates(TRIES_OF_A_NAME, 300)
        self._addresses = Rates(TRIES_OF_AN_ADDRESS, 60)

    def take(self, name: str, address: str) -> float:
        """Count a try; returns 0, or after how many seconds the next one is taken."""
        return self._addresses.take(address) or self._names.take(kept(name))

    def take_address(self, address: str) -> float:
        """Count a try by the identity provider; returns as `take`."""
        return self._addresses.take(address)

    def succeeded(self, name: str) -> None:
        """The one who tried was the right one: earlier tries count no more."""
        self._names.forget(kept(name))
