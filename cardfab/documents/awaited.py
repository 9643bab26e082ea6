"""Calls of pyHanko that run an event loop of their own, from a thread that may be running one already."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Answer = TypeVar("Answer")


def apart(call: Callable[[], Answer]) -> Answer:
    """What the call answers; made in another thread where this one runs a loop (asyncio allows one a thread)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return call()
    with ThreadPoolExecutor(1) as other:
        return other.submit(call).result()
