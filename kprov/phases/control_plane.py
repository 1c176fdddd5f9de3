"""The user's own files on the control plane: an audit policy, a CA, a key, all read before anything is touched."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import yaml

from kprov.errors import Problem, SpecError
from kprov.release.control_plane import OwnFiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.release.kubeadm import Document
    from kprov.spec.load import Loaded

_POLICIES: Final = ("metadata", "writes")
_API: Final = "audit.k8s.io/v1"
_LEVELS: Final = ("None", "Metadata", "Request", "RequestResponse")
_KEY_BYTES: Final[Mapping[str, tuple[int, ...]]] = {"aescbc": (32,), "secretbox": (32,), "aesgcm": (16, 24, 32)}
"""Shorter keys, which API servers take for aescbc too, are not offered."""


def own_files(loaded: Loaded) -> OwnFiles:
    """What the user's own files say that are no secret.

    Raises:
        SpecError: one of them cannot be used.
    """
    return OwnFiles(audit_policy=audit_policy(loaded), oidc_ca=oidc_ca(loaded))


def oidc_ca(loaded: Loaded) -> str:
    """The certificates of the OIDC provider's CA; empty where the cluster file names none.

    Raises:
        SpecError: they cannot be read, or are no certificates.
    """
    oidc = loaded.spec.oidc
    if oidc is None or oidc.ca_file is None:
        return ""
    key, name = "oidc.ca_file", oidc.ca_file
    right = "Name a file in PEM: -----BEGIN CERTIFICATE----- and what follows."
    text = _read(loaded, key, name, right).decode("ascii", "replace")
    if "PRIVATE KEY" in text:
        raise _problem(loaded, key, f"{name} holds a private key", "Give the certificate alone.")
    if "-----BEGIN CERTIFICATE-----" not in text or "-----END CERTIFICATE-----" not in text:
        raise _problem(loaded, key, f"{name} holds no certificate", right)
    return text


def audit_policy(loaded: Loaded) -> Document | None:
    """The user's own audit policy; None where the cluster file names one of kprov's or none.

    Raises:
        SpecError: it cannot be read, or is no policy.
    """
    wanted = loaded.spec.audit
    if wanted is None or wanted.policy in _POLICIES:
        return None
    name = wanted.policy
    text = _read(loaded, "audit.policy", name, f"Write {' or '.join(_POLICIES)}, or the path of a policy file.")
    try:
        found = cast("object", yaml.safe_load(text))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        wrong = f"{name} is no YAML: {' '.join(str(error).split())[:200]}"
        raise _problem(loaded, "audit.policy", wrong, "Mend the file.") from None
    if not isinstance(found, dict) or (found.get("apiVersion"), found.get("kind")) != (_API, "Policy"):
        raise _problem(
            loaded, "audit.policy", f"{name} is no Policy of {_API}", f"Write apiVersion: {_API}, kind: Policy."
        )
    rules = found.get("rules")
    if not isinstance(rules, list) or not rules:
        raise _problem(loaded, "audit.policy", f"{name} has no rules", "Give it at least one: {level: Metadata}.")
    for number, rule in enumerate(rules, start=1):
        if not isinstance(rule, dict) or rule.get("level") not in _LEVELS:
            wrong = f"rule {number} of {name} has no level that API servers know"
            raise _problem(loaded, "audit.policy", wrong, f"Write one of {', '.join(_LEVELS)}.")
    return cast("Document", found)


def key_file(loaded: Loaded) -> str:
    """The path of the user's own key, which is well formed; empty where kprov makes keys.

    Raises:
        SpecError: it cannot be read, is no base64, or too long or too short for the provider.
    """
    wanted = loaded.spec.encryption
    if wanted is None or wanted.key_file is None:
        return ""
    key, name = "encryption.key_file", wanted.key_file
    right = f"Make one: head -c 32 /dev/urandom | base64 >{name}"
    text = _read(loaded, key, name, right)
    try:
        length = len(base64.b64decode(text.strip(), validate=True))
    except (binascii.Error, ValueError):
        raise _problem(loaded, key, f"{name} holds no base64", right) from None
    lengths = _KEY_BYTES[wanted.provider]
    if length not in lengths:
        needed = " or ".join(map(str, lengths))
        raise _problem(loaded, key, f"the key in {name} has {length} bytes, {wanted.provider} needs {needed}", right)
    return str(_path(loaded, name))


def _path(loaded: Loaded, name: str) -> Path:
    return loaded.paths.home / Path(name).expanduser()


def _read(loaded: Loaded, key: str, name: str, right: str) -> bytes:
    try:
        return _path(loaded, name).read_bytes()
    except OSError as error:
        raise _problem(loaded, key, f"{name} cannot be read: {error.strerror}", right) from None


def _problem(loaded: Loaded, key: str, wrong: str, right: str) -> SpecError:
    origin = loaded.origins.get(key, "")
    line = int(origin.rpartition(":")[2]) if ":" in origin else 0
    return SpecError([Problem(str(loaded.paths.file), line, key, wrong, right)])
