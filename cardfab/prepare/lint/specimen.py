"""A card of a profile that is never made: what ``cardfab profile lint`` runs the rules over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from cardfab.errors import Text
from cardfab.keys.certificates import PublicKey
from cardfab.keys.issuerkeys import IssuerKeys
from cardfab.prepare.financial import FinancialData, make_pan, prepare_financial
from cardfab.prepare.financial.prepare import TakeKey
from cardfab.prepare.lint.assembly import Assembly, LintFinding
from cardfab.prepare.lint.rules import lint
from cardfab.profile.financial import FinancialApplication, FinancialKeys, PinPolicy

NAME = b"SPECIMEN/CARD"
BEGIN, END = date(2026, 1, 1), date(2033, 12, 31)


def lint_profile(
    application: FinancialApplication,
    keys: IssuerKeys,
    authorities: Mapping[bytes, PublicKey],
    take_key: TakeKey,
) -> tuple[LintFinding, ...]:
    """Every rule that a card of this profile would break, made with training keys in place of the profile's own.

    Raises InputRefused where the profile cannot be prepared at all; that says tag and rule as well.
    """
    stand_in = _with_training_keys(application)
    data = FinancialData(make_pan(stand_in, 1), BEGIN, END, NAME)
    prepared = prepare_financial(stand_in, data, keys, take_key=take_key)
    assembly = Assembly(
        application=application,
        groupings=prepared.groupings,
        environments=prepared.environments,
        authorities=authorities,
        chip={algorithm: key.public for algorithm, key in prepared.keys.items()},
        training_keys=False,
    )
    # The specimen is certified under a test index, whatever the profile's own keys will get.
    found = tuple(one for one in lint(assembly) if (one.rule, one.tag) != ("L28", "8F"))
    return found + tuple(_long_names(application))


def _long_names(application: FinancialApplication) -> Iterator[LintFinding]:
    """What no specimen shows: a profile with names on the chip that has no place for a long one."""
    entries = [(record.dgi, entry.source) for record in application.records for entry in record.tags]
    if application.holder_name == "on chip" and all(source != "long_name" for _, source in entries):
        where = next((dgi for dgi, source in entries if source == "name"), "")
        words = Text("is missing: names over 26 bytes will be refused", "缺失：超过 26 字节的姓名将被拒绝")
        yield LintFinding("L08", "warning", "9F0B", where, words)


def _with_training_keys(application: FinancialApplication) -> FinancialApplication:
    issuer = application.issuer.model_copy(
        update={
            "rsa": None if application.issuer.rsa is None else _rsa(application.issuer.rsa),
            "sm2": None if application.issuer.sm2 is None else "bank/ISSUER-SM2",
        }
    )
    changes: dict[str, object] = {"issuer": issuer, "pin": _random(application.pin)}
    if not application.training:
        changes |= {
            "keys": FinancialKeys(ac="bank/IMK-AC", smi="bank/IMK-SMI", smc="bank/IMK-SMC"),
            "cvn_key": application.cvn_key and "bank/CVK",
            "pvv_key": application.pvv_key and "bank/PVK",
        }
        if application.keys_sm4 is not None:
            sm4 = (f"bank/SM4/IMK-{name}" for name in ("AC", "SMI", "SMC"))
            changes["keys_sm4"] = FinancialKeys(**dict(zip(("ac", "smi", "smc"), sm4, strict=True)))
    return application.model_copy(update=changes)


def _rsa(label: str) -> str:
    return label if label in ("bank/ISSUER-RSA", "bank/ISSUER-RSA-1152") else "bank/ISSUER-RSA"


def _random(policy: PinPolicy) -> PinPolicy:
    return policy.model_copy(update={"first": "random"}) if policy.first == "holder" else policy
