"""Twelve thousand ways to change an export of the ledger, each found by the pure verifier; what only a kept checkpoint finds is said so."""

import hashlib
import random
from collections.abc import Callable

import pytest

from quotas.chain import Checkpoint, verify
from tests.integration.quotas.exports import ACCOUNTS, ENTRIES, Lines, a_ledger, chained

SEED = 20260042

Attack = Callable[[Lines, random.Random], Lines]


@pytest.fixture(scope="module")
def exported() -> Lines:
    lines = a_ledger(random.Random(SEED))
    assert verify(lines).finding is None
    return lines


def entries(lines: Lines) -> list[int]:
    return [number for number, line in enumerate(lines) if line.startswith(b"E\t")]


def links(lines: Lines) -> list[int]:
    return [number for number, line in enumerate(lines) if line.startswith((b"A\t", b"E\t"))]


def edited(lines: Lines, randomly: random.Random) -> Lines:
    """One field of one line becomes something else: an entry's, an account's, a hash, a position, a stored balance, an open hold."""
    number = randomly.randrange(1, len(lines) - 1)
    fields = lines[number].split(b"\t")
    place = randomly.randrange(1, len(fields))
    other = str(int(fields[place]) + randomly.choice([-1, 1, 10**6])).encode() if fields[place].lstrip(b"-").isdigit() else fields[place] + b"0a"
    return [*lines[:number], b"\t".join([*fields[:place], other, *fields[place + 1 :]]), *lines[number + 1 :]]


def deleted(lines: Lines, randomly: random.Random) -> Lines:
    """Some links in the middle go; the count at the end is made to fit."""
    first = randomly.choice(links(lines)[:-3])
    length = randomly.randint(1, 2)
    return counted([*lines[:first], *lines[first + length :]])


def reordered(lines: Lines, randomly: random.Random) -> Lines:
    one, other = randomly.sample(links(lines), 2)
    changed = list(lines)
    changed[one], changed[other] = changed[other], changed[one]
    return changed


def renumbered(lines: Lines, randomly: random.Random) -> Lines:
    """Links change places or go, and the positions are made to fit."""
    changed = randomly.choice([deleted, reordered])(lines, randomly)
    for position, number in enumerate(links(changed), start=1):
        fields = changed[number].split(b"\t")
        changed[number] = b"\t".join([fields[0], str(position).encode(), *fields[2:]])
    return changed


def edited_with_its_hash(lines: Lines, randomly: random.Random) -> Lines:
    """An entry is changed, its content hash made to fit, the chain left."""
    number = randomly.choice(entries(lines))
    fields = lines[number].split(b"\t")
    fields[14] = b"personne-%d" % randomly.randrange(10**6)
    fields[-2] = hashlib.sha256(b"\t".join(fields[2:-2])).hexdigest().encode()
    return [*lines[:number], b"\t".join(fields), *lines[number + 1 :]]


def given_away(lines: Lines, randomly: random.Random) -> Lines:
    """An account becomes another holder's, of another kind or at another place; its own hash is made to fit, the chain left."""
    number = randomly.choice([number for number in links(lines) if lines[number].startswith(b"A\t")])
    fields = lines[number].split(b"\t")
    place = randomly.choice([4, 5, 6, 7, 8, 9])
    fields[place] = {4: b"17", 5: b"min-justice", 6: b"environment", 7: b"parakou", 8: b"ram", 9: b"allocated"}[place]
    fields[-2] = hashlib.sha256(b"\t".join(fields[2:-2])).hexdigest().encode()
    return [*lines[:number], b"\t".join(fields), *lines[number + 1 :]]


def counted(lines: Lines) -> Lines:
    accounts = sum(line.startswith(b"B\t") for line in lines)
    return [*lines[:-1], f"Z\t{accounts}\t{len(entries(lines))}".encode()]


