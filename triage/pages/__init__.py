"""The analysts' pages: server-side templates and htmx, no build step, nothing from elsewhere."""

from triage.pages.routes import pages
from triage.pages.statics import Statics

__all__ = ["Statics", "pages"]
