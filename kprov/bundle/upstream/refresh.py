"""What the release servers have now: newer patches of the minors in the catalog, and whether its sums still hold."""

from __future__ import annotations

import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

import yaml

from kprov.bundle.mirrors import places
from kprov.bundle.transfer import NotThere, Patience, bring
from kprov.errors import CheckFailed, UnreachableError
from kprov.events import Progress
from kprov.release.amend import with_patch
from kprov.release.artifacts import KUBERNETES, Architecture
from kprov.release.catalog import Catalog, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kprov.events import Emit

SERVER: Final = "https://dl.k8s.io/release"
_ARCHITECTURES: Final[tuple[Architecture, ...]] = get_args(Architecture)
_VERSION: Final = re.compile(r"v([0-9]+\.[0-9]+\.[0-9]+)")
_SHA256: Final = re.compile(r"([0-9a-f]{64})(?:\s.*)?", re.DOTALL)
_LARGEST: Final = 4096
_PARALLEL: Final = 8
_Sums = dict[str, dict[Architecture, str]]


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The catalog's text with all that is new; ``checked`` are the files whose sums were compared.

    ``minor`` is one that the release servers have and that the catalog has no rules for; empty: there is none.
    """

    text: str
    patches: tuple[str, ...]
    checked: int
    minor: str


def refresh(text: str, mirrors: Mapping[str, str], emit: Emit, patience: Patience | None = None) -> Refreshed:
    """Ask for the newest patch of each minor, and compare the sums of those that are newest in the catalog.

    Raises:
        UnreachableError: the release servers are not reached, or answer something else.
        CheckFailed: a sum in the catalog is not the one that is published.
    """
    catalog = Catalog.model_validate(yaml.safe_load(text))
    ask = _Asker(mirrors, patience or Patience(total_s=20))
    minors = [minor for minor, release in catalog.minors.items() if "upstream" in release.sources]
    emit(Progress("release", f"asking for {len(minors)} minor versions"))
    stable, *answers = ask.versions(["stable", *(f"stable-{minor}" for minor in minors)])
    known = {minor: max(catalog.minors[minor].patches, key=number) for minor in minors}
    newer = [found for minor, found in zip(minors, answers, strict=True) if number(found) > number(known[minor])]
    emit(Progress("release", f"comparing the sums of {len(known)} versions"))
    checked = _compare(catalog, ask.sums(catalog, known.values()))
    for version, sums in ask.sums(catalog, newer).items():
        text = with_patch(text, version, sums)
    Catalog.model_validate(yaml.safe_load(text))
    minor = stable.rpartition(".")[0]
    return Refreshed(text, tuple(newer), checked, "" if minor in catalog.minors else minor)


def _compare(catalog: Catalog, published: Mapping[str, _Sums]) -> int:
    """Compare with what the catalog has; return how many files that were."""
    checked = 0
    for version, sums in published.items():
        for artifact, by_architecture in sums.items():
            for architecture, found in by_architecture.items():
                ours = catalog.artifacts[artifact].sha256.get(version, {}).get(architecture)
                if ours is not None and ours != found:
                    raise CheckFailed(
                        f"the sha256 of {artifact} {version} for {architecture} is not the one that is published",
                        where="kprov/release/catalog.yaml",
                        why=f"the catalog has {ours}, published is {found}",
                        remedy="Find out which of them is wrong before you use this version; nothing was changed.",
                    )
                checked += ours is not None
    return checked


class _Asker:
    """Asks the release servers, or their mirrors, for small files, several at a time."""

    def __init__(self, mirrors: Mapping[str, str], patience: Patience) -> None:
        self._mirrors = mirrors
        self._patience = patience

    def versions(self, names: Sequence[str]) -> list[str]:
        """What ``NAME.txt`` says, for each name."""
        return [self._match(_VERSION, url, said) for url, said in self._all(f"{SERVER}/{name}.txt" for name in names)]

    def sums(self, catalog: Catalog, versions: Iterable[str]) -> Mapping[str, _Sums]:
        """The published sha256 of Kubernetes' own files, by version, artifact and architecture."""
        wanted = [(version, name, each) for version in versions for name in KUBERNETES for each in _ARCHITECTURES]
        urls = [f"{catalog.artifacts[name].at(version, each)}.sha256" for version, name, each in wanted]
        found: dict[str, _Sums] = {}
        for (version, name, each), (url, said) in zip(wanted, self._all(urls), strict=True):
            found.setdefault(version, {}).setdefault(name, {})[each] = self._match(_SHA256, url, said)
        return found

    def _all(self, urls: Iterable[str]) -> list[tuple[str, str]]:
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(max_workers=_PARALLEL) as pool:
            drafts = [(url, Path(folder) / str(index)) for index, url in enumerate(urls)]
            return list(pool.map(lambda each: (each[0], self._text(*each)), drafts))

    def _text(self, url: str, draft: Path) -> str:
        failures = []
        for place in places(url, self._mirrors):
            try:
                bring(place, draft, self._patience, _LARGEST)
            except NotThere as reason:
                failures.append(str(reason))
            else:
                return draft.read_text(encoding="utf-8", errors="replace").strip()
        remedy = "Name a mirror (--mirror HOST=URL), or set HTTPS_PROXY; nothing was changed."
        raise UnreachableError("the release servers are not reached", where=url, why="; ".join(failures), remedy=remedy)

    def _match(self, pattern: re.Pattern[str], url: str, said: str) -> str:
        match = pattern.fullmatch(said)
        if match is None:
            raise UnreachableError("a release server answers something else", where=url, why=said[:80] or "nothing")
        return match[1]
