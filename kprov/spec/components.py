"""The sections on Kubernetes' own components: what each is told beyond what kprov tells it.

Which arguments and fields exist depends on the version: that is for the room ``release`` to check.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field, JsonValue

from kprov.spec.base import Model
from kprov.spec.types import DNS_LABEL, FilePath, matching, refuse

ARGUMENT = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"
FIELD = r"^[a-z][A-Za-z0-9]*$"
GATE = r"^[A-Z][A-Za-z0-9]*$"
MOUNT = r"^/[^\s:,]*[^\s:,/]$"
HTTPS = r"^https://[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?(/[^\s]*)?$"
CLAIM = r"^[A-Za-z][A-Za-z0-9_.:/-]*$"

PathType: TypeAlias = Literal["", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket"]


def _as_text(value: object) -> object:
    """An argument's value as the component reads it: numbers and truth are written as text.

    >>> _as_text(True), _as_text(5), _as_text("5m")
    ('true', '5', '5m')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        raise refuse("is a number that YAML may have shortened", f'Put it in quotes: "{value}".')
    return str(value) if isinstance(value, int) else value


def _bare(value: object) -> object:
    if isinstance(value, str) and value.startswith("-"):
        raise refuse("begins with a dash", f"Leave the dashes out: {value.lstrip('-').partition('=')[0]}.")
    return value


Argument: TypeAlias = Annotated[
    str,
    Field(pattern=ARGUMENT),
    matching(ARGUMENT, "is no name of an argument", "Write it as its help has it, without dashes: profiling."),
    BeforeValidator(_bare),
]
ArgumentValue: TypeAlias = Annotated[str, BeforeValidator(_as_text)]
Arguments: TypeAlias = dict[Argument, ArgumentValue]
FieldName: TypeAlias = Annotated[
    str, Field(pattern=FIELD), matching(FIELD, "is no name of a field", "Write it as its reference has it: maxPods.")
]
Fields: TypeAlias = dict[FieldName, JsonValue]
Gate: TypeAlias = Annotated[
    str,
    Field(pattern=GATE),
    matching(GATE, "is no name of a feature gate", "Write it as its reference has it: NodeSwap."),
]
Gates: TypeAlias = dict[Gate, Annotated[bool, Field(strict=True)]]
VolumeName: TypeAlias = Annotated[
    str, Field(pattern=DNS_LABEL), matching(DNS_LABEL, "is no DNS label", "Use lower-case letters, digits and dashes.")
]
MountPath: TypeAlias = Annotated[
    str, Field(pattern=MOUNT), matching(MOUNT, "is no whole path", "Write it from / on, without colons: /etc/audit.")
]
Issuer: TypeAlias = Annotated[
    str,
    Field(pattern=HTTPS),
    matching(HTTPS, "is no URL by https", "Write it as the issuer's tokens have it: https://login.example.com."),
]
Claim: TypeAlias = Annotated[
    str, Field(pattern=CLAIM), matching(CLAIM, "is no name of a claim", "Write it as it stands in the token: email.")
]


class Volume(Model):
    """A file or folder of a control plane that a component sees."""

    name: VolumeName = Field(description="Name of the volume in the component's pod.")
    host_path: MountPath = Field(description="Where it is on the control plane.")
    mount_path: MountPath = Field(description="Where the component sees it.")
    read_only: bool = Field(default=True, strict=True, description="Whether the component may only read it.")
    path_type: PathType = Field(default="", description="What must be there, or is made there; absent: anything.")


class Component(Model):
    """What a component of the control plane is told beyond what kprov tells it."""

    args: Arguments = Field(default_factory=dict, description="Arguments by name, without dashes: profiling: false.")
    volumes: tuple[Volume, ...] = Field(default=(), description="Files and folders that it sees beside its own.")


class Oidc(Model):
    """Logins by tokens of an OpenID Connect provider."""

    issuer_url: Issuer = Field(description="The provider, as its tokens name it.")
    client_id: str = Field(min_length=1, description="The client that tokens are made for.")
    username_claim: Claim = Field(default="sub", description="The claim with the user's name.")
    username_prefix: str = Field(
        default="",
        description="What stands before names; absent: the issuer's URL, but for the claim email; -: nothing.",
    )
    groups_claim: Claim | None = Field(default=None, description="The claim with the user's groups; absent: no groups.")
    groups_prefix: str = Field(default="", description="What stands before groups.")
    ca_file: FilePath | None = Field(
        default=None, description="The provider's CA, beside this file; absent: what the machine trusts."
    )


class Kubelet(Model):
    """What every kubelet is told beyond what kprov tells it."""

    max_pods: int | None = Field(
        default=None, ge=1, le=2500, strict=True, description="How many pods a node takes; absent: 110."
    )
    swap: Literal["refuse", "ignore", "limited"] | None = Field(
        default=None, description="Of a machine with swap: refuse it, ignore it, or let pods use it (limited)."
    )
    cgroup_v1: bool = Field(
        default=False, strict=True, description="Run on machines with cgroup v1, which Kubernetes 1.35 refuses."
    )
    config: Fields = Field(default_factory=dict, description="Further fields of KubeletConfiguration.")


class KubeProxy(Model):
    """What every kube-proxy is told beyond what kprov tells it."""

    mode: Literal["iptables", "ipvs", "nftables"] = Field(
        default="iptables", description="How packets find services; nftables wants Kubernetes 1.31 and Linux 5.13."
    )
    config: Fields = Field(default_factory=dict, description="Further fields of KubeProxyConfiguration.")
