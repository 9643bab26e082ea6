"""From card data, profile and the bank's keys to every data grouping of one card."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cardfab.errors import InputRefused, Text
from cardfab.keys import Sealed
from cardfab.keys.custody import Custody
from cardfab.keys.issuerkeys import Filling, IccKey, IssuerKeys
from cardfab.prepare.financial.grouping import DataGrouping
from cardfab.prepare.financial.numbers import FinancialData, check_numbers, financial_values
from cardfab.prepare.financial.recipe import LARGEST_RECORD, RSA_DGIS, Recipe, objects, recipe_of, template
from cardfab.prepare.financial.signing import Signer, check_chain
from cardfab.profile.financial import FinancialApplication

PIN_MEANING = "first PIN, format 2 block"
TakeKey = Callable[[int, int, Filling], IccKey]
"""Gives a chip's RSA key of so many bits and that exponent: :meth:`cardfab.keys.pool.IccPool.take`."""


@dataclass(frozen=True, slots=True)
class PreparedFinancial:
    """One card's bank side. ``environments`` are PSE and PPSE, by their AID; ``keys`` the chip's public keys."""

    groupings: tuple[DataGrouping, ...]
    environments: Mapping[bytes, tuple[DataGrouping, ...]] = field(default_factory=dict)
    keys: Mapping[str, IccKey] = field(default_factory=dict, repr=False)

    def by_dgi(self) -> dict[str, bytes | Sealed]:
        """The groupings by their number."""
        return {grouping.dgi: grouping.value for grouping in self.groupings}


def prepare_financial(
    application: FinancialApplication,
    data: FinancialData,
    keys: IssuerKeys,
    *,
    take_key: TakeKey | None = None,
    pin: Sealed | None = None,
    sm2_key: IccKey | None = None,
    custody: Custody = "service-clear",
) -> PreparedFinancial:
    """Everything of one card. ``pin`` is the holder's own, sealed; without one the profile's policy makes it.

    Raises InputRefused, which names tag and rule, before any key is used for what cannot be right.
    """
    recipe = recipe_of(application)
    check_numbers(application, data)
    check_chain(recipe, data, keys)
    first_pin = _pin(application, keys, pin)
    data = _stripe(application, data, keys, first_pin)
    icc = _icc_keys(recipe, keys, take_key, sm2_key)
    udks = _udks(application, data.pan, keys, custody)
    secrets = _secrets(application, udks, first_pin, icc)
    groupings = _groupings(recipe, data, secrets, Signer(recipe, data, keys, icc))
    return PreparedFinancial(groupings, recipe.environments, icc)


def build_groupings(
    application: FinancialApplication, data: FinancialData, *, udks: Sealed, pin: Sealed
) -> tuple[DataGrouping, ...]:
    """Every data grouping, in the profile's order, of an application without certificates."""
    secrets = _secrets(application, {"8000": udks}, pin, {})
    return _groupings(recipe_of(application), data, secrets, None)


def _groupings(
    recipe: Recipe, data: FinancialData, made: dict[str, bytes | Sealed], signer: Signer | None
) -> tuple[DataGrouping, ...]:
    application = recipe.application
    values = financial_values(application, data)
    contents = {dgi: recipe.records[dgi].filled(values) for dgi in recipe.early}
    if signer is not None and len(contents) < len(recipe.records):
        values |= signer.values(contents)
    records = {dgi: contents.get(dgi) or mixture.filled(values) for dgi, mixture in recipe.records.items()}
    made |= {dgi: _record(dgi, content) for dgi, content in records.items()}
    made |= _clear(recipe, values)
    for dgi in recipe.order:
        if dgi not in made:
            _may_lack(application, dgi)
    return tuple([DataGrouping(dgi, made[dgi], title) for dgi, title in recipe.titled if dgi in made])


def _clear(recipe: Recipe, values: Mapping[str, bytes]) -> dict[str, bytes | Sealed]:
    return {**recipe.fixed, **{dgi: frame(mixture.filled(values)) for dgi, (mixture, frame) in recipe.varied.items()}}


def _record(dgi: str, content: bytes) -> bytes:
    value = template(0x70, content)
    if len(value) > LARGEST_RECORD:
        sfi, number = int(dgi[:2], 16), int(dgi[2:], 16)
        raise InputRefused(
            Text(
                f"Record {sfi}/{number} has {len(value)} bytes; a record holds {LARGEST_RECORD} (rule L01).",
                f"记录 {sfi}/{number} 为 {len(value)} 字节，超过 {LARGEST_RECORD}（规则 L01）。",
            ),
            do=Text("Divide it in the application profile.", "请在应用配置中拆分。"),
            code="CF-3131",
        )
    return value


