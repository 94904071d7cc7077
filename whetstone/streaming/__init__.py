"""Live scoring: raw lines come in, alerts go out, and nothing is lost or said twice in between."""
