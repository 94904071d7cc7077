"""From raw lines to events and rejects."""

from whetstone.parsing.run import Parsed, RawFile, parse_files

__all__ = ["Parsed", "RawFile", "parse_files"]
