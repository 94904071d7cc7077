"""What analysts are asked about."""
