"""A prepared card judged by the rules, before there is a chip: the first error that is found refuses it."""

from __future__ import annotations

from cardfab.errors import InputRefused, Text
from cardfab.keys.certificates import PublicKey
from cardfab.keys.issuerkeys import IssuerKeys
from cardfab.prepare.financial import PreparedFinancial
from cardfab.prepare.lint.assembly import Assembly
from cardfab.prepare.lint.rules import lint
from cardfab.profile.financial import FinancialApplication


class CardFaulty(InputRefused):
    """The prepared bank side breaks a rule."""

    default_code = "CF-3146"


def require_faultless(
    application: FinancialApplication, prepared: PreparedFinancial, keys: IssuerKeys, *, training_keys: bool
) -> None:
    """Raises :class:`CardFaulty`, which names tag and rule. ``training_keys``: the issuer's keys are published ones."""
    assembly = Assembly(
        application=application,
        groupings=prepared.groupings,
        environments=prepared.environments,
        authorities=_authorities(application, keys),
        chip={algorithm: key.public for algorithm, key in prepared.keys.items()},
        training_keys=training_keys,
    )
    errors = [one for one in lint(assembly) if one.severity == "error"]
    if not errors:
        return
    first, place = errors[0], f" ({errors[0].where})" if errors[0].where else ""
    more = len(errors) - 1
    raise CardFaulty(
        Text(
            f"Tag {first.tag}, rule {first.rule}{place}: {first.what.en}" + (f"; and {more} more." if more else "."),
            f"标签 {first.tag}，规则 {first.rule}{place}：{first.what.zh}" + (f"；另有 {more} 处。" if more else "。"),
        ),
        do=Text(
            "Correct the application profile; 'cardfab profile lint FILE' shows every line.",
            "请修改应用配置；cardfab profile lint 文件 可查看全部问题。",
        ),
    )


def _authorities(application: FinancialApplication, keys: IssuerKeys) -> dict[bytes, PublicKey]:
    """The keys that the issuer's certificates hang from."""
    labels = [label for label in (application.issuer.rsa, application.issuer.sm2) if label is not None]
    used = {path.algorithm for path in application.ways if path.signed}
    kept = [keys.issuer_certificate(label) for label in labels if used]
    return {one.index: one.authority for one in kept}
