"""What the collector's application credential may ask: GET, on the lists that it reads, and nothing else.

This module is pure: no clock, no database, no network.

A rule's path is what the service sees of the address: `*` is one segment, `**` any number (keystonemiddleware.auth_token), and a service may be
installed below a prefix of its own. A test has the real services refuse everything else, and reads everything that is read with these.
"""

from collections.abc import Mapping

#: Service -> version in its paths, and what is read below it. The quotas are the second count of lists that became short.
READS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "identity": ("v3", ("domains", "projects", "projects/*", "limits")),
    "compute": ("v2.1", ("servers/detail", "os-services", "os-simple-tenant-usage", "os-quota-sets/*/detail")),
    "block-storage": ("v3", ("types", "volumes/detail", "snapshots/detail", "os-quota-sets/*")),
    "network": ("v2.0", ("networks", "routers", "floatingips", "ports", "security-groups", "quotas", "quotas/*/default", "quotas/*/details")),
}

Rule = tuple[str, str, str]


def rules() -> list[Rule]:
    """(service, method, path) of each; a service's version document is one of them, where the client looks for it."""
    found: list[Rule] = []
    for service, (version, paths) in READS.items():
        roots = ["/", f"/{version}", f"/{version}/", f"/**/{version}", f"/**/{version}/"]
        # Cinder's addresses may have the caller's project after the version.
        below = [f"{prefix}/{path}" for path in paths for prefix in (f"/{version}", f"/**/{version}")]
        if service == "block-storage":
            below += [f"{prefix}/*/{path}" for path in paths for prefix in (f"/{version}", f"/**/{version}")]
        found += [(service, "GET", path) for path in (*roots, *below)]
    return found
