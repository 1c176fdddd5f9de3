"""Where things lie beside a cluster file. One place, so that a person can guess every path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ClusterPaths:
    """The files of one cluster: ``file`` is written by a person, everything else is rendered or fetched."""

    file: Path

    @property
    def home(self) -> Path:
        """The folder of the cluster file: ``hosts.ini``, ``group_vars/`` and ``host_vars/`` are rendered into it."""
        return self.file.parent

    @property
    def inventory(self) -> Path:
        """The rendered Ansible inventory."""
        return self.home / "hosts.ini"

    @property
    def vagrant(self) -> Path:
        """The machines as the Vagrantfile reads them, where Vagrant makes them."""
        return self.home / "vagrant.json"

    @property
    def artifacts(self) -> Path:
        """Keys, kubeconfig, lock and runs; mode 0700."""
        return self.home / "artifacts"

    @property
    def key(self) -> Path:
        """The cluster's own SSH key, used where the cluster file names none."""
        return self.artifacts / "ssh" / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """The pinned host keys."""
        return self.artifacts / "ssh" / "known_hosts"

    @property
    def ssh_config(self) -> Path:
        """An OpenSSH configuration with every node: ``ssh -F … m1``; used by Ansible, testinfra and people."""
        return self.artifacts / "ssh" / "config"

    @property
    def kubeconfig(self) -> Path:
        """The admin kubeconfig; mode 0600."""
        return self.artifacts / "kubeconfig"

    @property
    def kubectl(self) -> Path:
        """The kubectl of the cluster's version, for this machine."""
        return self.artifacts / "kubectl"

    @property
    def lock(self) -> Path:
        """What the cluster is made of: names, versions, sources, sha256."""
        return self.artifacts / "bundle.lock.yaml"

    @property
    def manifests(self) -> Path:
        """The objects of each add-on as they are applied, one file each."""
        return self.artifacts / "manifests"

    @property
    def owner(self) -> Path:
        """The name of the cluster whose artifacts these are."""
        return self.artifacts / "cluster"

    @property
    def runs(self) -> Path:
        """One folder per run, named by its time, with ``events.jsonl`` and the logs."""
        return self.artifacts / "runs"
