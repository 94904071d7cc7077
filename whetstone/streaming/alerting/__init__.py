"""Alerts of a live scorer: from scored units to records."""
