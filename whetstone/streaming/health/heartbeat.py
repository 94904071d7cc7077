"""A scorer tells the platform every half minute that it lives, what it runs and how it does."""

import socket
import threading
from collections.abc import Sequence

from whetstone.streaming.health.metrics import Metrics
from whetstone.streaming.outputs.output import Output, OutputError
from whetstone.streaming.outputs.platform import Platform


class Heartbeats:
    """Tells every platform among the outputs, in a thread of its own.

    What cannot be told is not kept: the next one says more. `error` holds why the last one failed.

    Args:
        outputs: all outputs; those that are no platform are passed over.
        metrics: what is told is their digest.
        name: tells the scorers of one environment apart; the machine's name by default.
        interval: seconds between two.
    """

    def __init__(
        self,
        outputs: Sequence[Output],
        metrics: Metrics,
        name: str | None = None,
        interval: float = 30.0,
    ) -> None:
        self.error = ""
        self._platforms = [output for output in outputs if isinstance(output, Platform)]
        self._metrics = metrics
        self._name = name or socket.gethostname() or "scorer"
        self._interval = interval
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin; the first one goes out at once."""
        if self._platforms:
            self._thread.start()

    def stop(self) -> None:
        """End; a beat that is on its way arrives or gives up first."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def beat(self) -> None:
        """Tell every platform now."""
        digest = self._metrics.digest()
        errors: list[str] = []
        for platform in self._platforms:
            try:
                platform.tell(self._name, self._metrics.environment, digest)
            except OutputError as error:
                errors.append(str(error))
        self.error = "; ".join(errors)

    def _run(self) -> None:
        self.beat()
        while not self._stopped.wait(self._interval):
            self.beat()
