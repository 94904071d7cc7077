"""Tells webhooks what happened: each change at least once, to each webhook in order.

A receiver that fails is tried again with ever longer pauses, for a week; then what is older is
passed over and counted. One process sends a webhook's queue at a time. If it is killed between the
request and its note, the change comes a second time, under the same `Idempotency-Key`.
"""

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from triage.cases import CaseStore
from triage.desk import Desk
from triage.exchange.changes import Changes, Happened
from triage.exchange.letters import letter
from triage.exchange.posting import DeliveryError, Letter, RefusalError, post
from triage.exchange.targets import Network, networks, target
from triage.exchange.webhook_keys import WebhookKeys
from triage.exchange.webhooks import Webhook, Webhooks
from whetstone.errors import InputError, WhetstoneError

KEPT = timedelta(days=7)
"""What happened longer ago is told no more."""
PAUSE = 2.0
"""Seconds between two looks at what happened."""
AT_ONCE = 4
"""So many webhooks are told at a time."""
_MOST = 20
_LOG = logging.getLogger(__name__)


class Delivery:
    """Sends what stands in the webhooks' queues.

    Args:
        cases: what is told of.
        allowed: networks that webhooks may reach besides the public internet.
        keys: open their secrets.
    """

    def __init__(self, cases: CaseStore, allowed: Sequence[Network], keys: WebhookKeys) -> None:
        self._cases = cases
        self._allowed = allowed
        self._keys = keys
        self._changes = Changes(cases.database)
        self._webhooks = Webhooks(cases.database)

    def run(self) -> int:
        """Tell every webhook that is due what it has not heard of; returns how much was told."""
        with ThreadPoolExecutor(AT_ONCE) as threads:
            return sum(threads.map(self._serve, self._due()))

    def _due(self) -> list[Webhook]:
        now, last = _now(), self._changes.last()
        behind = [each for each in self._webhooks.listed() if each.place < last]
        return [each for each in behind if self._webhooks.claim(each, now)]

    def _serve(self, webhook: Webhook) -> int:
        told, last = 0, self._changes.last()
        queue = self._changes.since(webhook.place, webhook.kinds, webhook.within, _MOST)
        try:
            for change in queue:
                told += self._tell(webhook, change)
        except DeliveryError as error:
            self._webhooks.failed(webhook, str(error), _now(), error.pause)
            return told
        if len(queue) < _MOST:
            self._webhooks.passed(webhook, max([last, *(change.place for change in queue)]))
        self._webhooks.release(webhook, _now())
        return told

    def _tell(self, webhook: Webhook, change: Happened) -> bool:
        """Whether the receiver has taken it now; DeliveryError: it did not, and is tried again."""
        found = letter(self._cases, change)
        if found is None:
            self._webhooks.passed(webhook, change.place)
            return False
        try:
            self._post(webhook, found)
        except RefusalError as refusal:
            self._webhooks.refused(webhook, change.place, str(refusal))
            return False
        except DeliveryError:
            if change.at >= _now() - KEPT:
                raise
            self._webhooks.passed(webhook, change.place, missed=1)
            return False
        self._webhooks.passed(webhook, change.place, delivered=1)
        return True

    def _post(self, webhook: Webhook, what: Letter) -> None:
        try:
            where, secret = target(webhook.url, self._allowed), self._keys.opened(webhook.secret)
        except InputError as error:
            raise DeliveryError(str(error)) from error
        post(where, secret, what)


class Sender:
    """Delivers in the background of a server, from `start` to `stop`."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def stop(self) -> None:
        """Deliver no more; returns when the request on the way is over, or without it."""
        self._stopping.set()
        self._thread.join(PAUSE)

    def _run(self) -> None:
        while not self._stopping.wait(PAUSE):
            try:
                self._delivery.run()
            except (SQLAlchemyError, WhetstoneError):
                _LOG.exception("webhooks: the case store cannot be used; they are told later")


def webhook_sender(desk: Desk) -> Sender:
    """The sender of an installation, not started yet.

    Raises:
        InputError: WHETSTONE_WEBHOOK_NETWORKS is wrong, or the file of the keys is.
    """
    allowed = networks(desk.settings.webhook_networks)
    keys = WebhookKeys.of(desk.settings.webhook_keys)
    Webhooks(desk.database).seal(keys)
    return Sender(Delivery(desk.cases, allowed, keys))


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
