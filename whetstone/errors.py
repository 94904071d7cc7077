"""The errors a caller can act on, named after what to do about them.

Every message says what happened, where (file, line, field), and what to do.
"""


class WhetstoneError(Exception):
    """Base of all errors Whetstone raises on purpose; the command prints it without a traceback."""


class CatalogError(WhetstoneError):
    """A definition is wrong: edit the named file."""


class InputError(WhetstoneError):
    """What was handed in (a raw file, labels, an argument) cannot be used: correct it, repeat."""


class NotReadyError(WhetstoneError):
    """What was asked for does not exist yet: run what produces it first."""


class TrainingError(WhetstoneError):
    """A detector cannot be trained on these examples: contribute what is said to be missing."""


class ReleaseError(WhetstoneError):
    """A release cannot be published, verified or rolled back; nothing was changed."""


class StorageError(WhetstoneError):
    """The lake cannot be written: free space or fix permissions, then repeat; nothing was lost."""


class EngineError(WhetstoneError):
    """Spark cannot be reached or cannot run this: follow the message; nothing was changed."""
