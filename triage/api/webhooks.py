"""Webhooks: who is told of what happens, and how that goes."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from triage.api.parameters import MISSING, Steward
from triage.desk import OfDesk
from triage.exchange.changes import EVERYWHERE, ChangeKind
from triage.exchange.registering import managed, managed_one, register, remove
from triage.exchange.targets import MOST_CHARACTERS
from triage.incoming import Instant, Name

router = APIRouter(tags=["webhooks"])
WebhookId = Annotated[str, Path(max_length=32, examples=["5b2f9c"])]
Kinds = Annotated[list[ChangeKind], Field(min_length=1, max_length=len(ChangeKind))]


class NewWebhook(BaseModel):
    """A URL that is told of what happens from now on."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "url": "https://soar.example/hooks/whetstone",
                    "environment": "berlin",
                    "kinds": ["verdict.given", "verdict.retracted"],
                }
            ]
        },
    )

    url: Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS)]
    environment: Annotated[Name, Field(description="Where it happens; `*`: anywhere")] = EVERYWHERE
    kinds: Annotated[Kinds, Field(description="Of what it is told")]


class WebhookView(BaseModel):
    """A webhook and how it does."""

    model_config = ConfigDict(from_attributes=True)

    webhook_id: str
    url: str
    environment: str
    kinds: list[ChangeKind]
    by: str
    created: Instant
    delivered: Annotated[int, Field(description="Changes that its receiver took")]
    refused: Annotated[int, Field(description="Changes that its receiver will never take")]
    missed: Annotated[int, Field(description="Changes that were too old when it was well again")]
    failures: Annotated[int, Field(description="Since the last success")]
    problem: Annotated[str, Field(description="What went wrong last; empty: nothing")]
    next_at: Annotated[Instant, Field(description="It is not tried again before")]


class RegisteredWebhook(WebhookView):
    """A webhook that was registered just now."""

    secret: Annotated[str, Field(description="Key of its signatures; it is shown only here")]


class WebhookList(BaseModel):
    """All webhooks that you may see."""

    webhooks: list[WebhookView]


@router.post("/webhooks", status_code=HTTPStatus.CREATED)
def register_webhook(body: NewWebhook, desk: OfDesk, steward: Steward) -> RegisteredWebhook:
    """Have a URL told of what happens: signed, in order, each change at least once.

    The URL has to lead to the public internet, or to a network that the settings allow.
    """
    new = register(desk, steward, body.environment, body.url, body.kinds)
    return RegisteredWebhook.model_validate(new)


@router.get("/webhooks")
def list_webhooks(desk: OfDesk, steward: Steward) -> WebhookList:
    """The registered webhooks, oldest first."""
    found = managed(desk, steward)
    return WebhookList(webhooks=[WebhookView.model_validate(each) for each in found])


@router.get("/webhooks/{webhook_id}", responses=MISSING)
def read_webhook(webhook_id: WebhookId, desk: OfDesk, steward: Steward) -> WebhookView:
    """A webhook and how it does."""
    return WebhookView.model_validate(managed_one(desk, steward, webhook_id))


@router.delete("/webhooks/{webhook_id}", status_code=HTTPStatus.NO_CONTENT, responses=MISSING)
def remove_webhook(webhook_id: WebhookId, desk: OfDesk, steward: Steward) -> None:
    """Tell a URL nothing more."""
    remove(desk, steward, webhook_id)
