"""Names are deterministic, unique, and within what OpenStack and the engine allow."""

import re

import pytest

from stacks import naming


def test_stack_names_differ_by_region_administration_environment_and_layer():
    names = {
        naming.stack_name(region, administration, environment, layer)
        for region in ("cotonou", "parakou")
        for administration, environment in (("min-sante", "dossier-patient"), ("min", "sante-dossier-patient"))
        for layer in naming.LAYERS
    }

    assert len(names) == 8
    assert "cotonou.min-sante.dossier-patient.tenant" in names
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,100}", name) for name in names)


def test_a_stack_name_that_the_engine_would_refuse_is_refused_here():
    with pytest.raises(ValueError, match="100"):
        naming.stack_name("r" * 60, "a" * 32, "e" * 32, "workload")


def test_tags_are_what_nova_and_neutron_accept():
    metadata = naming.tags("min-sante", "dossier-patient", "R-2026-0042")

    assert naming.tag_list(metadata) == ["dcctl:environment=min-sante.dossier-patient", "dcctl:request=R-2026-0042"]
    assert all(re.fullmatch(r"[A-Za-z0-9 :._-]{1,255}", key) for key in metadata)
    assert all("," not in tag and "/" not in tag and len(tag) <= 255 for tag in naming.tag_list(metadata))
