"""How a product's keys are kept on this station's device; where that cannot be, no card is touched."""

from __future__ import annotations

from cardfab.crypto.derive import Diversification
from cardfab.keys.custody import Ability, Custody, Needs, choose
from cardfab.prepare.financial.recipe import recipe_of
from cardfab.station.desk import Desk, ProductSet


def custody_of(desk: Desk, chosen: ProductSet) -> Custody:
    """The custody in which this station makes the product's cards; raises CustodyRefused, which says why not."""
    return choose(needs_of(chosen), desk.keys.capabilities())


def needs_of(chosen: ProductSet) -> Needs:
    """What a product asks of the device, by its profiles."""
    card, financial = chosen.card, chosen.financial
    chips = {path.entry.algorithm for path in recipe_of(financial).paths if path.wants_icc}
    signed = {path.entry.algorithm for path in recipe_of(financial).paths}
    newer = card.channel.protocol == "SCP03"
    any_way: set[Ability] = {"HMAC", "GCM", "DERIVE-3DES", "3DES"}
    wrapping: set[Ability] = {"KEY-WRAP", "WRAP-AES" if newer else "WRAP-3DES"}
    if newer:
        any_way |= {"DERIVE-AES", "CMAC", "WRAP-AES"}
        named = card.channel.diversification or "kdf3"
        if named == "none" or Diversification.of(named).mode == "CMAC":
            any_way.add("KDF")
    if card.algorithm == "SM4" or financial.keys_sm4 is not None or card.pki is not None:
        any_way.add("SM4")
    if card.pki is not None or "SM2" in chips | signed:
        any_way |= {"SM2", "SM3"}
    if "RSA" in chips | signed:
        any_way.add("RSA")
    if card.stages != ("personalisation",):
        any_way.add("LOAD")
    if chips:
        wrapping.add("CRT")
    return Needs(chosen.product.name, chosen.product.accepted_custody, frozenset(any_way), frozenset(wrapping))
