"""Drift and quality: numbers of our own (`drift`, `quality`), shown by Evidently.

Both modules are cheap to import; Evidently, which takes seconds, is imported when one renders.
"""

import os

# Evidently reports usage over the network unless this is set before it is imported.
os.environ["DO_NOT_TRACK"] = "1"
