"""What API servers are told beside what kubeadm tells them: arguments, volumes, and the files that they read.

Sources: the references of audit.k8s.io/v1 (1.20 to 1.36), apiserver.config.k8s.io/v1, and
pod-security.admission.config.k8s.io (v1beta1 from 1.23, v1 from 1.25); kube-apiserver's own of 1.20 and 1.36. Keys are
none of this: they are made and kept on control planes (see the module ``kprov_encryption``).

A file that is no secret has its content's hash in its name. So a change of content is a change of an argument, an API
server that runs keeps what it was started with, and going back is going back to the old name.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.release.kubeadm import Document
    from kprov.spec.components import Component, Oidc
    from kprov.spec.control_plane import Audit, Kms, PodSecurity
    from kprov.spec.model import ClusterSpec

FOLDER: Final = "/etc/kubernetes/kprov/api-server"
ENCRYPTION: Final = f"{FOLDER}/encryption.json"
"""Written on control planes alone, mode 0600; the modules kprov_encryption, kprov_static_pods and kprov_kubeadm too
know this path."""
AUDIT_FOLDER: Final = "/var/log/kubernetes/audit"
AUDIT_LOG: Final = f"{AUDIT_FOLDER}/audit.log"

_NOISE: Final[tuple[Document, ...]] = (
    {"level": "None", "nonResourceURLs": ["/healthz*", "/livez*", "/readyz*", "/version"]},
    {"level": "None", "resources": [{"group": "", "resources": ["events"]}, {"group": "events.k8s.io"}]},
    {"level": "None", "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},
)
"""What every component does every few seconds, and what the API keeps itself anyway."""
_CONFIDENTIAL: Final[Document] = {
    "level": "Metadata",
    "resources": [
        {"group": "", "resources": ["secrets", "configmaps", "serviceaccounts/token"]},
        {"group": "authentication.k8s.io", "resources": ["tokenreviews"]},
    ],
}
"""Content that must not be in a log."""


@dataclass(frozen=True, slots=True)
class NodeFile:
    """A file that lies on every control plane before its API server starts."""

    path: str
    content: str


@dataclass(frozen=True, slots=True)
class Settings:
    """What an API server is told: arguments, kubeadm's ``extraVolumes``, and the files that it reads."""

    args: Mapping[str, str]
    volumes: tuple[Document, ...] = ()
    files: tuple[NodeFile, ...] = ()


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """What the user's own files say that control planes are to have: an audit policy, the CA of an OIDC provider."""

    audit_policy: Document | None = None
    oidc_ca: str = ""


NO_FILES: Final = OwnFiles()


def settings(spec: ClusterSpec, own: OwnFiles = NO_FILES) -> Settings:
    """All that the cluster file says on API servers."""
    mine = _sections(spec, own)
    told = component(spec.api_server, mine.args)
    return Settings(told.args, (*mine.volumes, *told.volumes), mine.files)


def component(wanted: Component, args: Mapping[str, str]) -> Settings:
    """What a component is told: what kprov says, and after it what the cluster file adds."""
    volumes = tuple(
        {
            "name": volume.name,
            "hostPath": volume.host_path,
            "mountPath": volume.mount_path,
            "readOnly": volume.read_only,
            **({"pathType": volume.path_type} if volume.path_type else {}),
        }
        for volume in wanted.volumes
    )
    return Settings({**args, **wanted.args}, volumes)


def gates(spec: ClusterSpec) -> Mapping[str, str]:
    """The argument by which every component is told of feature gates."""
    wanted = sorted(spec.kubernetes.feature_gates.items())
    return {"feature-gates": ",".join(f"{name}={str(on).lower()}" for name, on in wanted)} if wanted else {}


def _sections(spec: ClusterSpec, own: OwnFiles) -> Settings:
    """What the sections of the cluster file on API servers amount to."""
    args: dict[str, str] = {**gates(spec)}
    volumes: list[Document] = []
    files: list[NodeFile] = []
    if spec.encryption:
        args["encryption-provider-config"] = ENCRYPTION
        if spec.encryption.kms:
            folder = _folder(spec.encryption.kms)
            volumes.append(_volume("kprov-kms", folder, read_only=False))
    if spec.audit:
        written = _file("audit-policy", own.audit_policy or audit_policy(spec.audit.policy))
        files.append(written)
        volumes.append(_volume("kprov-audit", AUDIT_FOLDER, read_only=False))
        args |= _audit_args(spec.audit, written.path)
    if spec.pod_security:
        written = _file("admission", admission_configuration(spec.pod_security, spec.kubernetes.version))
        files.append(written)
        args["admission-control-config-file"] = written.path
    if spec.oidc:
        args |= _oidc_args(spec.oidc)
        if own.oidc_ca:
            authority = NodeFile(f"{FOLDER}/oidc-ca-{_digest(own.oidc_ca)}.crt", own.oidc_ca)
            files.append(authority)
            args["oidc-ca-file"] = authority.path
    if files or spec.encryption:
        volumes.insert(0, _volume("kprov-api-server", FOLDER, read_only=True))
    return Settings(args, tuple(volumes), tuple(files))


def _oidc_args(oidc: Oidc) -> Mapping[str, str]:
    """The arguments on OpenID Connect that every version from 1.20 to 1.36 has (kube-apiserver's reference)."""
    given = {
        "oidc-issuer-url": oidc.issuer_url,
        "oidc-client-id": oidc.client_id,
        "oidc-username-claim": oidc.username_claim,
        "oidc-username-prefix": oidc.username_prefix,
        "oidc-groups-claim": oidc.groups_claim,
        "oidc-groups-prefix": oidc.groups_prefix,
    }
    return {name: value for name, value in given.items() if value}


