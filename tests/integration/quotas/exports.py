"""A small ledger in the form of an export, made in memory. This module is pure."""

import hashlib
import random

from quotas.chain import FORMAT, GENESIS

ENTRIES = 21
ACCOUNTS = 4

Lines = list[bytes]


def a_ledger(randomly: random.Random) -> Lines:
    """Capacity declared, granted to a ministry, held and released, one hold still open: links and hashes as in an export."""
    accounts = {b"1": b"world", b"2": b"pool", b"3": b"administration", b"4": b"administration"}
    places = {b"1": b"declared", b"2": b"available", b"3": b"available", b"4": b"held"}
    balances = dict.fromkeys(accounts, 0)
    moves: list[tuple[str, bytes, bytes, int, str]] = [("declare", b"1", b"2", 10**6, "\\N"), ("grant", b"2", b"3", 10**5, "\\N")]
    for number in range((ENTRIES - len(moves)) // 2):
        amount = randomly.randint(1, 500)
        moves += [("hold", b"3", b"4", amount, f"R-2026-{number:04}"), ("release", b"4", b"3", amount, f"R-2026-{number:04}")]
    moves.append(("hold", b"3", b"4", 12, "R-2026-0042"))
    texts: Lines = []
    known = [
        "\t".join(["account", account.decode(), account.decode(), "min-sante", kind.decode(), "cotonou", "cores", places[account].decode()]).encode()
        for account, kind in accounts.items()
    ]
    for number, (kind, debit, credit, amount, reference) in enumerate(moves, start=1):
        balances[debit] -= amount
        balances[credit] += amount
        at = 1_770_000_000_000_000 + number
        fields = [
            number, number, kind, debit.decode(), credit.decode(), amount, "\\N", "cores", "cotonou", reference, at, at,
            "5f1c", "sante-agent", "domain:min-sante", "\\N", "request", reference, "\\N",
        ]  # fmt: skip
        texts.append("\t".join(map(str, fields)).encode())
    stored = [b"\t".join([b"B", account, str(balance).encode()]) for account, balance in balances.items()]
    held = b"H\tR-2026-0042\t4\t12"
    return [FORMAT + b"1", *stored, *chained([*known, *texts]), held, f"Z\t{len(known)}\t{len(texts)}".encode()]


def chained(texts: Lines) -> Lines:
    """The links of these lines, of accounts and of entries, in their order."""
    lines, chain = [], GENESIS
    for position, text in enumerate(texts, start=1):
        content = hashlib.sha256(text).digest()
        chain = hashlib.sha256(chain + content).digest()
        sort = b"A" if text.startswith(b"account\t") else b"E"
        lines.append(b"\t".join([sort, str(position).encode(), text, content.hex().encode(), chain.hex().encode()]))
    return lines
