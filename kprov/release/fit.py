"""What a version of Kubernetes does not have of what the cluster file asks for: each with what would be right.

Sources, beside the published arguments, fields and gates: the kubeadm configuration references (certificates' validity
from v1beta4, patches from v1beta3); the release notes of 1.25 (PodSecurityPolicy removed), 1.22 (PodSecurity), 1.28
(swap), 1.31 (kube-proxy's nftables as beta), 1.21 (dual stack as beta), 1.23
(dual stack as stable; before 1.21 the feature gate IPv6DualStack is alpha, and off).
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, TypeAlias

from kprov.release import etcd
from kprov.release.kubelet import KUBELET_DECIDES, PROXY_DECIDES
from kprov.release.published import misfits, published

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import JsonValue

    from kprov.release.catalog import Release
    from kprov.release.published import Program
    from kprov.spec.model import ClusterSpec

Refusal: TypeAlias = tuple[str, str, str]
"""The key, what is wrong with it, what would be right."""

_COMMON: Final = {"feature-gates": "kubernetes.feature_gates", "kubeconfig": "", "help": "", "version": ""}
_API_SERVER: Final[Mapping[str, str]] = {
    **_COMMON,
    "advertise-address": "nodes.<name>.address",
    "secure-port": "",
    "service-cluster-ip-range": "network.services",
    "etcd-servers": "etcd.topology",
    "oidc-issuer-url": "oidc.issuer_url",
    "encryption-provider-config": "encryption",
    "insecure-port": "",
}
_MANAGER: Final[Mapping[str, str]] = {
    **_COMMON,
    "allocate-node-cidrs": "",
    "cluster-cidr": "network.pods",
    "cluster-name": "cluster",
    "node-cidr-mask-size": "network.node_prefix",
    "node-cidr-mask-size-ipv4": "network.node_prefix",
    "node-cidr-mask-size-ipv6": "network.node_prefix_v6",
    "service-cluster-ip-range": "network.services",
}
_PROGRAMS: Final[tuple[tuple[str, Program, Mapping[str, str]], ...]] = (
    ("api_server", "kube-apiserver", _API_SERVER),
    ("controller_manager", "kube-controller-manager", _MANAGER),
    ("scheduler", "kube-scheduler", _COMMON),
    ("etcd", "etcd", dict.fromkeys(etcd.DECIDED, "")),
)
"""The section, the program, and its arguments that are decided elsewhere: by which key, or by kprov alone."""


def refusals(spec: ClusterSpec, release: Release) -> Iterator[Refusal]:
    """Everything that the version lacks, or that has another place in the cluster file."""
    yield from _arguments(spec)
    yield from _gates(spec)
    yield from _fields(spec, "kubelet.config", "KubeletConfiguration", spec.kubelet.config, KUBELET_DECIDES)
    yield from _fields(spec, "kube_proxy.config", "KubeProxyConfiguration", spec.kube_proxy.config, PROXY_DECIDES)
    yield from _kubeadm(spec, release)
    yield from _nodes(spec)
    yield from _admission(spec)


def _minor(spec: ClusterSpec) -> int:
    return int(spec.kubernetes.version.split(".")[1])


def _published(spec: ClusterSpec) -> tuple[str, str]:
    version = spec.kubernetes.version
    return version, ".".join(version.split(".")[:2])


def _arguments(spec: ClusterSpec) -> Iterator[Refusal]:
    """Arguments that the program of this version does not take, or that kprov decides."""
    version, minor = _published(spec)
    given = {
        "api_server": spec.api_server.args,
        "controller_manager": spec.controller_manager.args,
        "scheduler": spec.scheduler.args,
        "etcd": spec.etcd.args,
    }
    for section, program, decided in _PROGRAMS:
        known = published(minor).arguments[program]
        for name in given[section]:
            key = f"{section}.args.{name}"
            if name in decided:
                where = decided[name]
                yield key, f"{name} is decided by {where or 'kprov'}", f"Set {where}." if where else "Remove it."
            elif name not in known:
                close = get_close_matches(name.removeprefix("experimental-"), known, n=1)
                right = f"Did you mean {close[0]}?" if close else "Remove it."
                yield key, f"{program} of Kubernetes {version} has no argument {name}", right


def _gates(spec: ClusterSpec) -> Iterator[Refusal]:
    """Feature gates that the version does not know, or whose value is settled."""
    version, minor = _published(spec)
    known = published(minor).feature_gates
    for name, wanted in spec.kubernetes.feature_gates.items():
        key, gate = f"kubernetes.feature_gates.{name}", known.get(name)
        if name in {"AllAlpha", "AllBeta"}:
            continue
        if gate is None:
            close = get_close_matches(name, known, n=1)
            right = f"Did you mean {close[0]}?" if close else "Remove it: it came later, or is gone."
            yield key, f"Kubernetes {version} knows no feature gate {name}", right
        elif gate.locked and gate.default != wanted:
            settled = str(gate.default).lower()
            yield key, f"in Kubernetes {version} {name} is {settled} for good", "Remove it."


def _fields(
    spec: ClusterSpec, section: str, kind: str, given: Mapping[str, JsonValue], decided: Mapping[str, str]
) -> Iterator[Refusal]:
    """Fields that the document of this version does not have, or that have a key of their own."""
    version, minor = _published(spec)
    for name in given:
        if name in decided:
            yield f"{section}.{name}", f"{name} is decided by {decided[name]}", f"See {decided[name]}."
    rest = {name: value for name, value in given.items() if name not in decided}
    for at, wrong, right in misfits(published(minor).documents[kind], rest):
        where = ".".join(at)
        yield f"{section}.{where}", f"{where} {wrong} of {kind} in Kubernetes {version}", right


def _kubeadm(spec: ClusterSpec, release: Release) -> Iterator[Refusal]:
    version, api = spec.kubernetes.version, release.kubeadm_api
    if spec.kubernetes.patches and api == "v1beta2":
        wrong = f"kubeadm {version} cannot be told of patches by its configuration: that came with 1.22"
        yield "kubernetes.patches", wrong, "Remove it."
    for key in ("certificate_days", "ca_certificate_days"):
        if getattr(spec.kubernetes, key) and api != "v1beta4":
            wrong = f"kubeadm {version} makes certificates for one year and CAs for ten: v1beta4 of 1.31 can be told"
            yield f"kubernetes.{key}", wrong, "Remove it."


def _nodes(spec: ClusterSpec) -> Iterator[Refusal]:
    version, minor = spec.kubernetes.version, _minor(spec)
    if len(spec.network.families) > 1 and minor < 23:
        wrong = f"dual stack of Kubernetes {version} is {'alpha' if minor < 21 else 'beta'}: it is stable from 1.23 on"
        yield "network.pods", wrong, "Write one network each for pods and services, or a newer kubernetes.version."
    if spec.kubelet.swap == "limited" and minor < 28:
        wrong = f"the kubelet {version} does not let pods use swap: that came with 1.28"
        yield "kubelet.swap", wrong, "Write ignore or refuse."
    if spec.kube_proxy.mode == "nftables" and minor < 31:
        wrong = f"kube-proxy {version} has no nftables: it can be relied on from 1.31 on"
        yield "kube_proxy.mode", wrong, "Write iptables or ipvs."


def _admission(spec: ClusterSpec) -> Iterator[Refusal]:
    """Admission plugins that went or came; another name would keep the API server from starting."""
    version, minor = spec.kubernetes.version, _minor(spec)
    gone = {"PodSecurityPolicy"} if minor >= 25 else {"PodSecurity"} if minor < 22 else set()
    for argument in ("enable-admission-plugins", "disable-admission-plugins"):
        named = set(spec.api_server.args.get(argument, "").split(","))
        for plugin in sorted(named & gone):
            instead = "pod_security" if minor >= 25 else "PodSecurityPolicy"
            wrong = f"Kubernetes {version} has no admission plugin {plugin}"
            yield f"api_server.args.{argument}", wrong, f"Use {instead} instead."
