"""Who and what may come in, as a spec says it: ssh keys, members, rules for ports; and networks in CIDR form.

This module is pure: no clock, no database, no network.
"""

import base64
import binascii
import ipaddress
import re
from collections.abc import Mapping

from stacks.environment import ANYWHERE, PortSpec, Protocol
from stacks.fields import Faults, shown

PORTS, SSH_KEYS, MEMBERS = 64, 32, 200
KEY_TYPES = (
    "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
)  # fmt: skip
RSA_BITS = 2048
SSH_EXAMPLE = "{port: 22, from: 10.0.0.0/8}"


def cidr(faults: Faults, value: object, path: tuple[str | int, ...], example: str) -> ipaddress.IPv4Network | None:
    text = faults.text(value, path, example, maximum=64)
    if text is None:
        return None
    try:
        network = ipaddress.IPv4Network(text, strict=False)
    except ValueError:
        network = None
    if network is None or not re.fullmatch(r"[0-9.]+/[0-9]{1,2}", text):
        faults.add(path, "spec.not_a_cidr", found=shown(text), allowed=example)
        return None
    if str(network.network_address) != text.partition("/")[0]:
        faults.add(path, "spec.cidr_has_host_bits", found=shown(text), allowed=str(network))
        return None
    return network


def ssh_keys(faults: Faults, value: object) -> tuple[str, ...]:
    keys: list[str] = []
    seen: dict[str, int] = {}
    for index, (path, found) in enumerate(faults.items(value, ("ssh_keys",), "text", maximum=SSH_KEYS)):
        text = faults.text(found, path, "ssh-ed25519 AAAA… exploitation@sante", maximum=1500)
        if text is None:
            continue
        reason = ssh_key_fault(text)
        if reason is not None:
            faults.add(path, "spec.bad_ssh_key", reason=reason, allowed=KEY_TYPES)
        elif faults.unique(seen, " ".join(text.split()[:2]), path, index, "once"):
            keys.append(" ".join(text.split()))
    return tuple(keys)


def ssh_key_fault(text: str) -> str | None:
    """Why `text` is not one line of an authorized_keys file without options: type, encoding, content, weak; or None.

    The encoded part repeats the type and consists of fields with their lengths before them (RFC 4253, 6.6).
    """
    words = text.split()
    if words[0] not in KEY_TYPES:
        return "type"
    try:
        blob = base64.b64decode(words[1], validate=True) if len(words) > 1 else b""
    except (binascii.Error, ValueError):
        return "encoding"
    parts: list[bytes] = []
    while blob:
        length = int.from_bytes(blob[:4], "big")
        if len(blob) < 4 + length:
            return "content"
        parts.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    if len(parts) < 2 or parts[0] != words[0].encode():
        return "content"
    if words[0] == "ssh-ed25519" and (len(parts) != 2 or len(parts[1]) != 32):
        return "content"
    if words[0] == "ssh-rsa" and (len(parts) != 3 or int.from_bytes(parts[2], "big").bit_length() < RSA_BITS):
        return "weak" if len(parts) == 3 else "content"
    return None


def members(faults: Faults, value: object) -> tuple[str, ...]:
    members: list[str] = []
    seen: dict[str, int] = {}
    for index, (path, found) in enumerate(faults.items(value, ("members",), "text", maximum=MEMBERS)):
        text = faults.text(found, path, "sante-agent", maximum=255)
        if text is None:
            continue
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}", text):
            faults.add(path, "spec.bad_member", found=shown(text), allowed="A-Z a-z 0-9 . _ @ + -", minimum=1, maximum=64)
        elif faults.unique(seen, text, path, index, "once"):
            members.append(text)
    return tuple(members)


def ports(faults: Faults, value: object, at: tuple[str | int, ...]) -> tuple[PortSpec, ...]:
    ports: list[PortSpec] = []
    seen: dict[str, int] = {}
    for index, (path, found) in enumerate(faults.items(value, at, "port", maximum=PORTS)):
        rule = found if isinstance(found, Mapping) else {"port": found}
        if isinstance(found, Mapping) and faults.mapping(found, path, {"port": "443"}, ("from", "protocol")) is None:
            continue
        where = (*path, "port") if isinstance(found, Mapping) else path
        number = faults.integer(rule["port"], where, minimum=1, maximum=65535) if rule.get("port") is not None else None
        protocol = _protocol(faults, rule.get("protocol"), (*path, "protocol"))
        if rule.get("from") is not None:
            network = cidr(faults, rule["from"], (*path, "from"), "10.0.0.0/8")
            source = None if network is None else str(network)
        else:
            source = ANYWHERE
            if number == 22 and protocol == "tcp":
                faults.add(path, "spec.port_22_open", allowed=SSH_EXAMPLE)
                continue
        if number is None or protocol is None or source is None:
            continue
        if faults.unique(seen, f"{protocol} {number} {source}", path, index, "once"):
            ports.append(PortSpec(port=number, protocol=protocol, source=source))
    return tuple(ports)


def _protocol(faults: Faults, value: object, path: tuple[str | int, ...]) -> Protocol | None:
    if value is None or value == "tcp":
        return "tcp"
    if value == "udp":
        return "udp"
    faults.add(path, "spec.bad_protocol", found=shown(value), allowed=("tcp", "udp"))
    return None
