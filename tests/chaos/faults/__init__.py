# SPDX-License-Identifier: MIT
"""Every fault by its name."""
from . import clients, failover, gateways, keys, links, publishers, redis, upgrade


def all_faults():
    found = {}
    for module in (redis, keys, links, failover, gateways, publishers, upgrade,
                   clients):
        for fault in module.FAULTS:
            assert fault.name not in found, fault.name
            found[fault.name] = fault
    return found
