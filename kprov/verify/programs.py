"""Programs as people run them: a Deployment that serves a page, a Job, a StatefulSet that keeps a diary on a volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kprov.verify.manifests import CONTROL_PLANE_TAINTS, IMAGE, NAME, PORT, QUICK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEPLOYMENT: Final = "site"
JOB: Final = "sums"
STATEFUL_SET: Final = "diary"
REPLICAS: Final = 2
COMPLETIONS: Final = 3
SUM: Final = "5050"
"""What each pod of the Job is to find out: the sum of the numbers from 1 to 100."""

_ADD_UP: Final = "n=0; for i in $(seq 100); do n=$((n+i)); done; printf $n >/dev/termination-log"
_SERVE: Final = f"exec httpd -f -p {PORT} -h"
_SITE: Final = f'mkdir -p /www && echo "$REVISION $POD" >/www/index.html && {_SERVE} /www'
_DIARY: Final = f"echo $UID >>/data/index.html && sync && {_SERVE} /data"

Objects = dict[str, dict[str, object]]


def site(namespace: str) -> Objects:
    """A Deployment of two pods, each of which tells its revision, the first one, and its name."""
    env = [{"name": "REVISION", "value": "1"}, _own("POD", "metadata.name")]
    spec = {
        "replicas": REPLICAS,
        "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        **_template(DEPLOYMENT, _pod(_container(_SITE, env, serves=True))),
    }
    return _made("apps/v1", "Deployment", namespace, DEPLOYMENT, spec)


def revised(revision: str) -> Mapping[str, object]:
    """What a new revision of the Deployment changes, as a strategic merge patch."""
    container = {"name": NAME, "env": [{"name": "REVISION", "value": revision}]}
    return {"spec": {"template": {"spec": {"containers": [container]}}}}


def sums(namespace: str) -> Objects:
    """A Job of three pods, two at a time, each of which leaves its result as its last word."""
    pod = {**_pod(_container(_ADD_UP, ())), "restartPolicy": "Never"}
    template = {"metadata": {"labels": {"app": JOB}}, "spec": pod}
    spec = {"completions": COMPLETIONS, "parallelism": 2, "backoffLimit": 0, "template": template}
    return _made("batch/v1", "Job", namespace, JOB, spec)


def diary(namespace: str, storage_class: str) -> Objects:
    """A StatefulSet of one pod, which writes its uid below that of the pod before it, and shows all of them."""
    container = _container(_DIARY, [_own("UID", "metadata.uid")], serves=True)
    container["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": storage_class,
        "resources": {"requests": {"storage": "1Mi"}},
    }
    spec = {
        "replicas": 1,
        "serviceName": STATEFUL_SET,
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
        **_template(STATEFUL_SET, _pod(container)),
    }
    service = {"clusterIP": "None", "selector": {"app": STATEFUL_SET}, "ports": [{"port": PORT}]}
    return {
        **_made("v1", "Service", namespace, STATEFUL_SET, service),
        **_made("apps/v1", "StatefulSet", namespace, STATEFUL_SET, spec),
    }


def _made(api: str, kind: str, namespace: str, name: str, spec: Mapping[str, object]) -> Objects:
    """The object, by the API path that it is created at."""
    group = f"/apis/{api}" if "/" in api else f"/api/{api}"
    body: dict[str, object] = {"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": spec}
    return {f"{group}/namespaces/{namespace}/{kind.lower()}s": body}


def _template(app: str, pod: Mapping[str, object]) -> Mapping[str, object]:
    labels = {"app": app}
    return {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}


def _pod(container: Mapping[str, object]) -> dict[str, object]:
    """A pod that may also run where only control planes are."""
    tolerations = [{"key": key, "operator": "Exists"} for key in CONTROL_PLANE_TAINTS]
    return {"containers": [container], "tolerations": tolerations, **QUICK}


def _container(command: str, env: Sequence[Mapping[str, object]], *, serves: bool = False) -> dict[str, object]:
    container: dict[str, object] = {
        "name": NAME,
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "command": ["sh", "-ec", command],
        "env": list(env),
    }
    if serves:
        container["readinessProbe"] = {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1}
    return container


def _own(name: str, path: str) -> Mapping[str, object]:
    """An environment variable that tells a pod something of itself."""
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
