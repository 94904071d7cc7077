"""Sends messages to addresses of many kinds: Slack, webhooks, mail and what else apprise knows.

An address is a URL with a secret in it: it is neither logged nor repeated in an error.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from monitoring.notices import Message
from whetstone.errors import InputError


def check_addresses(urls: Sequence[str], owner: str) -> None:
    """See that each address is understood; nothing is sent.

    Raises:
        InputError: one is not; it is named by its place, because it holds a secret.
    """
    for place, url in enumerate(urls):
        if not _apprise().add(url):
            raise InputError(
                f"WHETSTONE_NOTIFY, address {place + 1} of {owner}: not a URL that apprise"
                " understands (such as slack://…, mailtos://…, jsons://…); correct it"
            )


def send(url: str, message: Message) -> bool:
    """Send a message; tells whether the other side took it."""
    import apprise

    address = _apprise()
    if not address.add(url):
        return False
    return bool(
        address.notify(
            title=message.title,
            body=message.body,
            body_format=apprise.NotifyFormat.TEXT,
            interpret_escapes=False,
        )
    )


def _apprise():
    import apprise

    # It logs addresses at the level of debugging, secrets and all.
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    own = apprise.AppriseAsset(
        app_id="Whetstone",
        app_desc="Whetstone",
        app_url="",
        # Pictures would be loaded from elsewhere by whoever reads the message.
        image_url_mask="",
        image_url_logo="",
        secure_logging=True,
        async_mode=False,
    )
    return apprise.Apprise(asset=own)
