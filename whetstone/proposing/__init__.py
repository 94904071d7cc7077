"""A definition proposed from a raw file: format, raw fields, types, clock, personal data."""

from whetstone.proposing.run import Proposal, propose, writable_path, write_new

__all__ = ["Proposal", "propose", "writable_path", "write_new"]
