"""MetalLB: addresses of the nodes' own network for services of the type LoadBalancer, announced by ARP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kprov.addons.catalog import Catalogued
from kprov.addons.documents import parse
from kprov.addons.finish import finished, without_nulls
from kprov.addons.shapes import thing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.addons.model import Document

_SPACE: Final = "metallb-system"
_API: Final = "metallb.io/v1beta1"
_POOL: Final = "kprov"


@dataclass(frozen=True, slots=True)
class MetalLb(Catalogued):
    """MetalLB in its native mode, with one pool of the cluster file's addresses."""

    addresses: tuple[str, ...]

    def objects(self, files: Mapping[str, bytes]) -> tuple[Document, ...]:
        """The manifest, and last the pool and its announcement: only MetalLB's own webhook lets them in."""
        (source,) = self.upstream
        documents = tuple(map(without_nulls, parse(files[source.url], source.url)))
        pool = thing(_API, "IPAddressPool", _POOL, _SPACE, {"spec": {"addresses": list(self.addresses)}})
        announced = thing(_API, "L2Advertisement", _POOL, _SPACE, {"spec": {"ipAddressPools": [_POOL]}})
        return finished((*documents, pool, announced), self.name, self.edition.images)
