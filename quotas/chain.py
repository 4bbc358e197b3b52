"""The chain of entries, proved from an export: content and chain hashes recomputed, balances rebuilt from zero, checkpoints compared.

An export is lines of UTF-8 text, fields separated by one tab, escaped as `quotas.content` says:

    dcctl-ledger  1  exported_at                                                                  first line
    A  id  holder  holder_kind  region  resource  place  balance                                  each account, as it is stored
    C  position  chain_hash  signed_at  public_key  signature                                     each recorded checkpoint
    E  position  the entry's line (`content.COLUMNS`)  content_hash  chain_hash                   each sealed entry, by position
    M  position  entry_id                                                                         a position whose entry is not there
    U  the entry's line  content_hash                                                             each entry that is not sealed yet, by id
    Z  accounts  entries                                                                          last line: how many of each

Times are microseconds since 1970 in UTC, hashes, keys and signatures hexadecimal. A chain alone proves nothing against who can rewrite all of it:
that is found by a checkpoint which the auditor keeps elsewhere. Memory is that of the accounts and the open holds, whatever the number of entries.

This module is pure: no clock, no database, no network.
"""

from binascii import Error as NotHexadecimal
from binascii import unhexlify
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256

from quotas.content import COLUMNS

FORMAT = b"dcctl-ledger\t1\t"
#: What comes before the first entry.
GENESIS = bytes(32)

