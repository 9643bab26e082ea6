"""``cardfab card gp``: GlobalPlatform card management for people. No key is printed, and none is an argument."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cardfab.apdu import CardAnswered, commands, gp, link_to, parse_atr
from cardfab.apdu.gp.store import Structure
from cardfab.cli.gpsession import (
    Domain,
    Login,
    Reader,
    Session,
    asked,
    connected,
    hexadecimal,
    logged_in,
    new_platform,
    select_domain,
)
from cardfab.cli.options import spread
from cardfab.cli.output import talk_of
from cardfab.crypto import Algorithm
from cardfab.errors import InputRefused, Text, UsageRefused

app = typer.Typer(help="GlobalPlatform: what is on a card, and changing it.", no_args_is_help=True)
card_app = typer.Typer(help="One card in a reader.", no_args_is_help=True)
card_app.add_typer(app, name="gp")


@app.command()
def info(context: typer.Context, reader: Reader = None, domain: Domain = None) -> None:
    """What a card tells anyone: ATR, protocols, key versions, life cycle data. No login."""
    talk = talk_of(context)
    with connected(talk, reader) as connection:
        link = link_to(connection)
        atr = parse_atr(connection.atr())
        select_domain(link, domain)
        recognition = asked(link, gp.get_card_recognition())
        keys = asked(link, gp.get_key_information())
        cplc = asked(link, gp.get_cplc())
    value = {
        "atr": atr.raw.hex().upper(),
        "atr_says": [talk.of(line) for line in atr.words()],
        "version": recognition.version if recognition else None,
        "protocols": [str(scheme) for scheme in recognition.schemes] if recognition else [],
        "keys": [{"id": key.key_id, "version": key.version, "is": key.words} for key in keys or ()],
        "cplc": dict(cplc.rows()) if cplc else {},
    }
    rows = [("ATR", atr.raw.hex(" ").upper()), *(("", talk.of(line)) for line in atr.words())]
    if recognition:
        rows.append(("GlobalPlatform", " ".join([recognition.version, *map(str, recognition.schemes)])))
    rows += [(f"key {key.key_id:02X}, version {key.version:02X}", key.words) for key in keys or ()]
    rows += list(cplc.rows()) if cplc else []
    columns = (Text("item", "项目"), Text("value", "值"))
    talk.give(value, lambda: talk.table(columns, rows, empty=Text("nothing", "无")))


def _entries(session: Session) -> list[gp.RegistryEntry]:
    found = list(session.run(gp.get_status(gp.Kind.DOMAIN)))
    found += session.run(gp.get_status(gp.Kind.APPLICATION))
    try:
        return [*found, *session.run(gp.get_status(gp.Kind.LOAD_FILE_AND_MODULES))]
    except CardAnswered:  # older cards do not list modules
        return [*found, *session.run(gp.get_status(gp.Kind.LOAD_FILE))]


_KINDS = {
    gp.Kind.DOMAIN: Text("issuer domain", "主安全域"),
    gp.Kind.APPLICATION: Text("application", "应用"),
    gp.Kind.LOAD_FILE: Text("load file", "加载文件"),
    gp.Kind.LOAD_FILE_AND_MODULES: Text("load file", "加载文件"),
}


@app.command("list")
@spread
def list_(
    context: typer.Context,
    login: Login,
) -> None:
    """Everything in the registry of a card."""
    talk = talk_of(context)
    with logged_in(talk, login) as session:
        found = _entries(session)
    values = [
        {
            "kind": _KINDS[one.kind].en,
            "aid": one.aid.hex().upper(),
            "state": one.state_name,
            "privileges": list(one.privilege_names),
            "load_file": one.load_file.hex().upper(),
            "domain": one.domain.hex().upper(),
            "modules": [module.hex().upper() for module in one.modules],
        }
        for one in found
    ]
    rows = [
        (talk.of(_KINDS[one.kind]), one.aid.hex().upper(), one.state_name,
         ", ".join([*one.privilege_names, *(f"module {module.hex().upper()}" for module in one.modules)]))
        for one in found
    ]  # fmt: skip
    columns = (Text("kind", "类别"), Text("AID", "AID"), Text("state", "状态"), Text("details", "细目"))
    talk.give(values, lambda: talk.table(columns, rows, empty=Text("The registry is empty.", "注册表为空。")))


@app.command()
@spread
def install(
    context: typer.Context,
    login: Login,
    load_file: Annotated[str, typer.Argument(help="AID of the load file, on the card already.")],
    module: Annotated[str, typer.Argument(help="AID of the module.")],
    instance: Annotated[str | None, typer.Argument(help="AID of the application; else that of the module.")] = None,
    privileges: Annotated[str, typer.Option("--privileges", help="1 or 3 bytes in hex.")] = "00",
    parameters: Annotated[str, typer.Option("--parameters", help="Application parameters (C9) in hex.")] = "",
) -> None:
    """Install an application from a load file, and make it selectable."""
    talk = talk_of(context)
    given = hexadecimal(parameters, "--parameters")
    command = gp.install(
        hexadecimal(load_file, "LOAD_FILE"),
        hexadecimal(module, "MODULE"),
        hexadecimal(instance or module, "INSTANCE"),
        privileges=hexadecimal(privileges, "--privileges"),
        parameters=bytes([0xC9, len(given)]) + given if len(given) < 0x80 else _refused_parameters(),
    )
    with logged_in(talk, login) as session:
        session.run(gp.send(command))
    aid = (instance or module).upper()
    talk.give({"installed": aid}, lambda: talk.say(f"Installed: {aid}.", f"已安装：{aid}。", "green"))


def _refused_parameters() -> bytes:
    raise UsageRefused(Text("--parameters takes at most 127 bytes.", "--parameters 最多 127 字节。"))


@app.command()
@spread
def load(
    context: typer.Context,
    login: Login,
    file: Annotated[Path, typer.Argument(help="A CAP file.", exists=True, dir_okay=False)],
) -> None:
    """Load a CAP file."""
    talk = talk_of(context)
    cap = gp.read_cap(file.read_bytes())
    with logged_in(talk, login) as session:
        session.run(gp.send(gp.install_for_load(cap.aid)))
        session.run(gp.load(cap.code, session.channel.room))
    aid = cap.aid.hex().upper()
    applets = [applet.hex().upper() for applet in cap.applets]
    talk.give(
        {"loaded": aid, "applets": applets},
        lambda: talk.say(
            f"Loaded: {aid}, with {', '.join(applets)}.", f"已加载：{aid}，含 {'、'.join(applets)}。", "green"
        ),
    )


@app.command()
@spread
def delete(
    context: typer.Context,
    login: Login,
    aid: Annotated[str, typer.Argument(help="AID of an application or load file.")],
    related: Annotated[bool, typer.Option("--related", help="With everything made from it.")] = False,
) -> None:
    """Delete an application or load file."""
    talk = talk_of(context)
    command = gp.delete(hexadecimal(aid, "AID"), related=related)
    with logged_in(talk, login) as session:
        session.run(gp.send(command))
    talk.give({"deleted": aid.upper()}, lambda: talk.say(f"Deleted: {aid}.", f"已删除：{aid}。", "green"))


@app.command("put-key")
@spread
def put_key(
    context: typer.Context,
    login: Login,
    new_version: Annotated[int, typer.Option("--new-version", min=1, max=0x7F, help="Version of the new keys.")],
    new_keys: Annotated[str, typer.Option("--new-keys", help="Label of their root in the key store.")],
    new_kdf: Annotated[str | None, typer.Option("--new-kdf", help="none, emv, visa2, kdf3 or a template.")] = None,
    replaces: Annotated[int, typer.Option("--replaces", min=0, max=0x7F, help="0: added beside the others.")] = 0,
    cipher: Annotated[str | None, typer.Option("--cipher", help="3DES or AES; else that of the channel.")] = None,
    bare: Annotated[bool, typer.Option("--bare", help="AES keys without their length inside.")] = False,
) -> None:
    """Put a new set of ENC, MAC and DEK; check values are compared."""
    talk = talk_of(context)
    if cipher not in (None, "3DES", "AES"):
        raise UsageRefused(Text("--cipher takes 3DES or AES.", "--cipher 可用 3DES 或 AES。"))
    with logged_in(talk, login) as session:
        channel = session.channel
        algorithm = Algorithm(cipher or ("3DES" if "02" in type(channel).__name__ else "AES"))
        new = new_platform(session, new_keys, new_kdf)
        blocks = channel.keys.new_keys(new, algorithm, channel.key_data)
        form = gp.AesForm.BARE if bare else gp.AesForm.WITH_LENGTH
        checked = session.run(gp.put_keys(blocks, new_version, replaces=replaces, form=form))
    kcvs = [block.kcv.hex().upper() for block in blocks]
    said = ("the card gave the same", "与卡片返回一致") if checked else ("the card gave none", "卡片未返回")
    talk.give(
        {"version": new_version, "kcv": kcvs, "checked": checked},
        lambda: talk.say(
            f"Keys of version {new_version:02X} are on the card; check values {' '.join(kcvs)}, {said[0]}.",
            f"密钥版本 {new_version:02X} 已写入；校验值 {' '.join(kcvs)}，{said[1]}。",
            "green",
        ),
    )


_STRUCTURES = {"none": Structure.NOT_SAID, "dgi": Structure.DGI, "ber": Structure.BER_TLV}


@app.command()
@spread
def store(
    context: typer.Context,
    login: Login,
    file: Annotated[Path, typer.Argument(help="Hex, one DGI or object a line; # starts a comment; - reads input.")],
    application: Annotated[str | None, typer.Option("--application", help="AID; else the domain itself.")] = None,
    structure: Annotated[str, typer.Option("--structure", help="dgi, ber or none.")] = "dgi",
    wraps: Annotated[bool, typer.Option("--wraps", help="The card takes more than 256 blocks.")] = False,
) -> None:
    """Store data in an application (INSTALL [for personalization]) or in the security domain."""
    talk = talk_of(context)
    if structure not in _STRUCTURES:
        raise UsageRefused(Text("--structure takes dgi, ber or none.", "--structure 可用 dgi、ber 或 none。"))
    pieces = _hex_lines(sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8"))
    with logged_in(talk, login) as session:
        if application is not None:
            session.run(gp.send(gp.install_for_personalization(hexadecimal(application, "--application"))))
        room = session.channel.room
        blocks = gp.store_blocks(pieces, room, structure=_STRUCTURES[structure], wraps=wraps)
        session.run(commands.send_all(blocks))
    talk.give(
        {"stored": len(pieces), "blocks": len(blocks)},
        lambda: talk.say(
            f"Stored {len(pieces)} pieces in {len(blocks)} blocks.",
            f"已写入 {len(pieces)} 项，共 {len(blocks)} 块。",
            "green",
        ),
    )


def _hex_lines(text: str) -> list[bytes]:
    found: list[bytes] = []
    for number, line in enumerate(text.splitlines(), 1):
        digits = line.partition("#")[0].strip()
        try:
            found += [bytes.fromhex(digits)] if digits else []
        except ValueError as error:
            raise InputRefused(Text(f"Line {number} is not hex.", f"第 {number} 行不是十六进制。")) from error
    if not found:
        raise InputRefused(Text("There is nothing to store.", "没有可写入的数据。"))
    return found
