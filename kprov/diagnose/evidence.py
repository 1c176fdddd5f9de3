"""What a machine says after a failure: logs of kubeadm, the kubelet and the runtime, and a few facts, in one round."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kprov.errors import KprovError
from kprov.ssh.batch import NOT_ASKED, Answer, answers, as_root, script

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.ssh.remote import Remote

LOGS: Final[Mapping[str, str]] = {
    "kubeadm": "/var/log/kprov/kubeadm-*.log",
    "kubelet": "journalctl -u kubelet",
    "containerd": "journalctl -u containerd",
    "proxy": "journalctl -u kprov-api-endpoint",
}
"""Where each log is found on the node, for people."""

QUESTIONS: Final[Mapping[str, str]] = {
    # The youngest log alone: an older one tells of what was mended since.
    "kubeadm": 'f=$(ls -t /var/log/kprov/kubeadm-*.log 2>/dev/null | head -n 1); [ -n "$f" ] && tail -n 150 "$f"',
    "kubelet": "journalctl -u kubelet -n 150 -o cat --no-pager",
    "containerd": "journalctl -u containerd -n 80 -o cat --no-pager",
    "proxy": "journalctl -u kprov-api-endpoint -n 20 -o cat --no-pager",
    "disk": "df -P /var/lib /etc /usr/local /run | awk 'NR > 1 && $5 + 0 >= 98 {print $6, $5}' | sort -u",
    "drivers": "grep -hs cgroupDriver /var/lib/kubelet/config.yaml; grep -s SystemdCgroup /etc/containerd/config.toml",
    "coredns": 'for f in /var/log/pods/kube-system_coredns-*/coredns/*.log; do [ -e "$f" ] && tail -n 20 "$f"; done',
}
TIMEOUT_S = 20.0
_TIMESTAMP = re.compile(r"^(?:[IWEF]\d{4} [\d:.]+ +\d+ [\w./-]+:\d+\] |time=\"[^\"]*\" level=\w+ msg=)")


@dataclass(frozen=True, slots=True)
class Evidence:
    """The words of the task that failed, and the machine's answers by the names of ``QUESTIONS``; both may be empty."""

    message: str
    answers: Mapping[str, Answer] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """One answer, empty where the machine was not asked or the question failed."""
        answer = self.answers.get(name, NOT_ASKED)
        return answer.text if answer.ok else ""

    def lines(self, source: str) -> list[str]:
        """The lines of the message (``task``) or of a log, the newest last."""
        return (self.message if source == "task" else self.text(source)).splitlines()


def collect(remote: Remote, message: str) -> Evidence:
    """Ask the machine once, as root where it can be; a machine that does not answer leaves the message alone."""
    try:
        result = remote.run(as_root(script(QUESTIONS)), timeout_s=TIMEOUT_S)
    except KprovError:
        return Evidence(message)
    return Evidence(message, answers(result.out))


def bare(line: str) -> str:
    r"""A line of a log without its time and place in the source.

    >>> bare('E1128 10:00:00.000001    1234 kubelet.go:2163] Container runtime network not ready')
    'Container runtime network not ready'
    >>> bare('time="2026-11-28T10:00:00Z" level=error msg="no space left on device"')
    '"no space left on device"'
    """
    return _TIMESTAMP.sub("", line.strip())
