"""What an operator reads in the log of a scorer: which input or output fails, and that it is well.

Metrics tell the same to programs; a line each for the beginning and the end of a trouble is for
who looks why nothing comes.
"""

from collections.abc import Callable

from whetstone.streaming.inputs.buffer import Buffer
from whetstone.streaming.outputs.deliver import Deliveries


class Troubles:
    """Says what fails, once.

    Args:
        buffer: reads the inputs.
        deliveries: write to the outputs.
        say: takes a line.
    """

    def __init__(self, buffer: Buffer, deliveries: Deliveries, say: Callable[[str], None]) -> None:
        self._buffer, self._deliveries, self._say = buffer, deliveries, say
        self._failing: set[str] = set()

    def look(self) -> None:
        """Say what began or ceased to fail since the last call."""
        for state in self._buffer.states():
            self._note(f"input {state.name}", state.error)
        for one in self._deliveries.deliveries:
            self._note(f"output {one.name}", one.error)

    def _note(self, name: str, error: str | None) -> None:
        if error and name not in self._failing:
            self._failing.add(name)
            self._say(f"{name} fails, and is tried again and again: {error}")
        elif not error and name in self._failing:
            self._failing.remove(name)
            self._say(f"{name} is well again")
