"""What is wrong with a request, in words."""

from typing import Any

from fastapi import Request
from starlette.routing import compile_path


def problem(error: Any) -> str:
    """An error of the check of a request, as one line; what was sent is not repeated."""
    return f"{'.'.join(str(part) for part in error['loc'][1:])}: {error['msg']}"


def methods_of(request: Request) -> str:
    """The methods that the path of a request takes, for the header `Allow`; empty: unknown."""
    for template, operations in request.app.openapi()["paths"].items():
        if compile_path(template)[0].fullmatch(request.url.path):
            return ", ".join(sorted(method.upper() for method in operations))
    return ""
