"""Whetstone's runtime: what the platform and every serviced environment share."""
