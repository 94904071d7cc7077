"""A report as one HTML page that needs nothing else and runs nothing that the data brought along.

Evidently's own page puts the report's JSON into a script element as it is, where a log line with
`</script>` ends it; here the JSON is escaped, and the page's policy runs only its own scripts and
loads nothing.
"""

from __future__ import annotations

import base64
import html
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from evidently.core.report import Snapshot
from evidently.legacy.model.widget import BaseWidgetInfo
from evidently.legacy.renderers.html_widgets import group_widget
from evidently.legacy.utils import NumpyEncoder
from evidently.legacy.utils.dashboard import STATIC_PATH

from monitoring.files import write_whole
from monitoring.plain import cleaned, plain

COLOURS = {"ok": "#2e7d32", "warn": "#955800", "drift": "#c62828", "bad": "#c62828"}


@dataclass(frozen=True)
class Banner:
    """The head of the page: what it is about, the state, why, and the numbers to know first."""

    title: str
    subtitle: str
    state: str
    """A key of `COLOURS`."""
    reasons: Sequence[str]
    figures: Sequence[tuple[str, str, str]]
    """(what, number, remark)"""


def write(path: Path, snapshot: Snapshot, banner: Banner) -> None:
    """Write the page; whoever reads `path` sees the former page or the whole new one."""
    write_whole(path, page(snapshot, banner))


def page(snapshot: Snapshot, banner: Banner) -> str:
    """The page's HTML."""
    model = snapshot.to_snapshot_model()
    widgets = [group_widget(title="", widgets=model.widgets), *model.tests_widgets]
    static = Path(STATIC_PATH)
    font = base64.b64encode((static / "material-ui-icons.woff2").read_bytes()).decode()
    return _PAGE.substitute(
        nonce=secrets.token_urlsafe(16),
        title=_text(banner.title),
        font=font,
        banner=_banner(banner),
        report=script_json(
            {"name": "Report", "widgets": [cleaned(_without_graphs(w)) for w in widgets]}
        ),
        library=(static / "index.js").read_text(encoding="utf-8"),
    )


def script_json(value: object) -> str:
    """JSON that may stand in a script element: no character of it can end or open a tag."""
    text = json.dumps(value, cls=NumpyEncoder)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _without_graphs(widget: BaseWidgetInfo) -> dict[str, object]:
    fields = widget.dict()
    fields.pop("additionalGraphs", None)
    return fields


def _banner(banner: Banner) -> str:
    reasons = "".join(f"<li>{_text(reason)}</li>" for reason in banner.reasons)
    figures = "".join(
        f"<div><dt>{_text(what)}</dt><dd>{_text(number)}</dd><small>{_text(remark)}</small></div>"
        for what, number, remark in banner.figures
    )
    return (
        f'<header style="border-color:{COLOURS[banner.state]}"><div class="state" '
        f'style="background:{COLOURS[banner.state]}">{html.escape(banner.state.upper())}</div>'
        f"<div><h1>{_text(banner.title)}</h1><p>{_text(banner.subtitle)}</p>"
        f"<ul>{reasons}</ul></div><dl>{figures}</dl></header>"
    )


def _text(text: str) -> str:
    return html.escape(plain(text))


_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'nonce-$nonce';\
 style-src 'unsafe-inline'; img-src data: blob:; font-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1.0">
<title>$title</title>
<style>
@font-face { font-family: 'Material Icons';
  src: url(data:font/woff2;base64,$font) format('woff2'); }
.material-icons { font-family: 'Material Icons'; font-size: 24px; line-height: 1;
  text-transform: none; display: inline-block; white-space: nowrap; }
body { margin: 0; font-family: Roboto, Helvetica, Arial, sans-serif; color: #222; }
header { display: flex; flex-wrap: wrap; gap: 8px 28px; align-items: flex-start; padding: 18px 28px;
  border-left: 10px solid; background: #fafafa; border-bottom: 1px solid #ddd; }
header .state { color: #fff; font-size: 26px; font-weight: 700; padding: 10px 18px;
  border-radius: 6px; letter-spacing: 1px; }
header h1 { font-size: 22px; margin: 0; }
header p { margin: 4px 0; color: #666; font-size: 14px; }
header ul { margin: 6px 0 0; padding-left: 18px; font-size: 15px; line-height: 1.5;
  max-width: 75em; overflow-wrap: anywhere; }
header dl { display: flex; flex-wrap: wrap; gap: 10px 34px; margin: 0; flex-basis: 100%; }
header dt { color: #666; font-size: 13px; }
header dd { margin: 0; font-size: 24px; font-weight: 600; max-width: 30em; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; }
header small { color: #666; font-size: 13px; }
#report td, #report th { text-align: left !important; overflow-wrap: anywhere; min-width: 9.5em; }
#report th { overflow-wrap: normal; }
</style>
</head>
<body>
$banner
<div id="report"></div>
<script nonce="$nonce">var global = globalThis;</script>
<script nonce="$nonce">$library</script>
<script nonce="$nonce">window.drawDashboard($report, new Map(), "report");</script>
</body>
</html>
""")
