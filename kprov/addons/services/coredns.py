"""CoreDNS, which kubeadm installs, with the settings of the cluster file: only what is tuned is applied.

The Corefile is kubeadm's own (cmd/kubeadm/app/phases/addons/dns/manifests.go, 1.20 and 1.36) with servers and names of
the cluster file put in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kprov.addons.documents import mapping
from kprov.addons.finish import finished
from kprov.addons.model import KEEP
from kprov.addons.shapes import thing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.addons.model import Chart, Document, OpenPort, SecretFile, Upstream
    from kprov.spec.addons import CoreDns as Settings

_COREFILE = """\
.:53 {{
    errors
    health {{
       lameduck 5s
    }}
    ready
    kubernetes {domain} in-addr.arpa ip6.arpa {{
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }}
    prometheus :9153
{hosts}    forward . {upstream} {{
       max_concurrent 1000
    }}
    cache 30
    loop
    reload
    loadbalance
}}
"""


@dataclass(frozen=True, slots=True)
class CoreDns:
    """The number of its pods, the servers that it asks, names of the user's own. It takes its settings up by itself."""

    settings: Settings
    domain: str
    name: str = "coredns"
    version: str = ""
    upstream: tuple[Upstream, ...] = ()
    local: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    kernel: tuple[str, ...] = ()
    kernel_optional: tuple[str, ...] = ()
    ports: tuple[OpenPort, ...] = ()
    notes: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
    secrets: tuple[SecretFile, ...] = ()

    def objects(self, files: Mapping[str, bytes]) -> tuple[Document, ...]:  # noqa: ARG002 - see Addon
        """Its configuration, and of its Deployment the number of replicas alone; both stay when this is disabled."""
        configuration = thing("v1", "ConfigMap", "coredns", "kube-system", {"data": {"Corefile": self._corefile()}})
        replicas: Document = {"spec": {"replicas": self.settings.replicas}}
        deployment = thing("apps/v1", "Deployment", "coredns", "kube-system", replicas)
        for document in (configuration, deployment):
            mapping(document, "metadata")["annotations"] = {KEEP: "true"}
        return finished((configuration, deployment), self.name)

    def _corefile(self) -> str:
        lines = [f"       {address} {' '.join(names)}\n" for address, names in self.settings.hosts.items()]
        hosts = f"    hosts {{\n{''.join(lines)}       fallthrough\n    }}\n" if lines else ""
        upstream = " ".join(map(str, self.settings.upstream)) or "/etc/resolv.conf"
        return _COREFILE.format(domain=self.domain, hosts=hosts, upstream=upstream)
