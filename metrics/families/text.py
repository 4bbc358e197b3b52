"""Families about the text itself: when its figures were read, how many samples it has, who wrote it.

This module is pure: no clock, no database, no network.
"""

from metrics.exposition import Family
from metrics.snapshot import Snapshot


def render_timestamp(snapshot: Snapshot) -> Family:
    """# HELP dcctl_render_timestamp_seconds When the figures of this text were read from the database.
    # TYPE dcctl_render_timestamp_seconds gauge
    dcctl_render_timestamp_seconds 1780000015.0
    """
    return Family(
        name="dcctl_render_timestamp_seconds",
        help="When the figures of this text were read from the database.",
        labels=(),
        samples=[((), snapshot.taken_at.timestamp())],
    )


def series(number: int) -> Family:
    """# HELP dcctl_series Samples of dcctl's own families in this text.
    # TYPE dcctl_series gauge
    dcctl_series 367
    """
    return Family(name="dcctl_series", help="Samples of dcctl's own families in this text.", samples=[((), number)])


def build_info(version: str) -> Family:
    """# HELP dcctl_build_info The version of dcctl that wrote this text.
    # TYPE dcctl_build_info gauge
    dcctl_build_info{version="0.1.0"} 1
    """
    return Family(name="dcctl_build_info", help="The version of dcctl that wrote this text.", labels=("version",), samples=[((version,), 1)])
