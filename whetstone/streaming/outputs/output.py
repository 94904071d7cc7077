"""What every output is: a place that takes entries of the journal, in order."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

from whetstone.errors import WhetstoneError
from whetstone.streaming.outputs.entries import Entry

__all__ = ["Entry", "Output", "OutputError", "Refused", "for_analysts"]


class OutputError(WhetstoneError):
    """The destination does not take entries now: they are kept and offered again.

    Attributes:
        retry_after: seconds for which the destination asks to be left alone; 0: it did not say.
    """

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Refused(OutputError):  # noqa: N818 - said by the destination
    """The destination will never take these entries: offering them again is of no use."""


class Output(Protocol):
    """A destination. One thread uses it; a send gives up by itself within half a minute.

    Attributes:
        batch: most entries of one send.
    """

    batch: int = 100

    @property
    @abstractmethod
    def name(self) -> str:
        """The place, without secrets: cursors and metrics know the output by it."""
        ...

    def wants(self, entry: Entry) -> bool:
        """Whether it takes the entry; by default what an analyst shall see."""
        return for_analysts(entry)

    def cursor(self) -> int | None:
        """The highest sequence number that the destination itself knows to hold; None: no idea.

        Raises:
            OutputError: the destination cannot be used as it is.
        """
        return None

    @abstractmethod
    def send(self, entries: Sequence[tuple[int, Entry]]) -> None:
        """Hand over entries with their sequence numbers; the destination has all on return.

        Raises:
            OutputError: it may have some of them or none; the same entries come again.
            Refused: it has none of them and never takes them all.
        """
        ...

    @abstractmethod
    def close(self) -> None:
        """Give back what it holds; it may be sent to again."""
        ...


def for_analysts(entry: Entry) -> bool:
    """Whether an analyst shall see it: no challenger said it, and no canary caused it."""
    told: Any = entry.record.get("whetstone", {})
    return not (told.get("shadow") or told.get("canary"))
