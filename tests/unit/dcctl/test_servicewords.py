"""The services' commonest refusals in plain words."""

import pytest

from dcctl import servicewords, words


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Quota exceeded for resources: ['floatingip'].", "la limite du projet ('floatingip') est atteinte"),
        (
            "Quota exceeded for instances: Requested 1, but already used 0 of 0 instances",
            "la limite du projet (instances) est atteinte\N{NO-BREAK SPACE}: 1 de plus demandé, 0 sur 0 utilisé",
        ),
        ("No valid host was found. There are not enough hosts available.", "aucun hôte du centre n’a de place pour ce serveur"),
        ("No more IP addresses available on network 6f.", "le réseau n’a plus d’adresse libre"),
        ("no role member", "Keystone n’a pas le rôle member"),
        ("the list lacks project 6f", "la liste des projets n’est pas entière"),
        ("the list is empty", "aucun hyperviseur n’est dans la liste"),
        ("Quelque chose d'inconnu", ""),
    ],
)
def test_what_a_service_refuses_with_is_said_in_the_readers_language(said: str, meant: str) -> None:
    words.use("fr")
    try:
        assert servicewords.meaning(said).startswith(meant)
        assert bool(servicewords.meaning(said)) == bool(meant)
    finally:
        words.use("en")
