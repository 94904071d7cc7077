"""Scoring from a bundle: the same number in the evaluation, the day's batch and on a sensor."""
