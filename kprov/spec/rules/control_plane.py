"""Rules on encryption: which settings a provider takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kprov.spec.flaw import Flaw, Loc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kprov.spec.model import ClusterSpec

_PROVIDER: Loc = ("encryption", "provider")


def encryption(spec: ClusterSpec) -> Iterator[Flaw]:
    """A plugin where one is asked for, and nothing that the provider does not use."""
    wanted = spec.encryption
    if wanted is None:
        return
    if wanted.provider == "kms" and wanted.kms is None:
        right = "Add kms: {name: NAME, endpoint: unix:///FOLDER/SOCKET}."
        yield Flaw(_PROVIDER, "kms needs to know its plugin", right, None, (("encryption", "kms"),))
    if wanted.provider == "kms" and wanted.key_file:
        wrong = "is not used: the plugin of provider kms has the keys"
        yield Flaw(("encryption", "key_file"), wrong, "Remove it.", None, (_PROVIDER,))
    if wanted.provider != "kms" and wanted.kms is not None:
        wrong = f"is not used: encryption.provider is {wanted.provider}"
        yield Flaw(("encryption", "kms"), wrong, "Remove it, or set encryption.provider to kms.", None, (_PROVIDER,))
