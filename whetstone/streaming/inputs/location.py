"""`SOURCE=URL`: what an operator says about an input, read and checked."""

import difflib
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from whetstone.errors import InputError

_SPEC = re.compile(r"(?P<source>[A-Za-z_]\w*)=(?P<url>[A-Za-z][\w+.-]*:.*)", re.DOTALL)


@dataclass
class Location:
    """An input's source and URL; options are taken one by one, and none may remain.

    Attributes:
        source: name of the source.
        scheme: what is in front of the colon, in lower case.
        path: decoded.
        name: `SOURCE=URL` without credentials and options, or what the option `name` says.
    """

    source: str
    scheme: str
    path: str
    name: str
    _url: SplitResult
    _options: dict[str, str]
    _known: set[str] = field(default_factory=lambda: {"name"})

    @classmethod
    def of(cls, spec: str) -> "Location":
        """Read a `SOURCE=URL`.

        Raises:
            InputError: it is none, or gives an option twice.
        """
        found = _SPEC.fullmatch(spec)
        if not found:
            raise InputError(
                f"input {spec!r}: write SOURCE=URL, e.g. sshd=tail:///var/log/auth.log"
            )
        try:
            url = urlsplit(found["url"])
            options = dict(
                pairs := parse_qsl(
                    url.query, keep_blank_values=True, strict_parsing=bool(url.query)
                )
            )
        except ValueError as error:
            raise InputError(
                f"input {spec!r}: not a URL ({error}); write scheme://…?key=value"
            ) from error
        if len(options) < len(pairs):
            raise InputError(f"input {spec!r}: an option stands twice; leave one out")
        place = url.netloc.rpartition("@")[2]
        slashes = "//" if found["url"].startswith(f"{url.scheme}://") else ""
        plain = f"{found['source']}={url.scheme}:{slashes}{place}{url.path}"
        name = options.get("name") or plain
        return cls(found["source"], url.scheme, unquote(url.path), name, url, options)

    def file(self) -> Path:
        """The absolute path that the URL names.

        Raises:
            InputError: it names a host, no path, or a relative one.
        """
        if self._url.netloc or not self.path.startswith("/"):
            raise InputError(
                f"input {self.name}: name an absolute path behind three slashes, "
                f"e.g. {self.scheme}:///var/log/file"
            )
        return Path(self.path)

    def host(self, default: str) -> str:
        """The host that the URL names."""
        return self._url.hostname or default

    def port(self, default: int | None = None) -> int:
        """The port that the URL names.

        Raises:
            InputError: it names none, and there is no default.
        """
        try:
            port = self._url.port if self._url.port is not None else default
        except ValueError as error:
            raise InputError(f"input {self.name}: {error}; name a port from 0 to 65535") from error
        if port is None:
            raise InputError(f"input {self.name}: name a port, e.g. {self.scheme}://127.0.0.1:5514")
        return port

    def user(self) -> tuple[str | None, str | None]:
        """User name and password in the URL."""
        user, password = self._url.username, self._url.password
        return unquote(user) if user else None, unquote(password) if password else None

    def place(self) -> str:
        """Host and port as the URL has them."""
        return self._url.netloc.rpartition("@")[2]

    def text(self, option: str, default: str = "") -> str:
        """The value of an option."""
        self._known.add(option)
        return self._options.get(option, default)

    def choice(self, option: str, *values: str) -> str:
        """One of some values; the first where the option is not given.

        Raises:
            InputError: it is none of them.
        """
        value = self.text(option, values[0])
        if value not in values:
            raise InputError(
                f"input {self.name}: option {option} is {value!r}; it may be {' or '.join(values)}"
            )
        return value

    def number(self, option: str, default: int, least: int = 1) -> int:
        """A whole number.

        Raises:
            InputError: it is none, or too small.
        """
        text = self.text(option, str(default))
        if not text.isascii() or not text.isdigit() or int(text) < least:
            raise InputError(
                f"input {self.name}: option {option} is {text!r}; "
                f"it takes a whole number from {least}"
            )
        return int(text)

    def dotted(self) -> dict[str, str]:
        """The options with a dot in their names, which are another program's."""
        found = {key: value for key, value in self._options.items() if "." in key}
        self._known |= found.keys()
        return found

    def finish(self) -> None:
        """All options have been asked for.

        Raises:
            InputError: the URL has one that nobody asked for.
        """
        for unknown in sorted(self._options.keys() - self._known):
            close = difflib.get_close_matches(unknown, self._known, 1)
            hint = (
                f"did you mean {close[0]}?"
                if close
                else f"it takes {', '.join(sorted(self._known))}"
            )
            raise InputError(f"input {self.name}: {self.scheme}: has no option {unknown!r}; {hint}")
