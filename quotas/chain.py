"""The chain of entries, proved from an export: content and chain hashes recomputed, balances rebuilt from zero, checkpoints compared.

An export is lines of UTF-8 text, fields separated by one tab, escaped as `quotas.content` says:

    dcctl-ledger  2  exported_at                                                                  first line
    B  account  balance                                                                           each account's balance, as it is stored
    C  position  chain_hash  signed_at  public_key  signature                                     each recorded checkpoint
    A  position  the account's line (`content.ACCOUNT`)  content_hash  chain_hash                 whose an account is, before its first entry
    E  position  the entry's line (`content.COLUMNS`)  content_hash  chain_hash                   each sealed entry; both by position
    M  position  number                                                                           a position whose entry or account is not there
    N  the account's line  content_hash                                                           each account without a sealed entry
    U  the entry's line  content_hash                                                             each entry that is not sealed yet, by id
    H  reference  account  amount                                                                 each open hold, as it is stored
    Z  accounts  entries                                                                          last line: how many of each

Times are microseconds since 1970 in UTC, hashes, keys and signatures hexadecimal. A chain alone proves nothing against who can rewrite all of it:
that is found by a checkpoint which the auditor keeps elsewhere. Memory is that of the accounts and the open holds, whatever the number of entries.

Another chain (`Form`) has the same lines without accounts and holds, and in its last line the number of checkpoints in the place of the accounts':
there only hashes, places and checkpoints are proved, every line to the last character.

This module is pure: no clock, no database, no network.
"""

from binascii import Error as NotHexadecimal
from binascii import unhexlify
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256

from quotas.content import ACCOUNT, COLUMNS


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What an export of a chain looks like.

    Attributes:
        name: what its checkpoints are signed as; "" is the ledger, whose checkpoints are older than the name.
        first: the first line's beginning.
        fields: how many a row's line has; `moment` is the one with its time.
    """

    name: str
    first: bytes
    fields: int
    moment: int


LEDGER = Form(name="", first=b"dcctl-ledger\t2\t", fields=len(COLUMNS), moment=11)
FORMAT = LEDGER.first
#: What comes before the first entry.
GENESIS = bytes(32)

_ACCOUNT = ACCOUNT[0].encode()
_ENDS = frozenset({b"release", b"expire", b"allocate"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """That the chain had this hash at this position, at a time (microseconds since 1970, UTC); `of` is the chain's name (`Form`)."""

    position: int
    chain_hash: bytes
    signed_at: int
    of: str = ""

    def message(self) -> bytes:
        """What is signed."""
        kind = f"dcctl {self.of} checkpoint 1" if self.of else "dcctl checkpoint 1"
        return f"{kind}\nposition {self.position}\nchain {self.chain_hash.hex()}\nsigned {self.signed_at}\n".encode()


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
    """Where the chain ends; `bound` of its links say whose an account is, the others are entries."""
    bound: int = 0
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


def verify(lines: Iterable[bytes], kept: Iterable[Checkpoint] = (), form: Form = LEDGER) -> Report:
    """Prove an export, line by line (of the ledger each may end with a line feed); it stops at the first wrong entry.

    Args:
        kept: checkpoints that the auditor keeps, their signatures checked already.
        form: which chain it is of.
    """
    known = {checkpoint.position: checkpoint for checkpoint in kept}
    proof = _Books(form, known) if form is LEDGER else _Proof(form, known)
    try:
        proof.read(iter(lines) if form is LEDGER else _whole(lines))
    except _Wrong as wrong:
        proof.report.finding = wrong.finding
    except (ValueError, IndexError, KeyError, NotHexadecimal) as error:
        proof.report.finding = Finding(code="format", position=proof.report.sealed + 1, detail=str(error))
    return proof.report


