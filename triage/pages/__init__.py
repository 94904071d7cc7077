"""The analysts' pages: server-side templates and htmx, no build step, nothing from elsewhere."""

from triage.pages.rendering import STATIC
from triage.pages.routes import pages

__all__ = ["STATIC", "pages"]
