"""What came of an idea as one HTML page that needs nothing else and runs nothing."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from monitoring.files import write_whole

_COLOURS = {"worth it": "good", "leaks": "bad", "harms": "bad"}
_WIDTH, _ROW = 520, 30


def write_idea(found: Mapping[str, Any], reports: Path) -> Path:
    """Write the page of an idea's findings below the reports; its path.

    It is named after the newest event that it rests on, like all reports.
    """
    newest = found["newest"][:10] or f"{datetime.now(UTC):%Y-%m-%d}"
    path = reports / "ideas" / f"{found['idea']}_idea_{newest}.html"
    write_whole(path, idea_page(found))
    return path


def idea_page(found: Mapping[str, Any]) -> str:
    """The page's HTML."""
    by = f" by {found['by']}" if found["by"] else ""
    return _PAGE.substitute(
        title=escape(f"Idea {found['idea']}"),
        state=_COLOURS.get(found["verdict"], "plain"),
        verdict=escape(found["verdict"]),
        because=escape(found["because"]),
        about=escape(
            f"Features for {found['feature_view']}{by}, tried on {found['tried_on']}."
            f" {found['description']}"
        ),
        features=_table(found["features"], ("name", "data_type", "definition")),
        lift="".join(map(_lift, found["lift"])) or "<p>Nothing could be trained.</p>",
        missing=_list(found["missing"]),
        leaks=_table(
            [{**leak, "result": _result(leak)} for leak in found["leaks"]],
            ("feature", "name", "result", "units", "changed", "detail"),
        ),
        cost=escape(_cost(found["cost"])),
        values=_table(
            found["values"],
            ("feature", "examples", "missing", "most_like", "rank_correlation", "redundant"),
        ),
        drift="".join(map(_drift, found["drift"])) or "<p>No production days yet.</p>",
        hints=_list(found["hints"]),
        snippet=escape(found["snippet"]),
    )


def _result(leak: Mapping[str, Any]) -> str:
    if leak["passed"] is None:
        return "look at it" if leak["detail"] else "no units"
    return "passed" if leak["passed"] else "LEAKS"


def _lift(lift: Mapping[str, Any]) -> str:
    """The differences of one detector with their intervals, around a line of no difference."""
    gains = lift["gains"]
    most = max([abs(g[end]) for g in gains.values() for end in ("low", "high")] + [0.01])
    middle, scale = _WIDTH / 2, (_WIDTH / 2 - 20) / most
    lines = [f'<line class="zero" x1="{middle}" y1="0" x2="{middle}" y2="{_ROW * len(gains)}"/>']
    rows: list[Mapping[str, Any]] = []
    for number, (name, gain) in enumerate(gains.items()):
        y = _ROW * number + _ROW / 2
        low, at, high = (middle + scale * gain[end] for end in ("low", "difference", "high"))
        lines.append(
            f'<line x1="{low:.1f}" y1="{y}" x2="{high:.1f}" y2="{y}"/>'
            f'<circle cx="{at:.1f}" cy="{y}" r="5"/>'
        )
        interval = f"{gain['difference']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}]"
        rows.append(
            {
                "measure": name.replace("_", " "),
                "without": gain["without"],
                "with": gain["with_features"],
                "lift, 95 %": interval,
            }
        )
    seconds = " and ".join(f"{each:.2f}" for each in lift["fit_seconds"])
    about = (
        f"{lift['examples']:,} training examples, {lift['positives']:,} of them attacks, in"
        f" {lift['groups']:,} groups ({lift['holdout']}); {lift['folds']} folds x {lift['seeds']}"
        f" trainings of {seconds} s without and with; budget of false alarms {lift['budget']:g}"
    )
    return (
        f"<h3>{escape(lift['detector'])}: {escape(lift['verdict'])}</h3><p>{escape(about)}</p>"
        f'<div class="lift">{_table(rows, tuple(rows[0]))}'
        f'<figure><svg viewBox="0 0 {_WIDTH} {_ROW * len(gains)}" role="img"'
        f' aria-label="lift with intervals">{"".join(lines)}</svg>'
        f"<figcaption><span>−{most:.3f}</span><span>worse ← 0 → better</span>"
        f"<span>+{most:.3f}</span></figcaption>"
        "</figure></div>"
    )


