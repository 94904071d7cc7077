"""The evidence of an alert: why it was raised, its raw lines, what else is known.

What comes from the case store is quick and on the alert's page at once (`history`, `reasons`,
`told`); what comes from the lake and the landed files (`lines`, `events`) is asked for by the page
when it stands. `identity` looks behind pseudonyms. All text in it is of logs, and hostile.
"""
