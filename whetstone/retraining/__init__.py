"""When a detector is retrained although nobody changed anything, and when nothing is retrained.

Nothing is imported here: whoever checks a cadence needs neither the lake nor a calendar.
"""
