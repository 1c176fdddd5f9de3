"""Small manifests of the same shape as those of the makers, and the add-ons of a cluster file with these in hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kprov.addons.chosen import chosen
from kprov.addons.documents import container, find
from kprov.release.catalog import resolve
from kprov.spec.load import loads

if TYPE_CHECKING:
    from collections.abc import Mapping

CALICO = """\
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: calico-kube-controllers, namespace: kube-system}
spec: {maxUnavailable: 1}
---
kind: ConfigMap
apiVersion: v1
metadata: {name: calico-config, namespace: kube-system}
data:
  typha_service_name: none
  calico_backend: bird
  veth_mtu: "0"
  cni_network_config: |-
    {"plugins": [{"type": "calico", "mtu": __CNI_MTU__, "ipam": {"type": "calico-ipam"}}]}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ippools.crd.projectcalico.org, creationTimestamp: null}
spec: {group: crd.projectcalico.org}
status: {acceptedNames: {kind: "", plural: ""}, conditions: [], storedVersions: []}
---
kind: DaemonSet
apiVersion: apps/v1
metadata: {name: calico-node, namespace: kube-system, labels: {k8s-app: calico-node}}
spec:
  selector: {matchLabels: {k8s-app: calico-node}}
  template:
    metadata: {labels: {k8s-app: calico-node}}
    spec:
      initContainers:
        - {name: install-cni, image: "docker.io/calico/cni:v3.24.5", imagePullPolicy: IfNotPresent}
      containers:
        - name: calico-node
          image: docker.io/calico/node:v3.24.5
          env:
            - {name: IP, value: autodetect}
            - {name: CALICO_IPV4POOL_IPIP, value: Always}
            - {name: CALICO_IPV4POOL_VXLAN, value: Never}
            - {name: CALICO_IPV6POOL_VXLAN, value: Never}
          livenessProbe: {exec: {command: [/bin/calico-node, -felix-live, -bird-live]}, periodSeconds: 10}
          readinessProbe: {exec: {command: [/bin/calico-node, -felix-ready, -bird-ready]}, periodSeconds: 10}
"""

WEAVE = """\
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: ServiceAccount
    metadata: {name: weave-net, namespace: kube-system}
  - apiVersion: apps/v1
    kind: DaemonSet
    metadata: {name: weave-net, namespace: kube-system, labels: {name: weave-net}}
    spec:
      selector: {matchLabels: {name: weave-net}}
      template:
        metadata: {labels: {name: weave-net}}
        spec:
          initContainers:
            - name: weave-init
              image: 'weaveworks/weave-kube:latest'
              imagePullPolicy: Always
              env:
          containers:
            - name: weave
              image: 'weaveworks/weave-kube:latest'
              imagePullPolicy: Always
              env: [{name: INIT_CONTAINER, value: "true"}]
            - {name: weave-npc, image: 'weaveworks/weave-npc:latest', imagePullPolicy: Always}
"""

FLANNEL = """\
kind: Namespace
apiVersion: v1
metadata: {name: kube-flannel}
---
kind: ConfigMap
apiVersion: v1
metadata: {name: kube-flannel-cfg, namespace: kube-flannel}
data:
  cni-conf.json: |
    {"name": "cbr0"}
  net-conf.json: |
    {"Network": "10.244.0.0/16", "EnableNFTables": false, "Backend": {"Type": "vxlan"}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: kube-flannel-ds, namespace: kube-flannel}
spec:
  selector: {matchLabels: {app: flannel}}
  template:
    metadata: {labels: {app: flannel}}
    spec:
      initContainers:
      - {name: install-cni-plugin, image: "rancher/mirrored-flannelcni-flannel-cni-plugin:v1.0.0"}
      containers:
      - name: kube-flannel
        image: quay.io/coreos/flannel:v0.15.1
        args: [--ip-masq, --kube-subnet-mgr]
        env:
        - name: POD_NAME
          valueFrom: {fieldRef: {fieldPath: metadata.name}}
"""

LOCAL_PATH = """\
apiVersion: v1
kind: Namespace
metadata: {name: local-path-storage}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: local-path-provisioner, namespace: local-path-storage}
spec:
  selector: {matchLabels: {app: local-path-provisioner}}
  template:
    metadata: {labels: {app: local-path-provisioner}}
    spec:
      containers:
        - {name: local-path-provisioner, image: "docker.io/rancher/local-path-provisioner:v0.0.37"}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: local-path}
provisioner: rancher.io/local-path
---
kind: ConfigMap
apiVersion: v1
metadata: {name: local-path-config, namespace: local-path-storage}
data:
  config.json: |-
    {"nodePathMap": [{"node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": ["/opt/local-path-provisioner"]}]}
  setup: |-
    mkdir -m 0777 -p "$VOL_DIR"
  helperPod.yaml: |-
    apiVersion: v1
    kind: Pod
    metadata:
      name: helper-pod
    spec:
      priorityClassName: system-node-critical
      containers:
      - name: helper-pod
        image: docker.io/library/busybox
        imagePullPolicy: IfNotPresent
