"""All routes of the web application, however its routers are nested."""

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts


def routes_of(app: FastAPI) -> set[tuple[str, str]]:
    """Method and path of each, with the names of the path's parameters; without static files."""
    found = {
        (method, context.path)
        for context in iter_route_contexts(app.routes)
        for method in getattr(context, "methods", None) or ()
    }
    return {(method, str(path)) for method, path in found if method != "HEAD"}