def _whole(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines, each ended by exactly one line feed."""
    for line in lines:
        if not line.endswith(b"\n"):
            raise _Wrong("format", detail=line[-40:].decode("utf-8", "replace"))
        yield line


class _Proof:
    """Of any chain: every row is what was hashed, in its place, none is missing, and the checkpoints agree."""

    def __init__(self, form: Form, kept: dict[int, Checkpoint]) -> None:
        self.form, self.kept = form, kept
        self.report = Report()
        self.last = 0
        """The id of the last row that is not in the chain yet; they are in the order of their ids."""

    def read(self, lines: Iterator[bytes]) -> None:
        first = next(lines, b"")
        if not self._first(first):
            raise _Wrong("format", detail=first[:40].decode("utf-8", "replace"))
        whole = False
        for line in self._entries(lines):
            sort, *values = line.split(b"\t")
            if whole:
                raise _Wrong("format", detail=line[:40].decode("utf-8", "replace"))
            if sort == b"C":
                self._checkpoint(line, values)
            elif sort == b"Z":
                if line != f"Z\t{self._first_count()}\t{self.report.sealed - self.report.bound + self.report.unsealed}".encode():
                    raise _Wrong("format", detail=line[:40].decode("utf-8", "replace"))
                whole = True
            else:
                raise _Wrong("format", detail=line[:40].decode("utf-8", "replace"))
        self._settled()
        for position in sorted(self.kept):
            if position > self.report.sealed:
                raise _Wrong("cut", position, None, f"{self.report.sealed}")
        if not whole:
            raise _Wrong("format", detail="no last line")
        self._balanced()

    def _first(self, line: bytes) -> bool:
        return line.rstrip(b"\n") == self.form.first

    def _first_count(self) -> int:
        """The first number of the last line."""
        return len(self.report.checkpoints)

    def _account(self, fields: list[bytes], position: int | None) -> None:
        """Whose an account is."""
        raise _Wrong("format", position, detail="A")

    def _stored(self, sort: bytes, fields: list[bytes]) -> None:
        """What is stored beside the entries, and follows from them."""
        raise _Wrong("format", detail=sort.decode("utf-8", "replace"))

    def _transfer(self, fields: list[bytes], position: int | None) -> None:
        if len(fields) != self.form.fields:
            raise _Wrong("format", position, fields[0], str(len(fields)))

    def _settled(self) -> None:
        """Called when the last row was read."""

    def _balanced(self) -> None:
        """Called when everything else is in order."""

    def _entries(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        """Go through links, entries and what is stored; what is neither is handed out. The loop is one function: it runs a million times."""
        report, kept = self.report, self.kept
        chain, position = GENESIS, 0
        for line in lines:
            line = line.rstrip(b"\n")
            sort = line[:2]
            if sort == b"E\t" or sort == b"A\t":
                _, number, rest = line.split(b"\t", 2)
                text, content, sealed = rest.rsplit(b"\t", 2)
                position += 1
                if number != b"%d" % position or report.unsealed:
                    raise _Wrong("position", position, text.split(b"\t", 1)[0], f"{number.decode()}, {position}")
                hashed = sha256(text)
                digest = hashed.digest()
                if hashed.hexdigest().encode() != content:
                    raise _Wrong("content", position, text.split(b"\t", 1)[0], f"{content.decode()}, {digest.hex()}", content)
                linked = sha256(chain + digest)
                chain = linked.digest()
                if linked.hexdigest().encode() != sealed:
                    if sort == b"A\t":
                        raise _Wrong("account", position, None, text.decode("utf-8", "replace").replace("\t", " "), sealed)
                    raise _Wrong("chain", position, text.split(b"\t", 1)[0], f"{sealed.decode()}, {chain.hex()}", sealed)
                if position in kept and kept[position].chain_hash != chain:
                    detail = f"{kept[position].chain_hash.hex()}, {chain.hex()}"
                    raise _Wrong("checkpoint", position, text.split(b"\t", 1)[0], detail)
                report.sealed = position
                if sort == b"E\t":
                    self._transfer(text.split(b"\t"), position)
                else:
                    self._account(text.split(b"\t"), position)
                    report.bound += 1
                report.chain_hash = chain
            elif sort == b"U\t":
                text, content = line[2:].rsplit(b"\t", 1)
                fields = text.split(b"\t")
                if sha256(text).hexdigest().encode() != content:
                    raise _Wrong("content", None, fields[0], f"{content.decode()}, {sha256(text).hexdigest()}", content)
                if int(fields[0]) <= self.last:
                    raise _Wrong("position", None, fields[0], f"{fields[0].decode()}, {self.last}")
                self.last = int(fields[0])
                self._transfer(fields, None)
                report.unsealed += 1
                recorded = int(fields[self.form.moment])
                report.oldest_unsealed = recorded if report.oldest_unsealed is None else min(recorded, report.oldest_unsealed)
            elif sort == b"N\t":
                text, content = line[2:].rsplit(b"\t", 1)
                if sha256(text).hexdigest().encode() != content:
                    raise _Wrong("content", None, None, f"{content.decode()}, {sha256(text).hexdigest()}", content)
                self._account(text.split(b"\t"), None)
            elif sort in (b"B\t", b"H\t"):
                self._stored(sort[:1], line.split(b"\t")[1:])
            elif sort == b"M\t":
                _, number, entry = line.split(b"\t")
                raise _Wrong("account" if entry.startswith(b"-") else "missing", int(number), entry, entry.decode())
            else:
                yield line

    def _checkpoint(self, line: bytes, values: list[bytes]) -> None:
        position, chain, signed_at, public_key, signature = values
        made = Checkpoint(position=int(position), chain_hash=unhexlify(chain), signed_at=int(signed_at), of=self.form.name)
        key, signed = unhexlify(public_key), unhexlify(signature)
        said = (b"C", b"%d" % made.position, made.chain_hash.hex().encode(), b"%d" % made.signed_at, key.hex().encode(), signed.hex().encode())
        before = [(earlier.position, earlier_key) for earlier, earlier_key, _ in self.report.checkpoints[-1:]]
        # One that came after its position would be compared with nothing.
        too_late = self.report.sealed or self.report.unsealed
        if line != b"\t".join(said) or before >= [(made.position, key)] or too_late:
            raise _Wrong("format", detail=line[:40].decode("utf-8", "replace"))
        if self.kept.setdefault(made.position, made).chain_hash != made.chain_hash:
            raise _Wrong("checkpoint", made.position, None, f"{self.kept[made.position].chain_hash.hex()}, {chain.decode()}")
        self.report.checkpoints.append((made, key, signed))


class _Books(_Proof):
    """Of the ledger: besides, balances and open holds follow from the entries, none was ever below zero, and each account is whose it was."""

    def __init__(self, form: Form, kept: dict[int, Checkpoint]) -> None:
        super().__init__(form, kept)
        self.stored: dict[bytes, int] = {}
        self.names: dict[bytes, bytes] = {}
        self.keys: dict[bytes, tuple[bytes, bytes]] = {}
        self.worlds: set[bytes] = set()
        self.balances: dict[bytes, int] = {}
        self.negative: dict[bytes, tuple[bytes, int | None, bytes]] = {}
        self.open: dict[tuple[bytes, bytes], int] = {}
        self.held: dict[tuple[bytes, bytes], int] = {}

    def _first(self, line: bytes) -> bool:
        return line.startswith(self.form.first)

    def _first_count(self) -> int:
        return self.report.accounts

    def _stored(self, sort: bytes, fields: list[bytes]) -> None:
        if sort == b"B":
            account, balance = fields
            if account in self.stored:
                raise _Wrong("account", detail=account.decode())
            self.stored[account] = int(balance)
            self.report.accounts += 1
        else:
            reference, account, amount = fields
            self.held[reference, account] = self.held.get((reference, account), 0) + int(amount)

    def _account(self, fields: list[bytes], position: int | None) -> None:
        word, account, _, holder, kind, region, resource, place = fields
        if word != _ACCOUNT or account not in self.stored or account in self.keys:
            raise _Wrong("account", position, None, b" ".join(fields).decode("utf-8", "replace"))
        self.keys[account] = (region, resource)
        self.names[account] = b" ".join((holder, region, resource, place))
        self.balances[account] = 0
        if kind == b"world":
            self.worlds.add(account)

    def _transfer(self, fields: list[bytes], position: int | None) -> None:
        """Move the amount, and see that what is moved is there: at the end of each posting no balance may be below zero."""
        debit, credit, balances = fields[3], fields[4], self.balances
        key = (fields[8], fields[7])
        if len(fields) != self.form.fields or self.keys.get(debit) != key or self.keys.get(credit) != key:
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

    def _settled(self) -> None:
        for _, position, entry in self.negative.values():
            raise _Wrong("overdrawn", position, entry)

    def _balanced(self) -> None:
        for account, stored in self.stored.items():
            if account not in self.keys:
                raise _Wrong("account", None, None, account.decode())
            if stored != self.balances[account]:
                raise _Wrong("balance", None, None, f"{self.names[account].decode()}: {stored}, {self.balances[account]}")
        for reference, account in sorted(self.open.keys() | self.held.keys()):
            stored, follows = self.held.get((reference, account), 0), self.open.get((reference, account), 0)
            if stored != follows:
                name = self.names.get(account, account) + b" " + reference
                raise _Wrong("balance", None, None, f"{name.decode('utf-8', 'replace')}: {stored}, {follows}")


def follow(lines: Iterable[bytes], position: int, chain_hash: bytes) -> tuple[int, bytes, Finding | None]:
    """Go on from a position that was proved before, over lines of sort A, E and M: how far it is right, the hash there, and what is wrong after it.

    Balances are not rebuilt: that takes the whole ledger, and is `verify`'s.
    """
    for line in lines:
        sort, number, rest = line.rstrip(b"\n").split(b"\t", 2)
        if sort == b"M":
            return position, chain_hash, Finding(code="missing", position=int(number), entry=int(rest))
        text, content, sealed = rest.rsplit(b"\t", 2)
        entry = int(text.split(b"\t", 1)[0]) if sort == b"E" else None
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
