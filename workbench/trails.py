"""Audit logs on the terminal."""

from dataclasses import asdict

import typer

from whetstone import console
from whetstone.audit import AuditLog


def show_trail(title: str, log: AuditLog, *, as_json: bool) -> None:
    """Print a log and whether its chain is whole; ends with status 1 if it is not."""
    found = log.read()
    if as_json:
        entries = [asdict(entry) for entry in found.entries]
        console.show_json({"entries": entries, "problems": found.problems, "head": found.head})
    else:
        rows = [
            {
                "at": entry.at,
                "who": entry.who,
                "what": entry.what,
                "why": entry.why,
                "details": ", ".join(f"{name}={value}" for name, value in entry.details.items()),
            }
            for entry in found.entries
        ]
        console.show_table(title, rows)
        console.show(
            "; ".join(found.problems)
            or f"the chain of {len(rows)} entries is whole; the last hash is {found.head}"
        )
    if found.problems:
        raise typer.Exit(1)