def _audit_args(audit: Audit, policy: str) -> Mapping[str, str]:
    return {
        "audit-policy-file": policy,
        "audit-log-path": AUDIT_LOG,
        "audit-log-maxage": str(audit.max_age_days),
        "audit-log-maxbackup": str(audit.max_backups),
        "audit-log-maxsize": str(audit.max_size_mib),
    }


def _volume(name: str, path: str, *, read_only: bool) -> Document:
    """A folder, never a file: a file that is replaced would stay the old one inside of a running container."""
    place = {"name": name, "hostPath": path, "mountPath": path}
    return {**place, "readOnly": read_only, "pathType": "DirectoryOrCreate"}


def _file(name: str, document: Document) -> NodeFile:
    content: str = yaml.safe_dump(document, sort_keys=False)
    return NodeFile(f"{FOLDER}/{name}-{_digest(content)}.yaml", content)


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()[:10]


def _folder(kms: Kms) -> str:
    """The folder of the plugin's socket.

    >>> from kprov.spec.control_plane import Kms
    >>> _folder(Kms(name="vault", endpoint="unix:///run/kms/plugin.sock"))
    '/run/kms'
    """
    return kms.endpoint.removeprefix("unix://").rpartition("/")[0]


def encryption(spec: ClusterSpec) -> Document:
    """What is to be encrypted by what, without any key; empty where nothing is. The modules on control planes read it.

    >>> from kprov.spec.model import ClusterSpec
    >>> nodes = {"m1": {"address": "10.0.0.11", "roles": ["control-plane"]}}
    >>> given = {"cluster": "lab", "nodes": nodes, "encryption": {"provider": "aescbc"}}
    >>> encryption(ClusterSpec.model_validate(given))
    {'provider': 'aescbc', 'resources': ['secrets']}
    """
    wanted = spec.encryption
    if wanted is None:
        return {}
    document: Document = {"provider": wanted.provider, "resources": list(wanted.resources)}
    if wanted.kms:
        kms = {"name": wanted.kms.name, "endpoint": wanted.kms.endpoint, "timeout": f"{wanted.kms.timeout_s}s"}
        # The field came with v2; without it the plugin is spoken to by v1.
        document["kms"] = {"apiVersion": "v2", **kms} if wanted.kms.api_version == "v2" else kms
    return document


def audit_policy(level: str) -> Document:
    """The policy of ``metadata`` or ``writes``: what every component does all the time is left out of both.

    >>> audit_policy("metadata")["rules"][-1]
    {'level': 'Metadata'}
    """
    rules: list[Document] = [*_NOISE]
    if level == "writes":
        reads: Document = {"level": "None", "verbs": ["get", "list", "watch"]}
        rules += [reads, _CONFIDENTIAL, {"level": "Request"}]
    else:
        rules.append({"level": "Metadata"})
    return {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": rules}


def admission_configuration(wanted: PodSecurity, version: str) -> Document:
    """AdmissionConfiguration with the defaults of Pod Security admission, which later levels follow (``latest``)."""
    levels = {"enforce": wanted.enforce, "audit": wanted.audit, "warn": wanted.warn}
    pinned = {f"{name}-version": "latest" for name in levels}
    configuration: Document = {
        "apiVersion": f"pod-security.admission.config.k8s.io/{'v1' if _minor(version) >= 25 else 'v1beta1'}",
        "kind": "PodSecurityConfiguration",
        "defaults": levels | pinned,
        "exemptions": {"usernames": [], "runtimeClasses": [], "namespaces": list(wanted.exempt_namespaces)},
    }
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [{"name": "PodSecurity", "configuration": configuration}],
    }


def _minor(version: str) -> int:
    return int(version.split(".")[1])


def refusals(spec: ClusterSpec) -> tuple[tuple[str, str, str], ...]:
    """What this Kubernetes does not have: the key, what is wrong with it, what would be right.

    Pod Security admission is on by default from 1.23; KMS v2 is from 1.27, KMS v1 is off by default from 1.29 (release
    notes of each).

    >>> from kprov.spec.model import ClusterSpec
    >>> nodes = {"m1": {"address": "10.0.0.11", "roles": ["control-plane"]}}
    >>> given = {"cluster": "lab", "nodes": nodes, "pod_security": {}, "kubernetes": {"version": "1.20.2"}}
    >>> [key for key, _, _ in refusals(ClusterSpec.model_validate(given))]
    ['pod_security']
    """
    version, found = spec.kubernetes.version, []
    minor = _minor(version)
    if spec.pod_security and minor < 23:
        wrong = f"Kubernetes {version} has no Pod Security admission: it came with 1.23"
        found.append(("pod_security", wrong, "no pod_security; or kubernetes.version 1.23 or later"))
    kms = spec.encryption.kms if spec.encryption else None
    if kms and kms.api_version == "v2" and minor < 27:
        wrong = f"Kubernetes {version} does not speak v2 with plugins: it came with 1.27"
        found.append(("encryption.kms.api_version", wrong, "api_version: v1"))
    if kms and kms.api_version == "v1" and minor >= 29:
        wrong = f"Kubernetes {version} does not speak v1 with plugins: it is switched off from 1.29 on"
        found.append(("encryption.kms.api_version", wrong, "api_version: v2, with a plugin that speaks it"))
    return tuple(found)
