"""Which models score: polled, judged after a swap, taken back."""
