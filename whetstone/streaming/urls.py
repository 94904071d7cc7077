"""Where a stream comes from or goes to, as an operator writes it: `SCHEME://PLACE?OPTION=VALUE&…`."""

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from whetstone.errors import InputError

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_YES = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class Url:
    """A URL with its options.

    Attributes:
        scheme: such as `syslog+tcp`.
        address: the URL without options and without a password: it names the place, and may be
            shown.
        host: empty if the URL has none.
        port: 0 if the URL has none.
        path: what follows `//` of a local place, what follows the host of another; decoded.
        user: empty if the URL has none.
        password: empty if the URL has none.
        options: what was said behind `?`.
    """

    scheme: str
    address: str
    host: str = ""
    port: int = 0
    path: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    options: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    @classmethod
    def parse(cls, text: str, known: Collection[str], local: bool = False) -> "Url":
        """Read a URL.

        Args:
            text: as it was written.
            known: names of the options it may have.
            local: it names a path on this machine: `file:///var/log/a` or `file://a`.

        Raises:
            InputError: it is no URL, or has an option that nobody knows.
        """
        try:
            split = urlsplit(text)
            port = 0 if local else split.port or 0
        except ValueError as error:
            raise InputError(f"{shown(text)}: {error}: correct the URL") from error
        bare = text.partition("?")[0]
        if local:
            path = bare.partition(":")[2].removeprefix("//")
            return cls(split.scheme, bare, path=unquote(path), options=_options(text, known))
        account = f"{split.username}@" if split.username else ""
        place = split.netloc.rpartition("@")[2]
        return cls(
            scheme=split.scheme,
            address=f"{split.scheme}://{account}{place}{split.path}",
            host=split.hostname or "",
            port=port,
            path=unquote(split.path),
            user=unquote(split.username or ""),
            password=unquote(split.password or ""),
            options=_options(text, known),
        )

    def text(self, name: str, default: str = "") -> str:
        """An option's words."""
        return self.options.get(name, default)

    def choice(self, name: str, choices: Collection[str], default: str) -> str:
        """An option that is one of a few words."""
        value = self.options.get(name, default)
        if value not in choices:
            raise self.wrong(name, f"is {value!r}, not one of {', '.join(choices)}")
        return value

    def yes(self, name: str, default: bool = False) -> bool:
        """An option that is true or false."""
        value = self.options.get(name, "true" if default else "false").lower()
        if value not in _YES:
            raise self.wrong(name, f"is {value!r}, neither true nor false")
        return _YES[value]

    def number(self, name: str, default: int, least: int = 0) -> int:
        """An option that is a count, or bytes: `64M` is 64 MiB."""
        value = self.options.get(name, str(default))
        match = re.fullmatch(r"(\d+)([kmg]?)(i?b)?", value.lower())
        if match is None:
            raise self.wrong(name, f"is {value!r}, not a number such as 10 or 64M")
        number = int(match[1]) * _UNITS[match[2]]
        if number < least:
            raise self.wrong(name, f"is {value}, less than {least}")
        return number

    def secret(self, name: str) -> bytes:
        """What stands in the file that an option names, without white space around; empty: none.

        Raises:
            InputError: the file cannot be read, or is empty.
        """
        path = self.options.get(name, "")
        if not path:
            return b""
        try:
            secret = Path(path).read_bytes().strip()
        except OSError as error:
            raise self.wrong(name, f"{path} cannot be read ({error.strerror})") from error
        if not secret:
            raise self.wrong(name, f"{path} is empty: put the secret into it")
        return secret

    def wrong(self, name: str, what: str) -> InputError:
        """An error about an option, or a part of the URL."""
        return InputError(f"{self.address}: {name}: {what}")


def shown(text: str) -> str:
    """What of a URL may be seen by everybody: neither account nor options."""
    return re.sub(r"//[^/@]*@", "//", re.split(r"[?#]", text)[0])


def _options(text: str, known: Collection[str]) -> dict[str, str]:
    query = text.partition("?")[2]
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
            raise InputError(f"{shown(text)}: there is no option {name!r}: {hint}")
    return options
