"""Every check of an installation, one after another."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from actions.diagnosis import Finding, Grade
from peerage.diagnosis.cluster import examine_cluster
from peerage.diagnosis.databases import examine_backup, examine_databases
from peerage.diagnosis.examined import Examined
from peerage.diagnosis.folder import (
    examine_cache,
    examine_clock,
    examine_file_system,
    examine_folder,
    examine_room,
)
from peerage.diagnosis.mail import examine_mail
from peerage.diagnosis.network import examine_ports, examine_public_url
from peerage.diagnosis.settings import examine_programs, examine_settings
from peerage.diagnosis.system import (
    examine_conntrack,
    examine_descriptors,
    examine_memory,
    examine_udp,
)

CHECKS: Mapping[str, Callable[[Examined], Iterable[Finding]]] = MappingProxyType(
    {
        "settings": examine_settings,
        "programs": examine_programs,
        "data folder": examine_folder,
        "space": examine_room,
        "cache": examine_cache,
        "file system": examine_file_system,
        "databases": examine_databases,
        "backup": examine_backup,
        "cluster": examine_cluster,
        "memory": examine_memory,
        "open files": examine_descriptors,
        "UDP": examine_udp,
        "conntrack": examine_conntrack,
        "clock": examine_clock,
        "ports": examine_ports,
        "public_url": examine_public_url,
        "mail": examine_mail,
    }
)


def examine(examined: Examined) -> list[Finding]:
    """Return what every check finds; one that the system does not let look is a finding as well."""
    found: list[Finding] = []
    for subject, check in CHECKS.items():
        try:
            found += check(examined)
        except OSError as error:
            remedy = "Run this as the user of the service, or as root."
            where = f"{error.filename}: " if error.filename else ""
            found.append(
                Finding(subject, Grade.WARNING, f"could not be looked at: {where}{error.strerror}", remedy)
            )
    return found