def _secrets(
    application: FinancialApplication, udks: Mapping[str, Sealed], pin: Sealed | None, icc: Mapping[str, IccKey]
) -> dict[str, bytes | Sealed]:
    quirks = application.quirks
    made: dict[str, bytes | Sealed] = dict(udks)
    made["9000"] = b"".join(udks["8000"].kcvs)
    if "8400" in udks and quirks.sm_kcv_dgi != "none":
        made[quirks.sm_kcv_dgi] = b"".join(udks["8400"].kcvs)
    tries = application.pin.tries if pin is not None else 0  # a limit of 00: no offline PIN
    counters = bytes([tries, tries])
    made["9010"] = counters if quirks.pin_data_form == "raw2" else objects((0x9F17, counters[:1])) + counters[1:]
    if pin is not None:
        made["8010"] = pin
        if quirks.sm_pin_dgi == "8011":
            made["8011"] = pin
    if "RSA" in icc:
        made |= dict(zip(RSA_DGIS, icc["RSA"].values, strict=True))
    if "SM2" in icc:
        private, public = icc["SM2"].values
        made |= {"8402": private} if quirks.sm2_private_dgi == "8402" else {"8501": private, "8502": public}
    return made


def _udks(application: FinancialApplication, pan: str, keys: IssuerKeys, custody: Custody) -> dict[str, Sealed]:
    quirks = application.quirks
    option, parity = application.udk_option, quirks.udk_parity == "odd"
    names = "UDK_AC, UDK_MAC, UDK_ENC"
    labels, psn = application.keys.labels, application.psn
    made = {"8000": keys.emv_keys(labels, pan, psn, names, option=option, parity=parity, custody=custody)}
    if application.keys_sm4 is not None:
        check = "3DES" if quirks.kcv_for_sm4 == "3DES" else None
        labels = application.keys_sm4.labels
        sm4 = f"{names} (SM4)"
        made["8400"] = keys.emv_keys(labels, pan, psn, sm4, option=option, check=check, custody=custody)
    return made


def _pin(application: FinancialApplication, keys: IssuerKeys, pin: Sealed | None) -> Sealed | None:
    policy = application.pin
    if policy.first == "none":
        return None
    if pin is None and policy.first == "holder":
        raise InputRefused(
            Text(
                "DGI 8010: this product's first PIN is entered by the holder, and none was.",
                "DGI 8010：本产品的初始密码由持卡人输入，但尚未输入。",
            ),
            do=Text("Have the holder enter it at the PIN pad.", "请持卡人在密码键盘上输入。"),
            code="CF-3139",
        )
    if pin is not None:
        return pin
    make = keys.training_pin if application.training else keys.random_pin
    return make(policy.digits, PIN_MEANING)


def _stripe(
    application: FinancialApplication, data: FinancialData, keys: IssuerKeys, pin: Sealed | None
) -> FinancialData:
    """The data with CVN and PVV, where track 2 has room for them."""
    cvn, pvv = data.cvn, data.pvv
    if "{cvn}" in application.discretionary and not cvn and application.cvn_key is not None:
        cvn = keys.cvn(application.cvn_key, data.pan, f"{data.expiry:%y%m}", application.service_code)
    if "{pvv}" in application.discretionary and not pvv and application.pvv_key is not None and pin is not None:
        pvv = keys.pvv(application.pvv_key, data.pan, pin, application.pvv_index)
    return FinancialData(data.pan, data.effective, data.expiry, data.name, cvn, pvv, data.serial, data.sm_serial)


def _icc_keys(recipe: Recipe, keys: IssuerKeys, take_key: TakeKey | None, sm2_key: IccKey | None) -> dict[str, IccKey]:
    application = recipe.application
    wanted = {path.entry.algorithm for path in recipe.paths if path.wants_icc}
    filling = application.quirks.crt_padding
    found: dict[str, IccKey] = {}
    if "RSA" in wanted and take_key is not None:
        found["RSA"] = take_key(application.issuer.icc_bits, application.issuer.icc_exponent, filling)
    if "SM2" in wanted:
        bare: Filling = "none" if application.quirks.sm2_private_dgi == "8402" else "always80"
        found["SM2"] = sm2_key or keys.icc_sm2(bare)
    return found


_OPTIONAL = ("8010", "8011", *RSA_DGIS, "8501", "8502", "8402", "8400", "9400", "9003")
"""Groupings that an order may name though this card has none."""


def _may_lack(application: FinancialApplication, dgi: str) -> None:
    if dgi not in _OPTIONAL or not (application.paths or dgi == "8010"):
        raise InputRefused(
            Text(f"The order names DGI {dgi}, which this version does not make.", f"顺序中的 DGI {dgi} 本版本不支持。"),
            do=Text("Correct the application profile.", "请修改应用配置。"),
            code="CF-3133",
        )