def _drift(drift: Mapping[str, Any]) -> str:
    rows = [
        {"compared": "the newest day with those before", "outcome": drift["against_days"]},
        {"compared": "all days with benign examples", "outcome": drift["against_examples"]},
    ]
    days = _table(drift["days"], ("day", "units", "missing", "mean"))
    return (
        f"<h3>{escape(drift['feature'])}</h3>{_table(rows, ('compared', 'outcome'))}"
        f"<details><summary>{len(drift['days'])} days</summary>{days}</details>"
    )


def _cost(cost: Mapping[str, Any] | None) -> str:
    if cost is None:
        return "Not known: there are no events."
    return (
        f"{cost['per_event']:.2f} µs an event and {cost['per_unit']:.2f} µs a unit more; the view"
        f" takes {cost['before']:.2f} µs an event without ({cost['share']:+.0%}), measured on"
        f" {cost['events']:,} events of {cost['units']:,} units."
    )


def _table(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    if not rows:
        return "<p>None.</p>"
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(_text(row[name]))}</td>" for name in names) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _list(texts: Iterable[str]) -> str:
    return "".join(f"<li>{escape(text)}</li>" for text in texts)


_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1.0">
<title>$title</title>
<style>
:root { color-scheme: light dark; --back: #fff; --text: #1d232a; --dim: #5f6b76; --line: #d5dbe1;
  --band: #f3f5f7; --good: #2e7d32; --bad: #c62828; --plain: #52606d; --mark: #0b62c4; }
@media (prefers-color-scheme: dark) { :root { --back: #14181d; --text: #e6eaee; --dim: #9aa5b1;
  --line: #333c46; --band: #1d232a; --mark: #6db1ff; } }
body { margin: 0; background: var(--back); color: var(--text); max-width: 1240px;
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
header { display: flex; gap: 22px; align-items: center; padding: 18px 28px; background: var(--band);
  border-bottom: 1px solid var(--line); }
header b { color: #fff; font-size: 22px; padding: 10px 18px; border-radius: 6px;
  white-space: nowrap; text-transform: uppercase; }
.good { background: var(--good); } .bad { background: var(--bad); }
.plain { background: var(--plain); }
h1 { font-size: 22px; margin: 0; } h2 { font-size: 18px; margin: 26px 0 6px; }
h3 { font-size: 15px; margin: 14px 0 2px; } p { margin: 4px 0; } main { padding: 0 28px 40px; }
main p, header p { color: var(--dim); overflow-wrap: anywhere; }
table { border-collapse: collapse; margin: 6px 0; }
th { text-align: left; color: var(--dim); font-weight: 600; }
th, td { padding: 3px 14px 3px 0; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: anywhere; }
pre { background: var(--band); padding: 12px; overflow-x: auto; }
.lift { display: flex; flex-wrap: wrap; gap: 24px; align-items: center; }
figure { margin: 0; width: 420px; max-width: 100%; } svg { width: 100%; }
figcaption { color: var(--dim); font-size: 13px; display: flex; justify-content: space-between; }
svg line { stroke: var(--mark); stroke-width: 3; } svg circle { fill: var(--mark); }
svg line.zero { stroke: var(--dim); stroke-width: 1; stroke-dasharray: 4 4; }
</style>
</head>
<body>
<header><b class="$state">$verdict</b>
<div><h1>$title</h1><p>$because</p><p>$about</p></div></header>
<main>
<h2>Features</h2>$features
<h2>Lift</h2><p>Trained without and with the features on the same training examples, by
cross-validation; the interval is that of the paired bootstrap. The test examples stay closed.</p>
$lift
<ul>$missing</ul>
<h2>Leaks</h2><p>Values that must not move when the future, other units, the place of the lines, or
the date are changed.</p>$leaks
<h2>Cost</h2><p>$cost</p>
<h2>Values</h2>$values
<h2>Drift over the last days</h2>$drift
<ul>$hints</ul>
<h2>To merge it</h2><pre>$snippet</pre>
</main>
</body>
</html>
""")
