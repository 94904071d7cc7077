"""From raw lines to events and rejects."""

# pyarrow ships no types.
# pyright: reportUnknownVariableType=false

from whetstone.parsing.run import (
    RAW_SCHEMA,
    Parsed,
    ParsedDay,
    Protection,
    RawFile,
    parse_files,
    parse_into,
    raw_records,
)

__all__ = [
    "RAW_SCHEMA",
    "Parsed",
    "ParsedDay",
    "Protection",
    "RawFile",
    "parse_files",
    "parse_into",
    "raw_records",
]
