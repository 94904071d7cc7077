"""Groups of alerts, and views of the queue that people keep."""
