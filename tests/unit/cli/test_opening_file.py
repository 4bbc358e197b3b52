"""The documented file of envelopes is one."""

from pathlib import Path

from dcctl.cli import openingfile
from quotas.resources import validate_amounts


def test_the_documented_file_has_no_fault() -> None:
    envelopes = openingfile.read(str(Path(__file__).parents[3] / "docs" / "envelopes.yaml")).document

    assert [line["administration"] for line in envelopes] == ["min-sante", "min-justice"]
    assert all(validate_amounts(line["resources"]).faults == () for line in envelopes)


def test_a_number_in_quotes_or_with_a_leading_zero_is_no_amount(tmp_path: Path) -> None:
    file = tmp_path / "envelopes.yaml"
    file.write_text(
        'apiVersion: dcctl/v1\nkind: Envelopes\nenvelopes:\n- {administration: anpc, resources: {cores: "8", ram: 010, volumes: 1_0, routers: 7}}\n'
    )

    assert openingfile.read(str(file)).document[0]["resources"] == {"cores": "8", "ram": "010", "volumes": "1_0", "routers": 7}
