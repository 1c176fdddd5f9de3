"""Forget what belonged to machines that are gone."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from kprov.inventory.model import HEADER
from kprov.ssh import config

if TYPE_CHECKING:
    from pathlib import Path

    from kprov.spec.paths import ClusterPaths


def forget(paths: ClusterPaths) -> None:
    """Hang up, and remove keys, kubeconfig, lock and the rendered inventory; journals and what a person wrote stay."""
    config.hang_up(paths.known_hosts)
    shutil.rmtree(paths.artifacts / "ssh", ignore_errors=True)
    for path in (paths.kubeconfig, paths.kubectl, paths.lock, paths.owner, paths.artifacts / "lock"):
        path.unlink(missing_ok=True)
    for path in (
        paths.inventory,
        paths.vagrant,
        paths.home / "group_vars" / "all.yml",
        *(paths.home / "host_vars").glob("*.yml"),
    ):
        if _rendered(path):
            path.unlink()
    for folder in (paths.home / "group_vars", paths.home / "host_vars"):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _rendered(path: Path) -> bool:
    return path.is_file() and HEADER in path.read_text(encoding="utf-8", errors="replace")[:256]
