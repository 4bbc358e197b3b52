"""The sentence of each fault of a spec: what is wrong at a place, and what is allowed there.

Pure but for the language in use. Codes are those of `stacks.faults` (malformed), `dcctl.speccheck` (misfits), `dcctl.rulebook`
(a policy) and `dcctl.cli.specfile` (YAML).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from dcctl.words import N_, _
from dcctl.words import sentence as worded

SENTENCES: Mapping[str, str] = {
    # -- malformed
    "spec.not_a_mapping": N_("{found} is not a mapping (keys here: {allowed})"),
    "spec.not_a_list": N_("{found} is not a list (each element: {allowed})"),
    "spec.not_text": N_("{found} is not text (for example: {allowed})"),
    "spec.not_an_integer": N_("{found} is not a whole number (allowed: {minimum} to {maximum})"),
    "spec.not_a_boolean": N_("{found} is neither true nor false"),
    "spec.unknown_key": N_("the key {key} is not known{nearest} (allowed: {allowed})"),
    "spec.missing": N_("{key} is missing (for example: {key}: {allowed})"),
    "spec.unsupported_version": N_("the version {found} is not known (allowed: {allowed})"),
    "spec.unsupported_kind": N_("the kind {found} is not known (allowed: {allowed})"),
    "spec.out_of_range": N_("{found} is out of range (allowed: {minimum} to {maximum})"),
    "spec.too_short": N_("the text has {length} characters (allowed: {minimum} to {maximum})"),
    "spec.too_long": N_("the text has {length} characters (allowed: {minimum} to {maximum})"),
    "spec.too_few": N_("there are {count} elements (allowed: {minimum} to {maximum})"),
    "spec.too_many": N_("there are {count} elements (allowed: {minimum} to {maximum})"),
    "spec.bad_name": N_("{found} cannot be a name (allowed: {allowed}; {minimum} to {maximum} characters)"),
    "spec.bad_member": N_("{found} cannot be a user's name (allowed: {allowed}; {minimum} to {maximum} characters)"),
    "spec.bad_quota_key": N_("{found} cannot be a resource (for example: {allowed})"),
    "spec.names_too_long": N_("the server's name would be {derived}, {length} characters (at most {maximum}): shorten the server's name"),
    "spec.control_character": N_("the character {character} is not allowed here (allowed: {allowed})"),
    "spec.secret": N_("this looks like a secret ({sort}); a spec is read by many (allowed: {allowed})"),
    "spec.duplicate": N_("{found} stands there already, as element {first} (allowed: {allowed})"),
    "spec.not_a_cidr": N_("{found} is not a network (for example: {allowed})"),
    "spec.cidr_has_host_bits": N_("{found} is an address in a network; perhaps {allowed} is meant"),
    "spec.cidr_not_private": N_("{found} is not a private range (allowed: {allowed})"),
    "spec.cidr_size": N_("the prefix of {found} is out of range (allowed: /{minimum} to /{maximum})"),
    "spec.network_too_small": N_("{found} has room for {available} servers, {needed} are wanted (allowed: a larger network)"),
    "spec.port_22_open": N_("SSH from everywhere must be written out (allowed: {allowed})"),
    "spec.bad_protocol": N_("{found} is not a protocol (allowed: {allowed})"),
    "spec.bad_placement": N_("{found} is not a way to place servers (allowed: {allowed})"),
    "spec.bad_ssh_key": N_("this is no usable public SSH key: {reason} (allowed: {allowed})"),
    "spec.bad_duration": N_("{found} is not a duration (for example: {allowed})"),
    "spec.server_without_network": N_("the server {found} has no network (write: {allowed})"),
    "spec.floating_ip_without_external": N_("the server {found} wants a public address, but the network leads nowhere (write: {allowed})"),
    # -- misfits
    "spec.unknown_offer": N_("there is no offer {offer}{nearest} (allowed: {allowed})"),
    "spec.unknown_flavor": N_("there is no flavor {flavor}{nearest} (allowed: {allowed})"),
    "spec.unknown_image": N_("there is no image {image}{nearest} (allowed: {allowed})"),
    "spec.unknown_network": N_("there is no external network {network}{nearest} (allowed: {allowed})"),
    "spec.unknown_volume_type": N_("there is no volume type {volume_type}{nearest} (allowed: {allowed})"),
    "spec.unknown_resource": N_("there is no resource {resource}{nearest} (allowed: {allowed})"),
    "spec.unknown_member": N_("there is no user {member}{nearest}"),
    "spec.quota_missing": N_("{resource} is missing in the quota: the servers, volumes and addresses need {needed} (allowed: at least {needed})"),
    "spec.does_not_fit": N_("{resource}: {needed} are needed, the quota says {quota} (allowed: at least {needed})"),
    "spec.beyond_offer": N_("{resource}: {asked} is more than the offer allows (at most {most})"),
    "spec.duration_too_long": N_("{asked} is longer than the offer allows (at most {most})"),
    # -- volumes
    "spec.bad_volume_name": N_("{found} is no name of a volume (such as {allowed}: server, number, place)"),
    "spec.volume_twice": N_("the volume {found} is named already ({server})"),
    "spec.named_volume_of_many": N_("the volume {found} cannot be at {count} servers (allowed: count 1)"),
    # -- a change
    "spec.change_of_network": N_("the network stays {old}, not {new}: servers have their addresses in it (ask for another environment)"),
    "spec.change_of_image": N_("servers that exist stay with {old}, not {new} (give servers of the new image a name of their own)"),
    "spec.change_of_duration": N_("the duration stays {old} in a change, not {new} (a later end: dcctl request extend)"),
    "spec.volume_shrinks": N_("a volume of {old} GiB cannot become one of {new} GiB (allowed: at least {old})"),
    "spec.volume_of_other_type": N_("a volume of the type {old} cannot become one of the type {new} (add another volume)"),
    "spec.change_of_start": N_("servers that exist start from what they were made with ({old}, not {new}); give others a name of their own"),
    "spec.change_of_placement": N_("servers that exist stay where they are ({old}, not {new}); give others a name of their own"),
    "spec.nothing_to_keep": N_("{found}: a new environment has no volumes from before (leave kept_volumes out, and name none)"),
    "spec.not_kept": N_("there is no volume {found} in this environment (there are: {allowed})"),
    "spec.volume_at_another": N_("the volume {found} is at {server}: first take it away there, which keeps it, then attach it by another change"),
    "spec.kept_is_counted": N_(
        "the quota must have room for what is kept when its server goes: {volumes} (or name in kept_volumes what stays: [] gives all back)"
    ),
    # -- to be noted
    "spec.volume_kept": N_("to be noted: the volume {volume} is kept without a server, and counted; kept_volumes says what stays"),
    "spec.ssh_open_to_everyone": N_("to be noted: SSH of the server {server} is open to {source}"),
    "spec.server_without_key": N_("to be noted: nobody can log in to the server {server}, for there are no ssh_keys"),
    "spec.volume_returns": N_("to be noted: {server} has the kept volume {volume}, with what is on it"),
    "spec.placed_alone": N_("to be noted: {server} exists already and may share its machine with those that are added"),
    "spec.keys_for_new_servers": N_("to be noted: the ssh_keys are those of new servers; servers that exist keep theirs"),
    # -- a file of envelopes
    "opening.unknown_administration": N_("there is no administration {found}{nearest}"),
    "opening.unknown_resource": N_("{found} is not a resource{nearest} (allowed: {allowed})"),
    "opening.not_an_amount": N_("{found} is not an amount (allowed: whole numbers in the resource's own unit, at most {maximum})"),
    "opening.empty": N_("nothing is granted to {administration} here"),
    "opening.duplicate": N_("{administration} is granted {resource} in line {first} already"),
    "opening.too_many_cells": N_("there are {count} cells (the heading has {maximum})"),
    "opening.not_csv": N_("this is not CSV: {problem}"),
    "opening.alias": N_("references (*name) are not allowed in a file of envelopes"),
    # -- an offer
    "offer.not_counted": N_("{found} is not counted, so it is no quota (allowed: {allowed})"),
    "offer.counted": N_("{found} is counted, so it belongs to the quota"),
    "offer.one_duration": N_("exactly one of duration_days and duration_months must be there"),
    "offer.not_a": N_("{found} is not {allowed}"),
    # -- a policy of decisions
    "policy.unknown_value": N_("{found} is not known here{nearest} (allowed: {allowed})"),
    "policy.no_last_rule": N_("the last rule ({name}) fits not every request (allowed: a last rule without when)"),
    "policy.never_reached": N_("the rule {name} fits every request, so the {count} after it never count (allowed: only the last rule without when)"),
    "policy.unbounded": N_("the rule {name} needs nobody, so it must say of what, and how much at most (missing: {missing})"),
    "policy.not_rising": N_("{found} are not rising days before the request lapses (allowed: rising, below {lapse})"),
    # -- YAML
    "yaml.syntax": N_("this is not YAML: {problem}"),
    "yaml.duplicate_key": N_("the key {key} stands there already, in line {first}"),
    "yaml.too_deep": N_("this is nested too deeply (at most {maximum} levels)"),
    "yaml.too_large": N_("this has too many parts (at most {maximum})"),
}  # fmt: skip

#: Words that stacks uses as values of parameters.
VALUES = {
    "server": N_("a server"), "port": N_("a port"), "text": N_("a text"), "volume": N_("a volume"), "private_key": N_("private key"),
    "password": N_("password"), "token": N_("token"), "password_hash": N_("password hash"), "type": N_("its type"), "encoding": N_("its encoding"),
    "content": N_("its content"), "weak": N_("it is too weak"),
}  # fmt: skip
WORDED = {"spec.not_a_list": ("allowed",), "spec.secret": ("sort",), "spec.bad_ssh_key": ("reason",)}
#: Where a list of names is longer, only so many are shown.
MOST_NAMES = 16


def sentence(code: str, params: Mapping[str, Any]) -> str:
    """The fault in words; a code that is not known (a newer server) is shown as it is, with its parameters."""
    if code not in SENTENCES:
        return f"{code} {dict(params)}" if params else code
    shown = {key: _listed(value) for key, value in params.items()}
    for key in WORDED.get(code, ()):
        shown[key] = _(VALUES.get(str(params.get(key)), str(params.get(key))))
    if "nearest" in params:
        nearest = params["nearest"]
        names = [nearest] if isinstance(nearest, str) else list(nearest or ())
        shown["nearest"] = worded(N_("; perhaps {names}?"), {"names": ", ".join(map(str, names))}) if names else ""
    if code == "yaml.syntax":
        shown["problem"] = _(str(params.get("problem")))
    return worded(SENTENCES[code], shown)


def _listed(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        names = [str(name) for name in value]
        return ", ".join(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "") if names else _("nothing")
    return value


def dotted(path: Sequence[str | int]) -> str:
    """`servers[0].flavor`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text
