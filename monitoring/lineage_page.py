"""The page that shows which column is made from which: raw field, field, feature, detector.

One HTML file that needs nothing else: four columns of names, paths drawn between them for what is
chosen by mouse, keyboard, search or address (`lineage.html#sshd.src_ip`).
"""

import html
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from monitoring.files import write_whole
from monitoring.lineage_template import SCRIPT, STYLE
from whetstone.catalog import Catalog
from whetstone.column_lineage import DETECTOR, FEATURE, FIELD, KINDS, Column, column_lineage

PAGE = "lineage.html"
_TITLES = {"raw": "Raw fields", "field": "Fields", "feature": "Features", "detector": "Detectors"}


def write_lineage(catalog: Catalog, path: Path) -> Path:
    """Write the page; whoever reads `path` sees the former page or the whole new one."""
    write_whole(path, lineage_page(catalog))
    return path


def lineage_page(catalog: Catalog) -> str:
    """The page's HTML."""
    data = _data(catalog)
    counts = [sum(column["kind"] == number for column in data) for number in range(len(KINDS))]
    heads = "".join(
        f"<section><h2>{html.escape(_TITLES[kind])} <small>{count}</small></h2>"
        f'<div class="list" data-kind="{number}"></div></section>'
        for number, (kind, count) in enumerate(zip(KINDS, counts, strict=True))
    )
    return _PAGE.substitute(
        nonce=secrets.token_urlsafe(16),
        style=STYLE,
        heads=heads,
        data=_script_json(data),
        script=SCRIPT,
    )


def _data(catalog: Catalog) -> list[dict[str, Any]]:
    """Every column: its kind by number, owner, name, what people read, what it is made from."""
    lineage = column_lineage(catalog)
    columns = sorted(lineage.made, key=lambda column: _order(catalog, column))
    place = {column: number for number, column in enumerate(columns)}
    texts = _texts(catalog)
    return [
        {
            "kind": KINDS.index(column.kind),
            "owner": column.owner,
            "name": column.name,
            "text": texts.get(column, ""),
            "values": sorted(place[each] for each in made.values),
            "rows": sorted(place[each] for each in made.rows - made.values),
        }
        for column in columns
        for made in [lineage.made[column]]
    ]


def _order(catalog: Catalog, column: Column) -> tuple[object, ...]:
    """Beside what they are made from: views by their source, detectors by source and view."""
    kind = KINDS.index(column.kind)
    match column.kind:
        case "feature":
            above = (catalog.feature_views[column.owner].source,)
        case "detector":
            dataset = catalog.golden_datasets[catalog.detectors[column.owner].golden_dataset]
            view = catalog.view_of(dataset)
            above = (view.source, view.name)
        case _:
            above = ()
    return kind, *above, column.owner


def _texts(catalog: Catalog) -> Mapping[Column, str]:
    texts: dict[Column, str] = {}
    for source in catalog.sources.values():
        for field in source.fields:
            raw = f"  ({', '.join(field.index)})" if field.index else ""
            text = f"{field.data_type} = {field.definition}{raw}"
            texts[Column(FIELD, source.name, field.name)] = text
    for view in catalog.feature_views.values():
        for feature in view.features:
            text = f"{feature.data_type} = {feature.definition}"
            texts[Column(FEATURE, view.name, feature.name)] = text
    for detector in catalog.detectors.values():
        text = f"{detector.WhichOneof('family')}, trained on {detector.golden_dataset}"
        texts[Column(DETECTOR, detector.name, "score")] = text
    return texts


def _script_json(value: object) -> str:
    """JSON that may stand in a script element: no character of it can end or open a tag."""
    text = json.dumps(value, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'nonce-$nonce';\
 style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1.0">
<title>Lineage of columns</title>
<style>$style</style>
</head>
<body>
<header>
<h1>Lineage of columns</h1>
<input id="search" type="search" placeholder="Search: src_ip, sshd.user, ssh_bruteforce_gb  ( / )"
 aria-label="Search columns" autocomplete="off">
<label><input id="rows" type="checkbox"> also what decides which rows there are (clock, entity)\
</label>
<button id="clear" type="button">Show all (Esc)</button>
</header>
<p id="told" role="status"></p>
<main id="columns"><svg id="edges" aria-hidden="true"></svg>$heads</main>
<script nonce="$nonce">const COLUMNS = $data;</script>
<script nonce="$nonce">$script</script>
</body>
</html>
""")
