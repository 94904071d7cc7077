"""Ctrl-C, which Python raises in whatever line a command is, also where nobody lets it through.

A library that is interrupted in its clean-up logs that with a traceback; a destructor cannot raise
at all; DuckDB makes an error of its own of it. None of that is for people to read.
"""

import logging
import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager

INTERRUPTED = 130
"""The exit status that shells expect after Ctrl-C."""
_SOON_SECONDS = 0.05


@contextmanager
def ending_on_interrupt() -> Generator[None]:
    """Ctrl-C ends what is done here with a KeyboardInterrupt; a second one the process, at once.

    Raises:
        KeyboardInterrupt: whatever error was made of it.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # ignored, as in the background, or somebody else's
        return
    noted = False

    def interrupt(_number: int, _frame: object) -> None:
        nonlocal noted
        noted = True
        # By the system: also where no line of Python runs for long.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        raise KeyboardInterrupt

    def swallowed(what: "sys.UnraisableHookArgs") -> None:
        if not isinstance(what.exc_value, KeyboardInterrupt):
            hook(what)
            return
        signal.signal(signal.SIGINT, interrupt)
        # Not here: this, too, is within the destructor.
        again = (threading.get_ident(), signal.SIGINT)
        threading.Timer(_SOON_SECONDS, signal.pthread_kill, again).start()

    hook, sys.unraisablehook = sys.unraisablehook, swallowed
    signal.signal(signal.SIGINT, interrupt)
    last_resort = logging.lastResort
    if last_resort:
        last_resort.addFilter(_tells_of_no_interrupt)
    try:
        yield
    except SystemExit as end:
        # Of a KeyboardInterrupt, too, the library of commands makes an exit, without a word.
        if end.code == INTERRUPTED or (noted and end.code):
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # the exit itself can be interrupted, too
            raise KeyboardInterrupt from end
        raise
    except Exception as error:
        if noted:
            raise KeyboardInterrupt from error
        raise
    finally:
        if signal.getsignal(signal.SIGINT) is interrupt:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.unraisablehook = hook
        if last_resort:
            last_resort.removeFilter(_tells_of_no_interrupt)


def _tells_of_no_interrupt(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, KeyboardInterrupt)
