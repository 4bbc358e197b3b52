"""A small ledger in the form of an export, made in memory. This module is pure."""

import hashlib
import random

from quotas.chain import FORMAT, GENESIS

ENTRIES = 20

Lines = list[bytes]


def a_ledger(randomly: random.Random) -> Lines:
    """Capacity declared, granted to a ministry, held and released: entries with their hashes, in the form of an export."""
    accounts = {b"1": b"world", b"2": b"pool", b"3": b"administration", b"4": b"administration"}
    places = {b"1": b"declared", b"2": b"available", b"3": b"available", b"4": b"held"}
    balances = dict.fromkeys(accounts, 0)
    moves: list[tuple[str, bytes, bytes, int, str]] = [("declare", b"1", b"2", 10**6, "\\N"), ("grant", b"2", b"3", 10**5, "\\N")]
    for number in range((ENTRIES - len(moves)) // 2):
        amount = randomly.randint(1, 500)
        moves += [("hold", b"3", b"4", amount, f"R-2026-{number:04}"), ("release", b"4", b"3", amount, f"R-2026-{number:04}")]
    lines, chain = [], GENESIS
    for position, (kind, debit, credit, amount, reference) in enumerate(moves, start=1):
        balances[debit] -= amount
        balances[credit] += amount
        at = 1_770_000_000_000_000 + position
        fields = [
            position, position, kind, debit.decode(), credit.decode(), amount, "\\N", "cores", "cotonou", reference, at, at,
            "5f1c", "sante-agent", "domain:min-sante", "\\N", "request", reference, "\\N",
        ]  # fmt: skip
        text = "\t".join(map(str, fields)).encode()
        content = hashlib.sha256(text).digest()
        chain = hashlib.sha256(chain + content).digest()
        lines.append(b"\t".join([b"E", str(position).encode(), text, content.hex().encode(), chain.hex().encode()]))
    known = [
        b"\t".join([b"A", account, b"min-sante", kind, b"cotonou", b"cores", places[account], str(balances[account]).encode()])
        for account, kind in accounts.items()
    ]
    return [FORMAT + b"1", *known, *lines, f"Z\t{len(known)}\t{len(lines)}".encode()]
