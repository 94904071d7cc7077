"""Rules that take expected alerts out of the queue, and what became of verdicts."""
