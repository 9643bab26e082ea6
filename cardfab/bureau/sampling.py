"""Which cards are samples for quality control: by rate, and by rule."""

from __future__ import annotations

import hashlib

from cardfab.bureau.lineview import LineRules


def sample_of(
    rules: LineRules, token: str, place: int, *, product: str, first_of_box: bool, after_fault: bool
) -> str | None:
    """The rule that makes the card of a place a sample; None: it is none.

    By rate exactly one place in every ``sample_every`` is chosen, by the batch's random ``token``: nobody at the
    machine knows which, and a run that was cut off chooses the same ones again.
    """
    if after_fault and rules.sample_after_fault:
        return "after a fault"
    if first_of_box and rules.sample_first:
        return "first of the box"
    if product in rules.sample_products:
        return "product"
    if (every := rules.sample_every) > 0:
        group, within = divmod(place - 1, every)
        digest = hashlib.sha256(f"sample:{token}:{group}".encode()).digest()
        if int.from_bytes(digest[:8], "big") % every == within:
            return "rate"
    return None


def readings_of(rules: LineRules, sample: str | None) -> int:
    """How often a finished chip is read back in full: samples twice, the rest once where the rules say all."""
    if sample is not None:
        return 2
    return 1 if rules.read_back == "all" else 0


__all__ = ["readings_of", "sample_of"]