"""

METALLB = """\
apiVersion: v1
kind: Namespace
metadata: {name: metallb-system}
---
apiVersion: v1
kind: Service
metadata: {name: metallb-webhook-service, namespace: metallb-system}
spec:
  ports:
  - {port: 443, targetPort: 9443}
  selector: {component: controller}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: metallb-webhook-configuration, creationTimestamp: null}
webhooks: []
"""

INGRESS_NGINX = """\
apiVersion: v1
kind: Namespace
metadata: {name: ingress-nginx}
---
apiVersion: v1
kind: Service
metadata: {name: ingress-nginx-controller, namespace: ingress-nginx}
spec:
  type: NodePort
  selector: {app: ingress-nginx}
  ports:
    - {name: http, port: 80, protocol: TCP, targetPort: http}
    - {name: https, port: 443, protocol: TCP, targetPort: https}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx}
spec: {controller: k8s.io/ingress-nginx}
---
apiVersion: batch/v1
kind: Job
metadata: {name: ingress-nginx-admission-create, namespace: ingress-nginx}
spec:
  template:
    spec:
      restartPolicy: OnFailure
      containers:
        - name: create
          image: registry.k8s.io/ingress-nginx/kube-webhook-certgen:v1.6.9@DIGEST
""".replace("DIGEST", "sha256:01038e7de14b78d702d2849c3aad72fd25903c4765af63cf16aa3398f5d5f2dd")

GATEWAY_API = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gateways.gateway.networking.k8s.io}
spec: {group: gateway.networking.k8s.io}
"""

WORKLOAD = """\
---
apiVersion: apps/v1
kind: {kind}
metadata: {{name: {name}}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: main, image: "{image}", ports: [{{containerPort: 8000}}]}}]}}
"""
RENDERED: Mapping[str, str] = {
    "cilium": WORKLOAD.format(kind="DaemonSet", name="cilium", image="quay.io/cilium/cilium:v1.20.2"),
    "traefik": GATEWAY_API + WORKLOAD.format(kind="Deployment", name="traefik", image="traefik:v3.7.13"),
    "kube-prometheus-stack": WORKLOAD.format(kind="Deployment", name="grafana", image="grafana/grafana:13.1.3")
    + "---\napiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nmetadata: {name: stack}\nspec: {replicas: 1}\n",
}
"""What Helm makes of small charts of the same shape."""

TEXTS: Mapping[str, str] = {
    "ingress-nginx": INGRESS_NGINX,
    "gateway-api": GATEWAY_API,
    "calico": CALICO,
    "weave": WEAVE,
    "flannel": FLANNEL,
    "local-path-provisioner": LOCAL_PATH,
    "metallb": METALLB,
}

CLUSTER = """\
cluster: lab
kubernetes: {{version: {kubernetes}}}
nodes:
  m1: {{address: 10.0.0.11, roles: [control-plane, worker]}}
bundle: {{source: [upstream, packages]}}
lab: {{provider: podman}}
{rest}
"""


def addons(rest: str, kubernetes: str = "1.20.2", address: str = "10.0.0.11") -> dict[str, Any]:
    """The add-ons, by name, of a cluster of one node with these sections in its file."""
    text = CLUSTER.format(kubernetes=kubernetes, rest=rest).replace("10.0.0.11", address, 1)
    if "::" in address:  # a lab has IPv4 alone
        text = text.replace("lab: {provider: podman}\n", "")
    loaded = loads(text, "cluster.yaml")
    release = resolve(loaded.spec, file="cluster.yaml")

    def line_of(key: str) -> int:
        _, _, line = loaded.origins.get(key, "").rpartition(":")
        return int(line) if line.isdigit() else 0

    return {each.name: each for each in chosen(loaded.spec, release, file="cluster.yaml", line_of=line_of)}


def objects(addon: Any, texts: Mapping[str, str] = TEXTS) -> tuple[dict[str, Any], ...]:
    """The objects that an add-on makes of the small manifest of its name."""
    text = texts.get(addon.name, "")
    if addon.version == "2.9.0":  # the fork of weave
        text = text.replace("weaveworks/", "rajchaudhuri/")
    rendered = {each.rendered: RENDERED[addon.name].encode() for each in addon.charts}
    return addon.objects({**{each.url: text.encode() for each in addon.upstream}, **rendered})


def environment(documents: Any, kind: str, name: str, of: str) -> dict[str, Any]:
    """The variables of a container by name: a text, or what stands below valueFrom."""
    found = container(find(documents, kind, name), of)
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in found["env"]}
