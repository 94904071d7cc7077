"""How often somebody may ask: a token bucket a caller."""

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

_MOST_CALLERS = 10_000


class Rates:
    """Up to `most` at once, and as many again over `seconds`.

    In memory, of bounded size: of very many callers those who were not heard of for longest are
    forgotten.

    Args:
        most: how many.
        seconds: in what time.
        clock: seconds since whenever.
    """

    def __init__(
        self, most: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._each = seconds / most
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def take(self, caller: str) -> float:
        """Count a try; returns 0, or after how many seconds the next one is taken."""
        now = self._clock()
        with self._lock:
            left, at = self._buckets.get(caller, (float(self._most), now))
            left = min(float(self._most), left + (now - at) / self._each)
            waits = 0.0 if left >= 1 else (1 - left) * self._each
            self._buckets[caller] = (left if waits else left - 1, now)
            self._buckets.move_to_end(caller)
            if len(self._buckets) > _MOST_CALLERS:
                self._buckets.popitem(last=False)
        return waits

    def forget(self, caller: str) -> None:
        """Forgive all tries of a caller."""
        with self._lock:
            self._buckets.pop(caller, None)
