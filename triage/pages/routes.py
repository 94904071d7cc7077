"""All routers of pages, in one place."""

from fastapi import APIRouter

pages = APIRouter(include_in_schema=False)
