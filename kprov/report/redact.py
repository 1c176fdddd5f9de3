"""The last resort against secrets: what looks like one is blotted out before it is shown or written.

No event may carry a secret in the first place (``kprov.events``); this catches what a tool puts into an error message.
"""

from __future__ import annotations

import re

_BLOT = "[redacted]"
_BASE64 = "[A-Za-z0-9+/=_-]"
_PATTERNS = (
    # A private key in PEM or OpenSSH form, to its end or to where the text was cut.
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)",
    # A kubeconfig's key and token, and any PEM block in base64 ("LS0tLS1CRUdJTi" is "-----BEGIN").
    rf"(?<=client-key-data:)\s*[\"']?{_BASE64}+",
    rf"LS0tLS1CRUdJTi{_BASE64}*",
    # A service account's token: a JSON Web Token, whose header begins with '{"' in base64.
    rf"\beyJ{_BASE64}+\.{_BASE64}+\.{_BASE64}+",
    # A bootstrap token, as kubeadm's BootstrapTokenPattern has it.
    r"(?<![a-z0-9.])[a-z0-9]{6}\.[a-z0-9]{16}(?![a-z0-9.])",
    # A certificate key: 32 bytes in hex (kubeadm, copycerts). A digest is told from it by its "sha256:".
    r"(?<!sha256:)(?<![0-9A-Fa-f])[0-9a-fA-F]{64}(?![0-9A-Fa-f])",
)
_SECRET = re.compile("|".join(_PATTERNS), re.DOTALL)


def redact(text: str) -> str:
    """The text with everything that looks like a secret replaced.

    >>> redact("kubeadm join --token abcdef.0123456789abcdef m1:6443")
    'kubeadm join --token [redacted] m1:6443'
    >>> redact("image k8s.gcr.io/pause:3.2 on node-1.example.internal")
    'image k8s.gcr.io/pause:3.2 on node-1.example.internal'
    """
    return _SECRET.sub(_BLOT, text)
