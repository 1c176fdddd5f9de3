"""The objects of the probe: a namespace, one pod per node, one service in front of them; a policy; a volume's users.

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
QUICK: Final = {
    "automountServiceAccountToken": False,
    "enableServiceLinks": False,
    "terminationGracePeriodSeconds": 1,
}
CONTROL_PLANE_TAINTS: Final = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
"""Both, as clusters have either; where only control planes are, volumes lie there."""


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


def guard(namespace: str) -> dict[str, dict[str, object]]:
    """A NetworkPolicy that lets nobody reach the pods, by the API path that it is created at."""
    spec = {"podSelector": {"matchLabels": _PODS}, "policyTypes": ["Ingress"]}
    return {
        f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies": {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": NAME},
            "spec": spec,
        }
    }


def balanced(namespace: str) -> dict[str, dict[str, dict[str, object]]]:
    """A service of the type LoadBalancer before the pods, by the API path that it is created at."""
    return {
        f"/api/v1/namespaces/{namespace}/services": {
            "metadata": {"name": f"{NAME}-balanced"},
            "spec": {"type": "LoadBalancer", "selector": _PODS, "ports": [{"port": 80, "targetPort": PORT}]},
        }
    }


def claim(namespace: str, storage_class: str) -> dict[str, dict[str, object]]:
    """A claim to a small volume, by the API path that it is created at."""
    return {
        f"/api/v1/namespaces/{namespace}/persistentvolumeclaims": {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": NAME},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": storage_class,
                "resources": {"requests": {"storage": "1Mi"}},
            },
        }
    }


def user_of_claim(namespace: str, name: str, command: str) -> dict[str, dict[str, object]]:
    """A pod that does one thing with the volume at ``/data`` and ends; what it writes to ``$SAY`` is its last word."""
    container = {
        "name": NAME,
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "command": ["sh", "-ec", command],
        "env": [{"name": "SAY", "value": "/dev/termination-log"}],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    return {
        f"/api/v1/namespaces/{namespace}/pods": {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name},
            "spec": {
                "containers": [container],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": NAME}}],
                "restartPolicy": "Never",
                "tolerations": [{"key": key, "operator": "Exists"} for key in CONTROL_PLANE_TAINTS],
                **QUICK,
            },
        }
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
        **QUICK,
    }
