"""The catalog of add-ons: which versions there are, where their files come from, which Kubernetes each serves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from kprov.addons.model import OpenPort, SecretFile, Upstream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.addons.model import Chart


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Edition(_Part):
    """One version of an add-on, and the Kubernetes minors that it serves, ``oldest`` and ``newest`` among them."""

    version: str
    oldest: str = Field(alias="from")
    newest: str | None = Field(default=None, alias="to")
    url: str | None = None
    sha256: str | None = None
    images: dict[str, str] = Field(default_factory=dict)

    def serves(self, minor: str) -> bool:
        """Whether it runs on this minor version of Kubernetes.

        >>> edition = Edition.model_validate({"version": "1.0.0", "from": "1.20", "to": "1.24"})
        >>> edition.serves("1.20"), edition.serves("1.9"), edition.serves("1.25")
        (True, False, False)
        """
        return as_numbers(self.oldest) <= as_numbers(minor) and (
            self.newest is None or as_numbers(minor) <= as_numbers(self.newest)
        )

    @property
    def range(self) -> str:
        """The minors that it serves, for people: ``1.20 to 1.24``, ``1.33 and newer``."""
        return f"{self.oldest} and newer" if self.newest is None else f"{self.oldest} to {self.newest}"


class Mode(_Part):
    """What one way to carry packets between nodes needs."""

    kernel: tuple[str, ...] = ()
    ports: tuple[OpenPort, ...] = ()


class Release(_Part):
    """How Helm would call what a chart makes, and the namespace that it goes to."""

    release: str
    namespace: str


class Entry(_Part):
    """One add-on; ``modes`` by name, the default first; ``chart`` where its makers' file is a Helm chart."""

    chart: Release | None = None
    versions: tuple[Edition, ...] = Field(min_length=1)
    kernel: tuple[str, ...] = ()
    kernel_optional: tuple[str, ...] = ()
    ports: tuple[OpenPort, ...] = ()
    modes: dict[str, Mode] = Field(default_factory=dict)

    def newest(self, minor: str) -> Edition | None:
        """The newest version that serves this minor of Kubernetes; None where there is none."""
        return next((edition for edition in self.versions if edition.serves(minor)), None)

    def version(self, version: str) -> Edition | None:
        """This very version; None where the catalog has no such."""
        return next((edition for edition in self.versions if edition.version == version), None)


@cache
def catalog() -> Mapping[str, Entry]:
    """Every add-on by its name."""
    text = files(__package__).joinpath("catalog.yaml").read_text(encoding="utf-8")
    return {name: Entry.model_validate(entry) for name, entry in yaml.safe_load(text).items()}


def as_numbers(version: str) -> tuple[int, ...]:
    """A version for comparing.

    >>> as_numbers("1.9") < as_numbers("1.20")
    True
    """
    return tuple(map(int, version.split(".")))


@dataclass(frozen=True, slots=True)
class Catalogued:
    """What every add-on of the catalog has in common; one that differs says so by a property of its own.

    ``minor`` is Kubernetes' minor version: ``1.36``.
    """

    name: str
    entry: Entry
    edition: Edition
    minor: str

    @property
    def version(self) -> str:
        """Its makers' version."""
        return self.edition.version

    @property
    def upstream(self) -> tuple[Upstream, ...]:
        """Its manifest, where it has one."""
        url, sha256 = self.edition.url, self.edition.sha256
        kind: Literal["chart", "manifest"] = "chart" if self.entry.chart else "manifest"
        return (Upstream(self.name, self.version, url, sha256, kind),) if url and sha256 else ()

    @property
    def local(self) -> tuple[str, ...]:
        """None: nothing of it is the user's."""
        return ()

    @property
    def charts(self) -> tuple[Chart, ...]:
        """None: it is made of a manifest, or written here."""
        return ()

    @property
    def kernel(self) -> tuple[str, ...]:
        """The kernel features that the catalog names."""
        return self.entry.kernel

    @property
    def kernel_optional(self) -> tuple[str, ...]:
        """The kernel features that the catalog names as good to have."""
        return self.entry.kernel_optional

    @property
    def ports(self) -> tuple[OpenPort, ...]:
        """The ports that the catalog names."""
        return self.entry.ports

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing to tell."""
        return ()

    @property
    def alarms(self) -> tuple[str, ...]:
        """No door stands open."""
        return ()

    @property
    def secrets(self) -> tuple[SecretFile, ...]:
        """It has none."""
        return ()
