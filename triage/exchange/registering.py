"""Webhooks as those manage them who may: each only in environments of theirs, and on record."""

from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus

from starlette.exceptions import HTTPException

from triage.access import Permission, Principal
from triage.access.secret_words import new_secret
from triage.desk import Desk
from triage.exchange.changes import ChangeKind
from triage.exchange.targets import checked, networks
from triage.exchange.webhook_keys import WebhookKeys
from triage.exchange.webhooks import Webhook, Webhooks


def register(
    desk: Desk, steward: Principal, environment: str, url: str, kinds: Sequence[ChangeKind]
) -> Webhook:
    """Have a URL told of what happens in an environment (`*`: anywhere).

    The `secret` of what is returned is not sealed: this is the only time that it can be seen.

    Raises:
        HTTPException: 403, it is not the steward's environment.
        InputError: webhooks may not lead there.
    """
    steward.check(Permission.MANAGE, environment)
    allowed = checked(url, networks(desk.settings.webhook_networks))
    secret, keys = new_secret(), WebhookKeys.of(desk.settings.webhook_keys)
    _note(desk, steward, "webhook.register", environment)
    made = Webhooks(desk.database).register(
        environment, allowed, kinds, steward.name, keys.sealed(secret)
    )
    return replace(made, secret=secret)


def managed(desk: Desk, steward: Principal) -> list[Webhook]:
    """The webhooks that the steward manages, oldest first."""
    found = Webhooks(desk.database).listed()
    return [each for each in found if steward.may(Permission.MANAGE, each.environment)]


def managed_one(desk: Desk, steward: Principal, webhook_id: str) -> Webhook:
    """One of them; HTTPException: 404, it is none."""
    found = Webhooks(desk.database).find(webhook_id)
    if found is None or not steward.may(Permission.MANAGE, found.environment):
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such webhook")
    return found


def remove(desk: Desk, steward: Principal, webhook_id: str) -> None:
    """Tell a URL nothing more; HTTPException: 404, it is none of the steward's webhooks."""
    webhook = managed_one(desk, steward, webhook_id)
    _note(desk, steward, "webhook.remove", webhook.environment)
    Webhooks(desk.database).remove(webhook_id)


def _note(desk: Desk, steward: Principal, what: str, environment: str) -> None:
    # Without the URL: its path is often a password.
    desk.trail.append(steward.name, what, "asked for", {"environment": environment})