def rehashed(lines: Lines) -> Lines:
    """Every hash, position, balance and open hold made to fit: a ledger that somebody wrote anew."""
    texts = [b"\t".join(lines[number].split(b"\t")[2:-2]) for number in links(lines)]
    balances, held = dict.fromkeys((b"1", b"2", b"3", b"4"), 0), dict[tuple[bytes, bytes], int]()
    for text in texts:
        fields = text.split(b"\t")
        if fields[0] == b"account":
            continue
        balances[fields[3]] -= int(fields[5])
        balances[fields[4]] += int(fields[5])
        if fields[2] == b"hold":
            held[fields[9], fields[4]] = int(fields[5])
        held.pop((fields[9], fields[3]), None)
    stored = [b"B\t%s\t%d" % (account, balance) for account, balance in balances.items()]
    holds = [b"H\t%s\t%s\t%d" % (*key, amount) for key, amount in held.items()]
    return counted([lines[0], *stored, *chained(texts), *holds, lines[-1]])


ATTACKS: tuple[Attack, ...] = (edited, deleted, reordered, renumbered, edited_with_its_hash, given_away)


@pytest.mark.parametrize("attack", ATTACKS)
def test_two_thousand_of_each_kind_of_change_are_found_by_the_chain_alone(exported: Lines, attack: Attack) -> None:
    randomly = random.Random(f"{SEED} {attack.__name__}")
    for number in range(2000):
        changed = attack(exported, randomly)
        assert verify(changed).finding is not None, (number, [pair for pair in zip(exported, changed, strict=False) if pair[0] != pair[1]][:1])


def kept(lines: Lines, position: int) -> Checkpoint:
    fields = lines[links(lines)[position - 1]].split(b"\t")
    return Checkpoint(position=position, chain_hash=bytes.fromhex(fields[-1].decode()), signed_at=1)


def test_a_ledger_written_anew_with_its_hashes_is_found_by_the_checkpoint_only(exported: Lines) -> None:
    number = entries(exported)[0]
    changed = list(exported)
    changed[number] = changed[number].replace(b"sante-agent", b"personne")
    changed = rehashed(changed)

    assert verify(changed).finding is None, "the chain alone proves nothing against who can write all of it"
    found = verify(changed, [kept(exported, 15)]).finding
    assert found is not None
    assert (found.code, found.position) == ("checkpoint", 15)


def test_an_account_given_away_in_a_ledger_written_anew_is_found_by_the_checkpoint_only(exported: Lines) -> None:
    changed = rehashed([line.replace(b"\tmin-sante\tadministration\t", b"\tmin-justice\tadministration\t") for line in exported])

    assert verify(changed).finding is None
    found = verify(changed, [kept(exported, ACCOUNTS + ENTRIES)]).finding
    assert found is not None
    assert found.code == "checkpoint"


def test_a_tail_that_was_cut_off_is_found_by_the_checkpoint_only(exported: Lines) -> None:
    whole = entries(exported)
    changed = rehashed([*exported[: whole[-10]], exported[-1]])

    assert verify(changed).finding is None, "what remains is a sound ledger"
    found = verify(changed, [kept(exported, ACCOUNTS + ENTRIES)]).finding
    assert found is not None
    assert (found.code, found.position) == ("cut", ACCOUNTS + ENTRIES)


def test_a_checkpoint_of_the_chain_as_it_was_still_fits_when_it_has_grown(exported: Lines) -> None:
    assert verify(exported, [kept(exported, 5), kept(exported, ACCOUNTS + ENTRIES)]).finding is None


def test_an_export_that_broke_off_is_no_export(exported: Lines) -> None:
    found = verify(exported[:-1]).finding
    assert found is not None
    assert found.code == "format"


def test_units_that_were_never_there_are_named_though_every_hash_fits(exported: Lines) -> None:
    number = entries(exported)[0]
    changed = rehashed([*exported[:number], *exported[number + 1 :]])
    found = verify(changed).finding
    assert found is not None
    assert (found.code, found.entry) == ("overdrawn", 2)
