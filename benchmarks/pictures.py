"""Pictures of the analysts' desk for the documentation, of a desk that runs:

    python -m benchmarks.pictures --url http://127.0.0.1:8080 --out docs/images

Take them of the demo's platform (`make up`), so that all of them tell the same story.
"""

import argparse
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
WIDE, PHONE = (1280, 760), (390, 760)
_OPENED = re.compile("/(alerts|groups)/")


@dataclass(frozen=True)
class Picture:
    """One picture: where, how it looks, and what somebody does there first."""

    name: str
    path: str
    theme: Literal["light", "dark"] = "light"
    size: tuple[int, int] = WIDE
    first: Callable[[Page], None] = lambda page: page.keyboard.press("j")


def _open(page: Page) -> None:
    """Open the first alert, through its group where it stands in one with others."""
    page.keyboard.press("o")
    page.wait_for_url(_OPENED, wait_until="networkidle")
    if "/groups/" in page.url:
        page.keyboard.press("o")
        page.wait_for_url("**/alerts/*", wait_until="networkidle")


def _largest(page: Page) -> None:
    """Open the item that folds most."""
    folds = page.locator("[data-item]").evaluate_all("all => all.map(one => +one.dataset.folds)")
    page.locator("[data-item]").nth(folds.index(max(folds))).locator("a[data-open]").click()
    page.wait_for_url("**/groups/*", wait_until="networkidle")
    page.keyboard.press("j")


PICTURES = [
    Picture("triage-queue", "/"),
    Picture("triage-patterns", "/?by=pattern", theme="dark"),
    Picture("triage-group", "/?detector=ssh_bruteforce_gb", first=_largest),
    Picture("triage-alert", "/?detector=ssh_bruteforce_gb", first=_open),
    Picture("triage-phone", "/", theme="dark", size=PHONE),
]


def take(url: str, out: Path) -> list[str]:
    """Take all pictures of the desk at `url` into `out`; returns the files."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=False)
        return [_take(browser.new_page, url, out, picture) for picture in PICTURES]


def _take(new_page: Callable[..., Page], url: str, out: Path, picture: Picture) -> str:
    width, height = picture.size
    page = new_page(
        base_url=url,
        color_scheme=picture.theme,
        viewport={"width": width, "height": height},
        reduced_motion="reduce",
    )
    page.goto(picture.path)
    picture.first(page)
    file = out / f"{picture.name}.png"
    page.screenshot(path=file)
    page.close()
    return str(file)


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    chosen = parser.parse_args()
    print(json.dumps({"pictures": take(chosen.url, chosen.out)}))


if __name__ == "__main__":
    _main()
