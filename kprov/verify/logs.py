"""The last words of containers that crash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kprov.verify.pods import troubles
from kprov.verify.questions import KUBECTL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.verify.asking import Ask
    from kprov.verify.pods import Trouble
    from kprov.verify.view import View

_LINES: Final = 5
_GONE: Final = "unable to retrieve container logs"
"""What the kubelet sends in place of a log that is not there any more (pkg/kubelet/kuberuntime)."""
_MOST: Final = 8
"""What ails so many ails the others too."""


def ask_logs(ask: Ask, view: View) -> Mapping[str, str]:
    """The last lines of each container that crashes, by ``log_key``; of its last run, or this one."""
    pods = (*view.system_pods.values(), *view.other_pods)
    crashed = [each for pod in pods for each in troubles(pod, view.now) if each.crashed][:_MOST]
    questions = {f"log.{number}": _command(each) for number, each in enumerate(crashed)}
    found = ask(questions) if questions else {}
    return {log_key(each): found[f"log.{number}"].text for number, each in enumerate(crashed)}


def log_key(trouble: Trouble) -> str:
    """What a container's log is filed under."""
    return f"{trouble.namespace}/{trouble.pod}/{trouble.container}"


def _command(trouble: Trouble) -> str:
    log = f"{KUBECTL} -n {trouble.namespace} logs {trouble.pod} -c {trouble.container} --tail={_LINES}"
    return f'l=$({log} --previous 2>/dev/null); case $l in ""|"{_GONE}"*) {log};; *) echo "$l";; esac'
