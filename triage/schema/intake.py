"""Uploads and feature ideas that are being tried."""
