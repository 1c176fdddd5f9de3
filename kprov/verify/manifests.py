"""The objects of the probe: a namespace, one pod per node, one service in front of them.

Each pod answers HTTP with the name of its node, so that an answer proves who gave it.
"""

from __future__ import annotations

from typing import Final

IMAGE: Final = "kprov.local/probe:1"
"""busybox; the bundle brings it to every node, so it is never pulled."""
LABEL: Final = "kprov.io/verify"
"""On the namespace; its value tells who made it."""
NAME: Final = "probe"
PORT: Final = 8080

_SERVE: Final = f"mkdir -p /www && echo $NODE > /www/index.html && exec httpd -f -p {PORT} -h /www"
_PODS: Final = {"app": NAME}


def objects(namespace: str, owner: str) -> dict[str, dict[str, object]]:
    """The objects by the API path that they are created at, in the order of creation."""
    return {
        "/api/v1/namespaces": {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": namespace, "labels": {LABEL: owner}},
        },
        f"/apis/apps/v1/namespaces/{namespace}/daemonsets": {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"name": NAME},
            "spec": {
                "selector": {"matchLabels": _PODS},
                "template": {"metadata": {"labels": _PODS}, "spec": _pod_spec()},
            },
        },
        f"/api/v1/namespaces/{namespace}/services": {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": NAME},
            "spec": {"selector": _PODS, "ports": [{"port": 80, "targetPort": PORT}]},
        },
    }


def _pod_spec() -> dict[str, object]:
    """A pod that runs on every node, tainted or not, and is gone a second after it is deleted."""
    return {
        "containers": [
            {
                "name": NAME,
                "image": IMAGE,
                "imagePullPolicy": "Never",
                "command": ["sh", "-c", _SERVE],
                "env": [{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
            }
        ],
        "tolerations": [{"operator": "Exists"}],
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 1,
    }
