"""How images that add-ons ask for are made of what can be had: one entry for each image, nothing made unasked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from kprov.bundle.packages.gomodules import GoProgram
from kprov.bundle.packages.pypi import PythonProgram

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Base: TypeAlias = Literal["network", "probe", "python"]
"""A layer of Debian's: kube-proxy's tools, busybox, the interpreter."""

# The first Go that both programs accept which ask for a newer one than Debian's.
_GO = "go1.26.8"


@dataclass(frozen=True, slots=True)
class Recipe:
    """An image: layers of Debian's below, its program above. ``addon`` names the archive that it shares with others.

    ``command`` is what it starts: the path of its program, and arguments.
    """

    addon: str
    reference: str
    bases: tuple[Base, ...]
    program: GoProgram | PythonProgram
    command: tuple[str, ...]


RECIPES: tuple[Recipe, ...] = (
    Recipe(
        addon="flannel",
        reference="quay.io/coreos/flannel:v0.15.1",
        bases=("network", "probe"),
        program=GoProgram(
            name="flanneld",
            module="github.com/flannel-io/flannel",
            version="v0.15.1",
            package=".",
            toolchain="",
            stamp="github.com/flannel-io/flannel/version.Version",
            # Its backend for UDP, which nobody chooses any more, is in C on amd64.
            cgo=True,
        ),
        command=("/opt/bin/flanneld",),
    ),
    # Version 1.0.0 of the plugin is what left this module after its 0.9.1; the same protocol, the same configuration.
    Recipe(
        addon="flannel",
        reference="docker.io/rancher/mirrored-flannelcni-flannel-cni-plugin:v1.0.0",
        bases=("probe",),
        program=GoProgram(
            name="flannel",
            module="github.com/containernetworking/plugins",
            version="v0.9.1",
            package="./plugins/meta/flannel",
            toolchain="",
            stamp="github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion",
        ),
        command=("/flannel",),
    ),
    Recipe(
        addon="metrics-server",
        reference="registry.k8s.io/metrics-server/metrics-server:v0.9.0",
        bases=(),
        program=GoProgram(
            name="metrics-server",
            module="sigs.k8s.io/metrics-server",
            version="v0.9.0",
            package="./cmd/metrics-server",
            toolchain=_GO,
            stamp="k8s.io/client-go/pkg/version.gitVersion",
        ),
        command=("/metrics-server",),
    ),
    Recipe(
        addon="local-path-provisioner",
        reference="docker.io/rancher/local-path-provisioner:v0.0.30",
        bases=("probe",),
        program=GoProgram(
            name="local-path-provisioner",
            module="github.com/rancher/local-path-provisioner",
            version="v0.0.30",
            package=".",
            toolchain=_GO,
            stamp="main.VERSION",
        ),
        command=("/usr/bin/local-path-provisioner",),
    ),
    Recipe(
        addon="kube-web-view",
        reference="kprov.local/kube-web-view:21.2.0",
        bases=("python",),
        # Its Jinja2 uses a function that MarkupSafe 2.1 took away.
        program=PythonProgram("kube-web-view", "21.2.0", ("markupsafe<2.1",)),
        command=("/usr/bin/python3", "-m", "kube_web"),
    ),
)


def asked_for(images: Sequence[str], recipes: Sequence[Recipe] = RECIPES) -> Mapping[str, tuple[Recipe, ...]]:
    """The recipes of these images by add-on; an image without a recipe is passed over.

    >>> [len(found) for found in asked_for(["quay.io/coreos/flannel:v0.15.1", "docker.io/library/nginx:1"]).values()]
    [1]
    """
    wanted = [recipe for recipe in recipes if recipe.reference in images]
    addons = dict.fromkeys(recipe.addon for recipe in wanted)
    return {addon: tuple(recipe for recipe in wanted if recipe.addon == addon) for addon in addons}


def steps(recipes: Sequence[Recipe]) -> int:
    """How many parts an add-on's archive is made of, itself counted."""
    return 1 + len(recipes) + sum("python" in recipe.bases for recipe in recipes)
