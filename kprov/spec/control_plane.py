"""The sections ``encryption``, ``audit`` and ``pod_security`` of the cluster file."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field

from kprov.spec.base import Model
from kprov.spec.types import DNS_LABEL, FilePath, matching, refuse

EncryptionProvider: TypeAlias = Literal["aescbc", "secretbox", "aesgcm", "kms"]
SecurityLevel: TypeAlias = Literal["privileged", "baseline", "restricted"]

RESOURCE = r"^[a-z]+(\.[a-z0-9]([a-z0-9.-]*[a-z0-9])?)?$"
SOCKET = r"^unix:///([A-Za-z0-9._-]+/)+[A-Za-z0-9._-]+$"


def _once(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) != len(names):
        raise refuse("names something twice", "Name each once.")
    return names


Resource: TypeAlias = Annotated[
    str,
    Field(pattern=RESOURCE),
    matching(
        RESOURCE, "is no kind of object as the API names it", "Write its plural, and its group if any: secrets, a.b.io."
    ),
]
Resources: TypeAlias = Annotated[tuple[Resource, ...], Field(min_length=1), AfterValidator(_once)]
KmsName: TypeAlias = Annotated[
    str,
    Field(pattern=DNS_LABEL, max_length=40),
    matching(DNS_LABEL, "is no DNS label", "Use lower-case letters, digits and inner dashes, at most 40: vault-1."),
]
Socket: TypeAlias = Annotated[
    str,
    Field(pattern=SOCKET),
    matching(SOCKET, "is no Unix socket in a folder", "Write it with its folder: unix:///run/kms/plugin.sock."),
]
Namespace: TypeAlias = Annotated[
    str,
    Field(pattern=DNS_LABEL),
    matching(DNS_LABEL, "is no namespace", "Use lower-case letters, digits and inner dashes: kube-system."),
]
Namespaces: TypeAlias = Annotated[tuple[Namespace, ...], AfterValidator(_once)]


class Kms(Model):
    """A plugin on every control plane that keeps the keys elsewhere."""

    name: KmsName = Field(description="Name of the plugin; it is stored with what it encrypts.")
    endpoint: Socket = Field(description="The plugin's socket on every control plane: unix:///run/kms/plugin.sock.")
    api_version: Literal["v1", "v2"] = Field(default="v2", description="v2 for Kubernetes 1.27 on; v1 up to 1.28.")
    timeout_s: int = Field(default=3, ge=1, le=60, strict=True, description="How long the plugin may take, in seconds.")


class Encryption(Model):
    """How objects are encrypted before etcd stores them."""

    provider: EncryptionProvider = Field(description="What encrypts; kms: a plugin that keeps the keys elsewhere.")
    resources: Resources = Field(default=("secrets",), description="The kinds of objects that are encrypted.")
    key_file: FilePath | None = Field(
        default=None, description="A file with a key in base64, beside this one; absent: kprov makes keys."
    )
    kms: Kms | None = Field(default=None, description="The plugin, for the provider kms.")


class Audit(Model):
    """What API servers write down, in /var/log/kubernetes/audit/audit.log on every control plane."""

    policy: FilePath = Field(
        default="metadata", description="metadata: who did what; writes: changes with content; else a policy file."
    )
    max_age_days: int = Field(default=30, ge=1, strict=True, description="How long a log is kept, in days.")
    max_backups: int = Field(default=10, ge=1, strict=True, description="How many old logs are kept.")
    max_size_mib: int = Field(default=100, ge=1, strict=True, description="How large a log grows, in MiB.")


class PodSecurity(Model):
    """What pods may do in namespaces that do not say it by their labels."""

    enforce: SecurityLevel = Field(default="baseline", description="What is refused beyond this level.")
    audit: SecurityLevel = Field(default="restricted", description="What is noted in the audit log beyond this level.")
    warn: SecurityLevel = Field(default="restricted", description="What clients are warned of beyond this level.")
    exempt_namespaces: Namespaces = Field(
        default=("kube-system",), description="Namespaces where everything is allowed: networks need theirs."
    )
