"""Which form of a page a scraper wants, from its Accept and Accept-Encoding headers.

This module is pure: no clock, no database, no network. Source: RFC 9110, section 12.5.
"""

_OPENMETRICS = (("application/openmetrics-text", ""), ("application/openmetrics-text", "1.0.0"))
_TEXT = (("text/plain", ""), ("text/plain", "0.0.4"))


def wants_openmetrics(accept: str) -> bool:
    """OpenMetrics 1.0 is named, and the older text is not wanted more."""
    ranges = _weighted(accept)
    openmetrics = max((weight for name, version, weight in ranges if (name, version) in _OPENMETRICS), default=0.0)
    text = max((weight for name, version, weight in ranges if (name, version) in _TEXT), default=0.0)
    return openmetrics > 0 and openmetrics >= text


def wants_gzip(accept_encoding: str) -> bool:
    """gzip is named, or anything is welcome, and it is not forbidden."""
    weights = {name: weight for name, _, weight in _weighted(accept_encoding)}
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def _weighted(header: str) -> list[tuple[str, str, float]]:
    """(name, version, weight) of each element; a weight that is no number counts as 0."""
    found = []
    for element in header.split(","):
        name, *parameters = (part.strip() for part in element.split(";"))
        values = {key.strip().lower(): value.strip().strip('"') for key, _, value in (parameter.partition("=") for parameter in parameters)}
        try:
            weight = float(values.get("q", "1"))
        except ValueError:
            weight = 0.0
        found.append((name.lower(), values.get("version", ""), weight))
    return found
