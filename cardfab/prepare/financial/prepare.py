"""From card data, profile and the bank's keys to every data grouping of one card."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cardfab.errors import InputRefused, Text
from cardfab.keys import Sealed
from cardfab.keys.custody import Custody
from cardfab.keys.issuerkeys import Filling, IccKey, IssuerKeys
from cardfab.prepare.financial.asking import AskCvn, AskDrawn, AskKeys, AskPvv, Work, answered
from cardfab.prepare.financial.grouping import DataGrouping
from cardfab.prepare.financial.numbers import FinancialData, check_numbers, financial_values
from cardfab.prepare.financial.recipe import LARGEST_RECORD, RSA_DGIS, Recipe, objects, recipe_of, template
from cardfab.prepare.financial.signing import Signer, chain_checked
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
    given = {} if sm2_key is None else {"SM2": sm2_key}
    work = preparing_financial(application, data, take_key=take_key, pin=pin, given=given, custody=custody)
    return answered(work, keys)


def preparing_financial(
    application: FinancialApplication,
    data: FinancialData,
    *,
    take_key: TakeKey | None = None,
    pin: Sealed | None = None,
    given: Mapping[str, IccKey] | None = None,
    custody: Custody = "service-clear",
) -> Work[PreparedFinancial]:
    """The same, to be answered for one card or for many. ``given`` are chip keys by algorithm that were drawn ahead."""
    recipe = recipe_of(application)
    check_numbers(application, data)
    yield from chain_checked(recipe, data)
    first_pin = yield from _pin(application, pin)
    data = yield from _stripe(application, data, first_pin)
    icc = yield from _icc_keys(recipe, take_key, given or {})
    udks = yield from _udks(application, data.pan, custody)
    secrets = _secrets(application, udks, first_pin, icc)
    groupings = yield from _groupings(recipe, data, secrets, Signer(recipe, data, icc))
    return PreparedFinancial(groupings, recipe.environments, icc)


@dataclass(frozen=True, slots=True)
class Draws:
    """What is random in a card of a profile. ``rsa`` is the size and public exponent of its chip key.

    ``pin`` is how many digits the PIN has that the key store makes, 0 where it makes none; ``published``: it is the one
    of training cards.
    """

    pin: int
    published: bool
    sm2: bool
    rsa: tuple[int, int] | None
    sm2_filling: Filling
    rsa_filling: Filling


def draws_of(application: FinancialApplication) -> Draws:
    """What has to be drawn for a card, besides what the seals and SM2 signatures use up."""
    policy, issuer, quirks = application.pin, application.issuer, application.quirks
    wanted = {path.entry.algorithm for path in recipe_of(application).paths if path.wants_icc}
    return Draws(
        pin=policy.digits if policy.first == "random" else 0,
        published=application.training,
        sm2="SM2" in wanted,
        rsa=(issuer.icc_bits, issuer.icc_exponent) if "RSA" in wanted else None,
        sm2_filling="none" if quirks.sm2_private_dgi == "8402" else "always80",
        rsa_filling=quirks.crt_padding,
    )


def build_groupings(
    application: FinancialApplication, data: FinancialData, *, udks: Sealed, pin: Sealed
) -> tuple[DataGrouping, ...]:
    """Every data grouping, in the profile's order, of an application without certificates."""
    secrets = _secrets(application, {"8000": udks}, pin, {})
    recipe = recipe_of(application)
    contents = _early(recipe, values := financial_values(application, data))
    return _assembled(recipe, values, contents, secrets)


def _groupings(
    recipe: Recipe, data: FinancialData, made: dict[str, bytes | Sealed], signer: Signer
) -> Work[tuple[DataGrouping, ...]]:
    values = financial_values(recipe.application, data)
    contents = _early(recipe, values)
    if len(contents) < len(recipe.records):
        values |= yield from signer.values(contents)
    return _assembled(recipe, values, contents, made)


def _early(recipe: Recipe, values: Mapping[str, bytes]) -> dict[str, bytes]:
    return {dgi: recipe.records[dgi].filled(values) for dgi in recipe.early}


def _assembled(
    recipe: Recipe, values: Mapping[str, bytes], contents: Mapping[str, bytes], made: dict[str, bytes | Sealed]
) -> tuple[DataGrouping, ...]:
    records = {dgi: contents.get(dgi) or mixture.filled(values) for dgi, mixture in recipe.records.items()}
    made |= {dgi: _record(dgi, content) for dgi, content in records.items()}
    made |= _clear(recipe, values)
    for dgi in recipe.order:
        if dgi not in made:
            _may_lack(recipe.application, dgi)
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


def _udks(application: FinancialApplication, pan: str, custody: Custody) -> Work[dict[str, Sealed]]:
    quirks = application.quirks
    option, parity = application.udk_option, quirks.udk_parity == "odd"
    names = "UDK_AC, UDK_MAC, UDK_ENC"
    labels, psn = application.keys.labels, application.psn
    made = {"8000": (yield AskKeys(labels, pan, psn, names, option, parity, None, custody))}
    if application.keys_sm4 is not None:
        check = "3DES" if quirks.kcv_for_sm4 == "3DES" else None
        labels = application.keys_sm4.labels
        made["8400"] = yield AskKeys(labels, pan, psn, f"{names} (SM4)", option, False, check, custody)
    return made


def _pin(application: FinancialApplication, pin: Sealed | None) -> Work[Sealed | None]:
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
    made: Sealed = yield AskDrawn(lambda keys: _drawn_pin(keys, draws_of(application)))
    return made


def _drawn_pin(keys: IssuerKeys, draws: Draws) -> Sealed:
    make = keys.training_pin if draws.published else keys.random_pin
    return make(draws.pin, PIN_MEANING)


def _stripe(application: FinancialApplication, data: FinancialData, pin: Sealed | None) -> Work[FinancialData]:
    """The data with CVN and PVV, where track 2 has room for them."""
    cvn, pvv = data.cvn, data.pvv
    if "{cvn}" in application.discretionary and not cvn and application.cvn_key is not None:
        cvn = yield AskCvn(application.cvn_key, data.pan, f"{data.expiry:%y%m}", application.service_code)
    if "{pvv}" in application.discretionary and not pvv and application.pvv_key is not None and pin is not None:
        pvv = yield AskPvv(application.pvv_key, data.pan, pin, application.pvv_index)
    return FinancialData(data.pan, data.effective, data.expiry, data.name, cvn, pvv, data.serial, data.sm_serial)


def _icc_keys(recipe: Recipe, take_key: TakeKey | None, given: Mapping[str, IccKey]) -> Work[dict[str, IccKey]]:
    draws = draws_of(recipe.application)
    found: dict[str, IccKey] = {}
    if draws.rsa is not None and "RSA" in given:
        found["RSA"] = given["RSA"]
    elif draws.rsa is not None and take_key is not None:
        take, size, filling = take_key, draws.rsa, draws.rsa_filling
        found["RSA"] = yield AskDrawn(lambda keys: take(*size, filling))
    if draws.sm2:
        found["SM2"] = (
            given["SM2"] if "SM2" in given else (yield AskDrawn(lambda keys: keys.icc_sm2(draws.sm2_filling)))
        )
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
