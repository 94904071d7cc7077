"""Between the desk and other programs: what happens here, and alerts in others' formats.

Whatever changes the case store tells of it (`changes.tell`) in its own transaction. Readers poll
the changes with a cursor, or are told by webhooks (`delivery`). `ecs`, `stix` and `sigma` say what
is known here in the words of the tools of a SOC.
"""
