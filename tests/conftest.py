"""What every test shares: hypothesis judges by examples, not by the clock of a busy machine."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("house", deadline=None)
settings.load_profile("house")
