"""The resource types of the OpenStack provider that the stacks use, by their tokens in the engine.

This module is pure: no clock, no database, no network.
"""

PROJECT = "openstack:identity/project:Project"
GROUP = "openstack:identity/groupV3:GroupV3"
ROLE_ASSIGNMENT = "openstack:identity/roleAssignment:RoleAssignment"
NETWORK = "openstack:networking/network:Network"
SUBNET = "openstack:networking/subnet:Subnet"
ROUTER = "openstack:networking/router:Router"
ROUTER_INTERFACE = "openstack:networking/routerInterface:RouterInterface"
SECURITY_GROUP = "openstack:networking/secGroup:SecGroup"
SECURITY_GROUP_RULE = "openstack:networking/secGroupRule:SecGroupRule"
PORT = "openstack:networking/port:Port"
SERVER = "openstack:compute/instance:Instance"
SERVER_GROUP = "openstack:compute/serverGroup:ServerGroup"
VOLUME = "openstack:blockstorage/volume:Volume"
VOLUME_ATTACHMENT = "openstack:compute/volumeAttach:VolumeAttach"
FLOATING_IP = "openstack:networking/floatingIp:FloatingIp"
FLOATING_IP_ASSOCIATION = "openstack:networking/floatingIpAssociate:FloatingIpAssociate"

ALL = frozenset(
    {
        PROJECT, GROUP, ROLE_ASSIGNMENT, NETWORK, SUBNET, ROUTER, ROUTER_INTERFACE, SECURITY_GROUP, SECURITY_GROUP_RULE, PORT, SERVER,
        SERVER_GROUP, VOLUME, VOLUME_ATTACHMENT, FLOATING_IP, FLOATING_IP_ASSOCIATION,
    }
)  # fmt: skip

# What groups resources in a stack and makes nothing in the cloud.
COMPONENT_NETWORK = "dcctl:stacks:TenantNetwork"
COMPONENT_SERVERS = "dcctl:stacks:Servers"
STRUCTURE = frozenset({"pulumi:pulumi:Stack", "pulumi:providers:openstack", COMPONENT_NETWORK, COMPONENT_SERVERS})
