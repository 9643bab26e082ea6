"""Where clear components may pass: a machine set apart, with no network, in nobody's production (PCI CP-L 8.1(d)).

The room is told by who looked (settings, the system's interfaces); here it is only judged. What no program can see
(cables, cameras, who else is in the room) is in docs/ceremony.md as the security officer's list.
"""

from __future__ import annotations

from dataclasses import dataclass

from cardfab.errors import KeyFault, Text


class NotARoom(KeyFault):
    """Clear components may not pass in this process."""

    default_code = "CF-6530"


@dataclass(frozen=True, slots=True)
class Room:
    """What was found. ``services`` are settings that name an address or service, ``interfaces`` those that are up."""

    set_apart: bool
    training: bool
    services: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()


def require_room(room: Room, *, rehearsal: bool) -> None:
    """Raise :class:`NotARoom` unless clear components may pass. A rehearsal has none that is worth anything."""
    if rehearsal:
        if not room.training:
            raise NotARoom(
                Text("Ceremonies are rehearsed at a training station.", "演练应在训练制卡点进行。"),
                do=Text("Make one: 'cardfab init DIR'.", "请新建：cardfab init 目录。"),
            )
        return
    if room.training:
        raise NotARoom(
            Text(
                "This is a training station: its store takes no key of a ceremony.",
                "这是训练制卡点，其密钥库不接受正式仪式的密钥。",
            ),
            do=Text("Rehearse: 'cardfab keys ceremony rehearse'.", "请演练：cardfab keys ceremony rehearse。"),
            code="CF-6531",
        )
    if not room.set_apart:
        raise NotARoom(
            Text(
                "This is a production station: clear components are not entered or printed here.",
                "这是生产制卡点，不得录入或打印明文分量。",
            ),
            do=Text(
                "Use a machine set apart, without network, whose settings say [keystore] ceremony_room = true; carry "
                "the key file or a key block over.",
                "请使用专用离线机器，其配置为 [keystore] ceremony_room = true，再以密钥文件或密钥块转移。",
            ),
            code="CF-6532",
        )
    if room.services:
        named = ", ".join(room.services)
        raise NotARoom(
            Text(f"The settings of this room name services: {named}.", f"该专用机器的配置中含有服务地址：{named}。"),
            do=Text("Take them out of its settings.", "请从其配置中删除。"),
            code="CF-6533",
        )
    if room.interfaces:
        named = ", ".join(room.interfaces)
        raise NotARoom(
            Text(f"A network is up: {named}.", f"网络处于启用状态：{named}。"),
            do=Text(
                "Pull the cables, switch radio off and take the interfaces down: 'ip link set NAME down'.",
                "请拔除网线、关闭无线，并停用网络接口：ip link set 名称 down。",
            ),
            code="CF-6534",
        )
