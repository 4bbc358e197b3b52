"""How people in the datacenter call what labels say in code. This module is pure.

Grafana writes a label's value as it is; a panel that shows one has these words over it, in columns and in legends. A test asks that every value
that dcctl can tell has a word.
"""

from collections.abc import Mapping
from typing import Any

#: Label -> value -> words. One value means the same wherever it stands: a request that failed, an operation that failed.
WORDS: Mapping[str, Mapping[str, str]] = {
    "state": {
        # of requests
        "submitted": "déposée, pas encore examinée", "in_review": "en examen", "returned": "renvoyée", "proposed": "moins proposé",
        "approved": "approuvée", "refused": "refusée", "withdrawn": "retirée", "lapsed": "périmée", "fulfilling": "en construction",
        "fulfilled": "fournie", "failed": "en échec", "abandoned": "abandonnée",
        # of operations
        "queued": "en attente", "running": "en cours", "succeeded": "réussie", "cancelled": "annulée",
        # of limits
        "in_sync": "appliquée", "ineffective": "acceptée, mais pas appliquée", "blocked_by_usage": "bloquée par l'usage",
        "unsupported": "inconnue du service",
        # of discrepancies
        "open": "ouvert", "explained": "expliqué", "waived": "toléré", "resolved": "réglé",
    },
    "kind": {
        # of requests and acts
        "environment": "environnement", "change": "modification", "extension": "prolongation", "repair": "réparation", "envelope": "rallonge",
        "decommission": "restitution", "declare": "capacité déclarée", "retract": "capacité retirée", "grant": "enveloppe accordée",
        "revoke": "enveloppe reprise", "import": "importation", "correct": "correction", "move": "déplacement",
        # of operations
        "fulfil": "construction", "abandon": "abandon", "undo": "retour en arrière", "rebuild": "reconstruction",
        # of discrepancies
        "limit_mismatch": "limite différente du registre", "ineffective_write": "limite acceptée, mais pas appliquée",
        "usage_over_limit": "usage au-delà de la limite", "orphan_project": "projet sans environnement", "unowned_usage": "usage sans attribution",
        "foreign_resource": "élément étranger au plan", "missing_resource": "élément disparu", "stale_source": "source muette",
        "capacity_overpromised": "capacité trop promise", "default_quota_not_zero": "quota par défaut non nul", "drift": "dérive",
    },
    "verdict": {"approve": "approuver", "refuse": "refuser", "return": "renvoyer"},
    "resource": {
        "instances": "serveurs", "cores": "cœurs", "ram": "mémoire", "volumes": "volumes", "gigabytes": "stockage", "networks": "réseaux",
        "routers": "routeurs", "floatingips": "adresses flottantes", "ports": "ports", "security_groups": "groupes de sécurité",
        "snapshots": "instantanés",
    },
    "source": {
        "keystone": "Keystone", "compute": "Nova", "block-storage": "Cinder", "network": "Neutron", "catalogue": "catalogue",
        "default-quotas": "quotas par défaut",
    },
}  # fmt: skip

#: What each volume type adds is named after it, whatever a site calls its types: prefix -> words before the type's name.
OF_TYPES = {"gigabytes_": "stockage ", "volumes_": "volumes ", "snapshots_": "instantanés "}


def in_french(label: str, value: str) -> str | None:
    """The words for a label's value; None where there are none, as for names that people gave."""
    for prefix, words in OF_TYPES.items() if label == "resource" else ():
        if value.startswith(prefix):
            return words + value.removeprefix(prefix)
    return WORDS.get(label, {}).get(value)


def in_a_column(heading: str, label: str) -> dict[str, Any] | None:
    """An override that writes words over the values of a table's column."""
    if label not in WORDS:
        return None
    values = {value: {"text": words, "index": place} for place, (value, words) in enumerate(WORDS[label].items())}
    mappings: list[dict[str, Any]] = [{"type": "value", "options": values}]
    if label == "resource":
        mappings += [
            {"type": "regex", "options": {"pattern": f"^{prefix}(.*)$", "result": {"text": f"{words}$1", "index": len(values) + place}}}
            for place, (prefix, words) in enumerate(OF_TYPES.items())
        ]
    return {"matcher": {"id": "byName", "options": heading}, "properties": [{"id": "mappings", "value": mappings}]}


def in_a_legend(label: str) -> list[dict[str, Any]]:
    """Overrides that give a series named by a label's value the words for it."""
    return [
        {"matcher": {"id": "byName", "options": value}, "properties": [{"id": "displayName", "value": words}]}
        for value, words in WORDS.get(label, {}).items()
        if value != words
    ]


def renamed_types() -> list[dict[str, Any]]:
    """Transformations that do the same for what volume types add, of which nobody knows the names beforehand."""
    return [{"id": "renameByRegex", "options": {"regex": f"^{prefix}(.*)$", "renamePattern": f"{words}$1"}} for prefix, words in OF_TYPES.items()]
