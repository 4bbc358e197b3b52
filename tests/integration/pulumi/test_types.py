"""The provider that is built knows the types of the installed SDK under their own names, and all that the stacks use."""

import importlib.resources
import json
import re
from importlib.metadata import version
from pathlib import Path

from stacks import tokens

MODULE = Path(__file__).resolve().parents[3] / "infra" / "pulumi"


def table() -> set[str]:
    """The type tokens of the provider's source."""
    source = (MODULE / "provider" / "main.go").read_text()
    found = re.findall(r'^\s+"openstack_\w+":\s+"([^"]+)",$', source, re.MULTILINE)
    assert len(found) == len(set(found)) > 20
    return {f"openstack:{token}" for token in found}


def installed() -> set[str]:
    """The type tokens that the SDK registers."""
    source = (importlib.resources.files("pulumi_openstack") / "__init__.py").read_text()
    match = re.search(r'resource_modules="""\n(.*?)\n"""', source, re.DOTALL)
    assert match is not None
    return {token for module in json.loads(match[1]) for token in module["classes"]}


def test_every_type_of_the_provider_is_one_of_the_installed_sdk():
    assert table() - installed() == set()


def test_every_type_that_the_stacks_use_is_in_the_provider():
    assert tokens.ALL - table() == set()


def test_the_versions_agree_everywhere():
    install = (MODULE / "install.py").read_text()
    assert f'PROVIDER_VERSION = "{version("pulumi-openstack")}"' in install
    assert f'ENGINE_VERSION = "{version("pulumi")}"' in install
    assert f'var version = "{version("pulumi-openstack")}"' in (MODULE / "provider" / "main.go").read_text()
    assert json.loads((MODULE / "provider" / "schema.json").read_text())["version"] == version("pulumi-openstack")
    assert f"github.com/pulumi/pulumi/pkg/v3 v{version('pulumi')}" in (MODULE / "engine" / "go.mod").read_text()
