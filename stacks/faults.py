"""What can be wrong with a spec: a place, a stable code and the facts; sentences are made of them elsewhere.

This module is pure: no clock, no database, no network.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Path = tuple[str | int, ...]

# Every code with the names of its parameters, all of them always given. `found` is what was written, as text of at most 80
# characters (absent where it could be a secret); everything else says what is allowed.
FAULTS: dict[str, tuple[str, ...]] = {
    "spec.not_a_mapping": ("found", "allowed"),  # allowed: the keys that may stand there
    "spec.not_a_list": ("found", "allowed"),  # allowed: what an element is, as a word: "server", "port", "text", …
    "spec.not_text": ("found", "allowed"),  # allowed: an example
    "spec.not_an_integer": ("found", "minimum", "maximum"),
    "spec.not_a_boolean": ("found", "allowed"),  # allowed: ("true", "false")
    "spec.unknown_key": ("key", "nearest", "allowed"),  # nearest, allowed: tuples of keys, nearest may be empty
    "spec.missing": ("key", "allowed"),  # allowed: an example of a value
    "spec.unsupported_version": ("found", "allowed"),
    "spec.unsupported_kind": ("found", "allowed"),
    "spec.out_of_range": ("found", "minimum", "maximum"),
    "spec.too_short": ("length", "minimum", "maximum"),  # lengths in characters
    "spec.too_long": ("length", "minimum", "maximum"),
    "spec.too_few": ("count", "minimum", "maximum"),  # of the elements of a list or mapping
    "spec.too_many": ("count", "minimum", "maximum"),
    "spec.bad_name": ("found", "allowed", "minimum", "maximum"),  # allowed: the characters, "a-z 0-9 -"; lengths
    "spec.bad_member": ("found", "allowed", "minimum", "maximum"),
    "spec.bad_quota_key": ("found", "allowed"),
    "spec.names_too_long": ("derived", "length", "maximum"),  # the longest server name that would follow in the cloud
    "spec.control_character": ("character", "allowed"),  # character: "U+0007"; allowed: always "printable"
    "spec.secret": ("sort", "allowed"),  # sort: private_key, password, token, password_hash; allowed: always "none"
    "spec.duplicate": ("found", "first", "allowed"),  # first: index of the element that has it already; allowed: "once", or "count" for servers
    "spec.not_a_cidr": ("found", "allowed"),  # allowed: an example
    "spec.cidr_has_host_bits": ("found", "allowed"),  # allowed: the network that was probably meant
    "spec.cidr_not_private": ("found", "allowed"),  # allowed: the private ranges
    "spec.cidr_size": ("found", "minimum", "maximum"),  # prefix lengths
    "spec.network_too_small": ("found", "needed", "available"),  # addresses
    "spec.port_22_open": ("allowed",),  # allowed: how SSH is written, an example
    "spec.bad_protocol": ("found", "allowed"),
    "spec.bad_placement": ("found", "allowed"),
    "spec.bad_ssh_key": ("reason", "allowed"),  # reason: type, encoding, content, weak; allowed: the types of key
    "spec.bad_duration": ("found", "allowed"),  # allowed: examples
    "spec.server_without_network": ("found", "allowed"),
    "spec.floating_ip_without_external": ("found", "allowed"),
    "spec.bad_volume_name": ("found", "allowed"),  # allowed: an example of an own name
    "spec.volume_twice": ("found", "server"),  # the server, or a dash, where it is already
    "spec.named_volume_of_many": ("found", "count"),  # one volume cannot be at several equal servers
}

# Of a change: both specs are well formed, and the difference between them cannot be carried out.
CHANGES: dict[str, tuple[str, ...]] = {
    "spec.change_of_network": ("old", "new"),
    "spec.change_of_image": ("old", "new"),
    "spec.change_of_duration": ("old", "new"),
    "spec.volume_shrinks": ("old", "new"),  # GiB
    "spec.volume_of_other_type": ("old", "new"),
    "spec.change_of_start": ("old", "new"),  # GiB of the boot volume, or a dash
    "spec.change_of_placement": ("old", "new"),
    "spec.nothing_to_keep": ("found",),  # of a new environment: no volume was ever there
    "spec.not_kept": ("found", "allowed"),  # allowed: the volumes that there are
    "spec.volume_at_another": ("found", "server"),  # it moves by two changes: detached and kept first
    "spec.kept_is_counted": ("volumes",),  # beside a quota that is too small: what is kept without a word of it
}

# Not faults: what is allowed but must be pointed out to whoever asks and decides.
NOTICES: dict[str, tuple[str, ...]] = {
    "spec.ssh_open_to_everyone": ("server", "source"),
    "spec.server_without_key": ("server",),  # nobody can log in: no ssh_keys in the spec
    "spec.placed_alone": ("server",),  # of a change: the first server of several is in no group
    "spec.volume_kept": ("volume",),  # of a change: its server goes, or lets go of it
    "spec.volume_returns": ("volume", "server"),  # of a change: what was kept is attached again, or started from
    "spec.keys_for_new_servers": (),  # of a change: servers that exist keep the keys of their first start
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong, or to be pointed out.

    `path` leads to it from the top of the document, as in ("servers", 0, "ports", 1, "from"). For a missing key it ends with
    that key: whoever looks for the line takes the longest part of the path that exists.
    """

    path: Path
    code: str
    params: Mapping[str, object] = field(default_factory=dict)


class SpecFaults(Exception):
    """A document is not a spec; `faults` has everything that is wrong with it, in the order of the document."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(", ".join(f"{'.'.join(map(str, fault.path)) or '.'}: {fault.code}" for fault in faults))
        self.faults = faults
