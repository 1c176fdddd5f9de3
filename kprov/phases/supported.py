"""What the cluster file may ask for and this version of kprov cannot make yet: said before anything is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kprov.errors import Problem, SpecError
from kprov.phases import control_plane

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kprov.spec.load import Loaded
    from kprov.spec.model import ClusterSpec

_PLUGINS: Final = ("bridge", "calico", "cilium", "flannel", "weave", "none")
_SOURCES: Final = ("upstream", "packages")
_ENDPOINTS: Final = ("node-local", "external", "single")


def refuse_unsupported(loaded: Loaded) -> None:
    """Refuse a valid cluster file that asks for more than this version makes, or names files that cannot be used.

    Raises:
        SpecError: everything at once, each with its line.
    """
    spec = loaded.spec
    asked: dict[str, tuple[str, tuple[str, ...]]] = {
        "network.plugin": (spec.network.plugin, _PLUGINS),
        "endpoint.mode": (spec.endpoint.mode, _ENDPOINTS),
        "etcd.topology": (spec.etcd.topology, ("stacked",)),
        "bundle.source": (next(filter(_SOURCES.__contains__, spec.bundle.source), spec.bundle.source[0]), _SOURCES),
    }
    if spec.lab is not None:
        asked["lab.provider"] = (spec.lab.provider, ("podman", "docker", "vagrant"))
    problems = [
        Problem(
            str(loaded.paths.file),
            line_of(loaded, key),
            key,
            f"`kprov up` cannot make `{value}` in this version",
            f"{' or '.join(can)}; rendering an inventory works for every value",
        )
        for key, (value, can) in asked.items()
        if value not in can
    ]
    problems += [
        Problem(str(loaded.paths.file), line_of(loaded, key), key, wrong, right) for key, wrong, right in _beyond(spec)
    ]
    for check in (control_plane.own_files, control_plane.key_file):
        try:
            check(loaded)
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(problems)


def _beyond(spec: ClusterSpec) -> Iterator[tuple[str, str, str]]:
    """What is rendered rightly and cannot be brought to machines: the key, what is wrong, what would be right."""
    if spec.kubernetes.patches:
        wrong = "`kprov up` cannot bring patches to control planes in this version"
        yield "kubernetes.patches", wrong, "Remove it; arguments and volumes are told without patches."
    if spec.kubernetes.image_repository and "packages" in spec.bundle.source:
        wrong = "images of the source packages have the names of the release's own registry"
        yield "kubernetes.image_repository", wrong, "Remove it, or use another bundle.source."


def line_of(loaded: Loaded, key: str) -> int:
    """The line of a key in the cluster file, or of the first one below it; 0 where its value is a default."""
    origins = (origin for at, origin in loaded.origins.items() if at == key or at.startswith(f"{key}."))
    return next((int(origin.rpartition(":")[2]) for origin in origins if ":" in origin), 0)
