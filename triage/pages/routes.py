"""All routers of pages, in one place."""

from fastapi import APIRouter

from triage.pages import (
    alert_page,
    audit_page,
    contribute_page,
    group_page,
    ideas_page,
    label_page,
    login_page,
    people_page,
    queue_page,
    receipts_page,
    rules_page,
    settings_page,
    tokens_page,
    verdict_routes,
    webhooks_page,
)

pages = APIRouter(include_in_schema=False)
pages.include_router(queue_page.router)
pages.include_router(group_page.router)
pages.include_router(alert_page.router)
pages.include_router(contribute_page.router)
pages.include_router(ideas_page.router)
pages.include_router(label_page.router)
pages.include_router(audit_page.router)
pages.include_router(login_page.router)
pages.include_router(people_page.router)
pages.include_router(tokens_page.router)
pages.include_router(webhooks_page.router)
pages.include_router(receipts_page.router)
pages.include_router(rules_page.router)
pages.include_router(verdict_routes.router)
pages.include_router(settings_page.router)
