"""An input or output that fails is said once, and so is that it is well again."""

import socket
from pathlib import Path

from tests.streaming_outputs.receivers import hook
from tests.streaming_outputs.records import alert, until
from whetstone.streaming.health.troubles import Troubles
from whetstone.streaming.inputs import open_input
from whetstone.streaming.inputs.buffer import Buffer
from whetstone.streaming.outputs import open_output
from whetstone.streaming.outputs.deliver import Deliveries
from whetstone.streaming.outputs.journal import Journal


def test_an_input_that_cannot_be_read_is_said_with_the_reason_until_it_can(tmp_path: Path) -> None:
    log = tmp_path / "auth.log"
    log.mkdir()
    buffer = Buffer([open_input(f"sshd=tail://{log}", tmp_path / "spool")])
    deliveries = Deliveries(Journal(tmp_path / "journal"), [], tmp_path / "outputs")
    said: list[str] = []
    troubles = Troubles(buffer, deliveries, said.append)
    buffer.start({})
    try:
        until(lambda: buffer.states()[0].error)
        troubles.look()
        troubles.look()
        log.rmdir()
        log.write_bytes(b"a line\n")
        until(lambda: not buffer.states()[0].error)
        troubles.look()
    finally:
        buffer.stop()

    name = f"input sshd=tail://{log}"
    failing, well = said
    assert failing.startswith(f"{name} fails, and is tried again and again: ")
    assert "is no file" in failing
    assert well == f"{name} is well again"


def test_an_output_that_takes_nothing_is_said_with_the_reason_until_it_does(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    journal = Journal(tmp_path / "journal")
    output = open_output(f"http://127.0.0.1:{port}/hook", tmp_path / "outputs")
    deliveries = Deliveries(journal, [output], tmp_path / "outputs")
    (delivery,) = deliveries.deliveries
    said: list[str] = []
    troubles = Troubles(Buffer([]), deliveries, said.append)
    deliveries.start()
    try:
        troubles.look()
        journal.append([alert(1)])
        until(lambda: delivery.error)
        troubles.look()
        with hook(port) as receiver:
            until(lambda: receiver.posts and not delivery.error)
        troubles.look()
    finally:
        deliveries.stop(0)

    failing, well = said
    assert failing.startswith(f"output {delivery.name} fails") and "refused" in failing
    assert well == f"output {delivery.name} is well again"
