"""A real browser for the tests of pages: Debian's Chromium, driven by Playwright.

    with browsing() as browser, visiting(browser, served.url) as page:
        page.goto("/")
        assert barriers(page) == []

A visit fails when the page reached beyond its server, broke its content security policy or threw.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, cast

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.triage.servers import PATIENCE

CHROMIUM = "/usr/bin/chromium"
WIDE = (1280, 860)
PHONE = (390, 780)
_FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@contextmanager
def browsing() -> Iterator[Browser]:
    """One browser, which starts slowly: a fixture of a module."""
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=_FLAGS, chromium_sandbox=False
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visiting(
    browser: Browser,
    url: str,
    theme: Literal["light", "dark"] = "light",
    size: tuple[int, int] = WIDE,
    script: bool = True,
) -> Iterator[Page]:
    """A tab of somebody new: no cookies, paths relative to `url`.

    Args:
        browser: of `browsing`.
        url: of the server; nothing else may be asked for.
        theme: what the person's system prefers.
        size: of the window, in pixels.
        script: whether the page's scripts run.
    """
    context = browser.new_context(
        base_url=url,
        color_scheme=theme,
        viewport={"width": size[0], "height": size[1]},
        java_script_enabled=script,
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE * 1000)
    page, wrong = context.new_page(), cast("list[str]", [])

    def asked(request: Request) -> None:
        if not request.url.startswith((url, "data:")):
            wrong.append(f"asked for {request.url}")

    def said(message: ConsoleMessage) -> None:
        # An answer that is an error is the test's business; it sees it in the page.
        if message.type == "error" and "Failed to load resource" not in message.text:
            wrong.append(f"{message.text} ({message.location.get('url')})")

    page.on("request", asked)
    page.on("console", said)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
    try:
        yield page
    finally:
        context.close()
    assert wrong == []


def barriers(page: Page) -> list[str]:
    """What axe-core holds against the page for WCAG 2.2 AA, one line an element."""
    options = {"runOnly": _RULES, "resultTypes": ["violations"]}
    found = cast("dict[str, Any]", Axe().run(page, options=options).response)
    return [
        f"{rule['id']}: {node['html'][:160]} {node.get('failureSummary', '')}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def scrolls_sideways(page: Page) -> bool:
    """Whether the page is wider than its window."""
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))
