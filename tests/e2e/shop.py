"""A small Helm chart for tests: a page behind a server, a Job before it, and a test that nobody runs."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.1.0\n",
    "values.yaml": "greeting: nothing\nreplicas: 1\n",
    "templates/all.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-page}
data: {index.html: {{ .Values.greeting | quote }}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}, annotations: {page: {{ .Values.greeting | sha256sum }}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: shop
          image: kprov.local/probe:1
          command: [httpd, -f, -p, "8080", -h, /www]
          volumeMounts: [{name: page, mountPath: /www}]
      volumes: [{name: page, configMap: {name: {{ .Release.Name }}-page}}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: {{ .Release.Name }}-prepare, annotations: {helm.sh/hook: pre-install}}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: main, image: "kprov.local/probe:1", command: ["true"]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: {{ .Release.Name }}-test, annotations: {helm.sh/hook: test}}
spec: {restartPolicy: Never, containers: [{name: main, image: "kprov.local/probe:1"}]}
""",
}
RESTLESS = """
---
apiVersion: v1
kind: Secret
metadata: {name: made-up}
stringData: {password: {{ randAlphaNum 8 | quote }}}
"""


def pack(file: Path, *, restless: bool = False) -> None:
    """Write the chart as an archive; ``restless`` makes up a password each time."""
    with tarfile.open(file, "w:gz") as tar:
        for name, text in CHART.items():
            content = (text + (RESTLESS if restless and name.startswith("templates/") else "")).encode()
            member = tarfile.TarInfo(f"shop/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
