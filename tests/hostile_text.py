"""Text as attackers write it into logs, and what a page must not have made of it."""

from html.parser import HTMLParser

OWN = "document.documentElement.setAttribute('data-owned', 'yes')"
"""What the scripts among the texts would do."""
MEGABYTE = "x" * 1_000_000
HOSTILE = (
    f"<script>{OWN}</script>",
    f"</script><script>{OWN}</script>",
    f'"><img src=x onerror="{OWN}">',
    f"' autofocus onfocus='{OWN}",
    f"<svg onload={OWN}>",
    f"javascript:{OWN}",
    f'<a href="javascript:{OWN}">here</a>',
    "{{7*7}} ${7*7} {% raw %} {0.__class__}",
    "'; DROP TABLE alerts; --",
    "</style><style>body { display: none }</style>",
    "<b>Plotly</b><br><sub>markup</sub>",
    "\x1b[2J\x1b[31mred\x07",
    "safe\u202egpj.exe\u2066",
    "<!-- ", "]]>", "\u2028\u2029", "\x00\ufeff",
    MEGABYTE,
)  # fmt: skip
UNSEEN = frozenset("\x00\x07\x1b\u2028\u2029\u202e\u2066\ufeff")
"""Characters in the texts that would act, or hide, if a page held them as they are."""


class Dom(HTMLParser):
    """What a browser makes of a page: its tags with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._in: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in.append(tag)

    def handle_data(self, data: str) -> None:
        if self._in[-1:] not in (["script"], ["style"]):
            self.text += data
