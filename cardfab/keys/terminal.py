"""The key set of one city's reading terminal, as its PSAM would hold it (LD/T 32 part 9, 7.3, 8 and appendix B)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from cardfab.crypto import Algorithm
from cardfab.keys.diversify import lower_root, region_of
from cardfab.keys.held import Held, hold
from cardfab.keys.label import Level, training_root
from cardfab.keys.roots import CARD_ROOTS, card_root_specs
from cardfab.keys.soft import SoftKeyStore


def terminal_store(region: str, random: Callable[[int], bytes], *, upgraded: Collection[str] = ()) -> SoftKeyStore:
    """What a training terminal of the city ``region`` (six digits) holds, and nothing else.

    National reading keys and IRK as the ministry's roots, provincial keys for its province, the other national keys
    for its city. ``upgraded`` names labels (``ss/DF04/DPK``) that the ministry gave the province as 二级根密钥, so that
    they serve the whole province (part 9, table B1, note). Keys of the host (load, TAC), master and bank keys are not
    in it.
    """
    held: dict[str, Held] = {}
    for root in CARD_ROOTS:
        if root.at_host:
            continue
        level = Level.PROVINCE if root.held_as is Level.CITY and root.label in upgraded else root.held_as
        for spec in card_root_specs(root):
            value = lower_root(Algorithm(spec.algorithm), training_root(spec.label), level, region)
            held[spec.label] = hold(replace(spec, level=level, region=region_of(level, region)), value, training=True)
    return SoftKeyStore(held, random)
