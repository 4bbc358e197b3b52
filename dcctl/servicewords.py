"""What OpenStack's services say most when they refuse, in the reader's language; their own words stay beside it.

This module is pure. The patterns are the services' own messages (nova, neutron and cinder of 2025 and 2026); what is not known is shown as it came.
"""

import re

from dcctl.words import N_, sentence

#: Pattern of a service's message -> what it means; groups of the pattern are the sentence's placeholders.
MEANINGS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), meaning)
    for pattern, meaning in (
        (r"Quota exceeded for resources: \[(?P<resources>[^\]]{1,200})\]", N_("the project's limit of {resources} is reached")),
        (r"Quota exceeded for (?P<resource>\w{1,40}): Requested (?P<asked>\d+), but already used (?P<used>\d+) of (?P<limit>\d+)",
         N_("the project's limit of {resource} is reached: {asked} more asked, {used} of {limit} in use")),
        (r"VolumeSizeExceedsAvailableQuota|exceeds allowed gigabytes quota", N_("the project's limit of gigabytes is reached")),
        (r"VolumeLimitExceeded|Maximum number of volumes allowed", N_("the project's limit of volumes is reached")),
        (r"No valid host was found", N_("no host of the datacenter has room for this server, or none is of the kind that it asks for")),
        (r"No more IP addresses available", N_("the network has no free address left")),
        (r"Image .{0,80} could not be found", N_("the image is not there any more")),
        (r"Flavor .{0,80} could not be found", N_("the flavor is not there any more")),
        (r"Exceeded maximum number of retries", N_("several hosts tried to start this server, and none could")),
        (r"is already in use|AlreadyInUse|IpAddressAlreadyAllocated", N_("the address is taken already")),
        (r"Router already has a port on subnet|RouterInterfaceInUse", N_("the router is already connected to this subnet")),
        (r"^no role (?P<role>\S{1,60})$", N_("Keystone has no role {role}")),
        (r"^the list lacks project", N_("the list of projects is not whole")),
        (r"^the list is empty$", N_("no hypervisor is in the list")),
        (r"(?i)connection refused|no route to host|i/o timeout", N_("the service does not answer")),
    )
)  # fmt: skip


def meaning(words: str) -> str:
    """What a service's words mean, in the reader's language; empty when they are not known."""
    for pattern, text in MEANINGS:
        if found := pattern.search(words):
            return sentence(text, found.groupdict())
    return ""