_FIELDS = len(COLUMNS)
_ENDS = frozenset({b"release", b"expire", b"allocate"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """That the chain had this hash at this position, at a time (microseconds since 1970, UTC)."""

    position: int
    chain_hash: bytes
    signed_at: int

    def message(self) -> bytes:
        """What is signed."""
        return f"dcctl checkpoint 1\nposition {self.position}\nchain {self.chain_hash.hex()}\nsigned {self.signed_at}\n".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The first thing that is wrong. Codes: content, chain, position, missing, account, overdrawn, hold, balance, checkpoint, cut, format.

    Attributes:
        entry: the entry's id; None when the finding is about something else.
        detail: what was found, and what should be there.
    """

    code: str
    position: int | None = None
    entry: int | None = None
    detail: str = ""


@dataclass(slots=True, kw_only=True)
class Report:
    """What was looked at; `finding` None: everything agrees."""

    finding: Finding | None = None
    sealed: int = 0
    unsealed: int = 0
    accounts: int = 0
    chain_hash: bytes = GENESIS
    oldest_unsealed: int | None = None
    checkpoints: list[tuple[Checkpoint, bytes, bytes]] = field(default_factory=list)
    """Those recorded beside the chain, with public key and signature: their hashes agree, their signatures are the caller's to check."""


class _Wrong(Exception):
    """Ends the proof. A stored hash that is no hash is no change of the ledger but a transfer that broke off."""

    def __init__(self, code: str, position: int | None = None, entry: bytes | None = None, detail: str = "", stored: bytes = b"0" * 64) -> None:
        code = code if len(stored) == 64 else "format"
        self.finding = Finding(code=code, position=position, entry=int(entry) if entry and entry.isdigit() else None, detail=detail)


def verify(lines: Iterable[bytes], kept: Iterable[Checkpoint] = ()) -> Report:
    """Prove an export, line by line (each may end with a line feed); it stops at the first wrong entry.

    Args:
        kept: checkpoints that the auditor keeps, their signatures checked already.
    """
    proof = _Proof({checkpoint.position: checkpoint for checkpoint in kept})
    try:
        proof.read(iter(lines))
    except _Wrong as wrong:
        proof.report.finding = wrong.finding
    except (ValueError, IndexError, KeyError, NotHexadecimal) as error:
        proof.report.finding = Finding(code="format", position=proof.report.sealed + 1, detail=str(error))
    return proof.report


class _Proof:
    def __init__(self, kept: dict[int, Checkpoint]) -> None:
        self.kept = kept
        self.report = Report()
        self.stored: dict[bytes, int] = {}
        self.names: dict[bytes, bytes] = {}
        self.keys: dict[bytes, tuple[bytes, bytes]] = {}
        self.worlds: set[bytes] = set()
        self.balances: dict[bytes, int] = {}
        self.negative: dict[bytes, tuple[bytes, int | None, bytes]] = {}
        self.open: dict[tuple[bytes, bytes], int] = {}

    def read(self, lines: Iterator[bytes]) -> None:
        first = next(lines, b"")
        if not first.startswith(FORMAT):
            raise _Wrong("format", detail=first[:40].decode("utf-8", "replace"))
        whole = False
        for line in self._entries(lines):
            sort, *values = line.split(b"\t")
            if sort == b"C":
                self._checkpoint(values)
            elif sort == b"Z":
                if (int(values[0]), int(values[1])) != (self.report.accounts, self.report.sealed + self.report.unsealed):
                    raise _Wrong("format", detail=line.decode())
                whole = True
            else:
                raise _Wrong("format", detail=line[:40].decode("utf-8", "replace"))
        self._finish(whole)

    def _entries(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        """Go through accounts and entries; what is neither is handed out. The loop is one function: it runs a million times."""
        report, kept = self.report, self.kept
        chain, position = GENESIS, 0
        for line in lines:
            line = line.rstrip(b"\n")
            sort = line[:2]
            if sort == b"E\t":
                _, number, rest = line.split(b"\t", 2)
                text, content, sealed = rest.rsplit(b"\t", 2)
                position += 1
                if int(number) != position:
                    raise _Wrong("position", position, text.split(b"\t", 1)[0], f"{int(number)}, {position}")
                digest = sha256(text).digest()
                if digest != unhexlify(content):
                    raise _Wrong("content", position, text.split(b"\t", 1)[0], f"{content.decode()}, {digest.hex()}", content)
                chain = sha256(chain + digest).digest()
                if chain != unhexlify(sealed):
                    raise _Wrong("chain", position, text.split(b"\t", 1)[0], f"{sealed.decode()}, {chain.hex()}", sealed)
                if position in kept and kept[position].chain_hash != chain:
                    detail = f"{kept[position].chain_hash.hex()}, {chain.hex()}"
                    raise _Wrong("checkpoint", position, text.split(b"\t", 1)[0], detail)
                report.sealed = position
                self._transfer(text.split(b"\t"), position)
                report.chain_hash = chain
            elif sort == b"U\t":
                text, content = line[2:].rsplit(b"\t", 1)
                fields = text.split(b"\t")
                digest = sha256(text).digest()
                if digest != unhexlify(content):
                    raise _Wrong("content", None, fields[0], f"{content.decode()}, {digest.hex()}", content)
                self._transfer(fields, None)
                report.unsealed += 1
                recorded = int(fields[11])
                report.oldest_unsealed = recorded if report.oldest_unsealed is None else min(recorded, report.oldest_unsealed)
            elif sort == b"A\t":
                self._account(line.split(b"\t"))
            elif sort == b"M\t":
                _, number, entry = line.split(b"\t")
                raise _Wrong("missing", int(number), entry)
            else:
                yield line

    def _account(self, fields: list[bytes]) -> None:
        _, account, holder, kind, region, resource, place, balance = fields
        self.keys[account] = (region, resource)
        self.stored[account] = int(balance)
        self.names[account] = b" ".join((holder, region, resource, place))
        self.balances[account] = 0
        self.report.accounts += 1
        if kind == b"world":
            self.worlds.add(account)

    def _transfer(self, fields: list[bytes], position: int | None) -> None:
        """Move the amount, and see that what is moved is there: at the end of each posting no balance may be below zero."""
        debit, credit, balances = fields[3], fields[4], self.balances
        key = (fields[8], fields[7])
        if len(fields) != _FIELDS or self.keys.get(debit) != key or self.keys.get(credit) != key:
            raise _Wrong("account", position, fields[0], f"{debit.decode()}, {credit.decode()}")
        amount = int(fields[5])
        if self.negative:
            for account in (debit, credit):
                before = self.negative.get(account)
                if before is not None and before[0] != fields[1]:
                    raise _Wrong("overdrawn", before[1], before[2], self.names[account].decode())
        balances[debit] = left = balances[debit] - amount
        balances[credit] = have = balances[credit] + amount
        if left < 0 and debit not in self.worlds:
            self.negative[debit] = (fields[1], position, fields[0])
        if have >= 0 and credit in self.negative:
            del self.negative[credit]
        kind = fields[2]
        if kind == b"hold":
            self.open[(fields[9], credit)] = self.open.get((fields[9], credit), 0) + amount
        elif kind in _ENDS:
            remains = self.open.pop((fields[9], debit), 0) - amount
            if remains < 0:
                raise _Wrong("hold", position, fields[0], fields[9].decode())
            if remains:
                self.open[(fields[9], debit)] = remains

    def _checkpoint(self, values: list[bytes]) -> None:
        position, chain, signed_at, public_key, signature = values
        made = Checkpoint(position=int(position), chain_hash=unhexlify(chain), signed_at=int(signed_at))
        if self.kept.setdefault(made.position, made).chain_hash != made.chain_hash:
            raise _Wrong("checkpoint", made.position, None, f"{self.kept[made.position].chain_hash.hex()}, {chain.decode()}")
        self.report.checkpoints.append((made, unhexlify(public_key), unhexlify(signature)))

    def _finish(self, whole: bool) -> None:
        for _, position, entry in self.negative.values():
            raise _Wrong("overdrawn", position, entry)
        for position in sorted(self.kept):
            if position > self.report.sealed:
                raise _Wrong("cut", position, None, f"{self.report.sealed}")
        if not whole:
            raise _Wrong("format", detail="no last line")
        for account, stored in self.stored.items():
            if stored != self.balances[account]:
                raise _Wrong("balance", None, None, f"{self.names[account].decode()}: {stored}, {self.balances[account]}")


def follow(lines: Iterable[bytes], position: int, chain_hash: bytes) -> tuple[int, bytes, Finding | None]:
    """Go on from a position that was proved before, over lines of sort E and M: how far it is right, the hash there, and what is wrong after it.

    Balances are not rebuilt: that takes the whole ledger, and is `verify`'s.
    """
    for line in lines:
        sort, number, rest = line.rstrip(b"\n").split(b"\t", 2)
        if sort == b"M":
            return position, chain_hash, Finding(code="missing", position=int(number), entry=int(rest))
        text, content, sealed = rest.rsplit(b"\t", 2)
        entry = int(text.split(b"\t", 1)[0])
        digest = sha256(text).digest()
        following = sha256(chain_hash + digest).digest()
        if int(number) != position + 1:
            return position, chain_hash, Finding(code="position", position=position + 1, entry=entry)
        if digest.hex().encode() != content:
            return position, chain_hash, Finding(code="content", position=int(number), entry=entry)
        if following.hex().encode() != sealed:
            return position, chain_hash, Finding(code="chain", position=int(number), entry=entry)
        position, chain_hash = int(number), following
    return position, chain_hash, None
