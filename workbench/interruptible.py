"""Work that Ctrl-C ends soon and in order.

Python raises Ctrl-C in the main thread, in whatever line that is; Dagster does the same while it
carries out a step. In the clean-up of a library it is logged with a traceback, in a destructor it
is lost, and the work goes on. So the work is done in another thread, where nobody raises anything;
it asks at places of its own choice whether it shall end.
"""

import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from whetstone import console
from whetstone.cli_interrupts import INTERRUPTED

T = TypeVar("T")
Check = Callable[[], None]
"""Raises KeyboardInterrupt if the work shall end."""

_GRACE_SECONDS = 5.0
_DONE, _CTRL_C = b".", bytes([signal.SIGINT])


def interruptible(work: Callable[[Check], T]) -> T:
    """Do work in a thread until it is done or ended by Ctrl-C; to be called in the main thread.

    What does not end within a few seconds, or before a second Ctrl-C, is left where it is, and the
    process ends: the work must bear to be killed.

    Raises:
        KeyboardInterrupt: it was ended.
        Exception: what the work raised.
    """
    outcome: Future[T] = Future()
    ending = threading.Event()
    told, tell = os.pipe()
    os.set_blocking(tell, False)

    def check() -> None:
        if ending.is_set():
            raise KeyboardInterrupt

    def run() -> None:
        try:
            outcome.set_result(work(check))
        except BaseException as error:  # raised where the result is waited for
            outcome.set_exception(error)
        os.write(tell, _DONE)

    # The system's own handler writes it: Python's would run too late, were Ctrl-C to come just
    # before the reading begins.
    waking = signal.set_wakeup_fd(tell)
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        thread = threading.Thread(target=run, name="work", daemon=True)
        thread.start()
        if os.read(told, 1) == _DONE:
            thread.join()
            return outcome.result()
        ending.set()
        console.say("stopping …")
        soon, *_ = select.select([told], [], [], _GRACE_SECONDS)
        if not soon or os.read(told, 1) == _CTRL_C:
            _leave()
        thread.join()
        raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGINT, before)
        signal.set_wakeup_fd(waking)
        os.close(told)
        os.close(tell)


def _leave() -> None:
    console.say("interrupted: what was finished stays")
    sys.stdout.flush()
    os._exit(INTERRUPTED)
