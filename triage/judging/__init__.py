"""What analysts say of alerts, and what becomes of it.

`judgements`: verdicts, given and taken back, for one alert or for many at once.
`rules`: what is expected for a time and stays out of the queue.
`receipts`: what each verdict changed.
"""
