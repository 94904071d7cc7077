"""JSON lines on standard output: `stdout:`."""

from collections.abc import Sequence

from whetstone.streaming.outputs.entries import Entry, delivered, to_json
from whetstone.streaming.outputs.output import Output, OutputError
from whetstone.streaming.outputs.segments import write_all


class Stdout(Output):
    """Writes to a descriptor, past any buffer of Python's.

    Args:
        descriptor: 1 is standard output.
    """

    def __init__(self, descriptor: int = 1) -> None:
        self._descriptor = descriptor

    @property
    def name(self) -> str:
        """Always `stdout:`."""
        return "stdout:"

    def send(self, entries: Sequence[tuple[int, Entry]]) -> None:
        """Write a line an entry."""
        lines = b"".join(to_json(delivered(*entry)) + b"\n" for entry in entries)
        try:
            write_all(self._descriptor, lines)
        except OSError as error:
            raise OutputError(
                f"stdout: nobody reads standard output ({error.strerror}): restart the scorer with "
                "a reader, or with another --output"
            ) from error

    def close(self) -> None:
        """Standard output stays open: it is not ours."""
