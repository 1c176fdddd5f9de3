"""`kprov up`, as a list that reads as a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kprov.phases.check_machines import CheckMachines
from kprov.phases.converge import Converge
from kprov.phases.ensure_bundle import EnsureBundle
from kprov.phases.ensure_lab import EnsureLab
from kprov.phases.establish_trust import EstablishTrust
from kprov.phases.fetch_kubeconfig import FetchKubeconfig
from kprov.phases.render_inventory import RenderInventory
from kprov.phases.verify_cluster import VerifyCluster

if TYPE_CHECKING:
    from kprov.phases.base import Phase

UP: tuple[Phase, ...] = (
    EnsureBundle(),
    EnsureLab(),
    EstablishTrust(),
    CheckMachines(),
    RenderInventory(),
    Converge(),
    FetchKubeconfig(),
    VerifyCluster(),
)
