"""Pages of the services at the counter."""

from __future__ import annotations

from fastapi import APIRouter

from cardfab.web.routes.counter import acts, doubt, home, lists, loss, pad, reading, receipts

router = APIRouter()
for pages in (home, pad, reading, loss, lists, doubt, receipts, acts):  # those of fixed names before those of any name
    router.include_router(pages.router, prefix="/counter")


__all__ = ["acts", "doubt", "home", "lists", "loss", "pad", "reading", "receipts", "router"]
