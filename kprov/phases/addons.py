"""The add-ons of a cluster, from the cluster file to the text that is applied."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from kprov.addons.catalog import catalog
from kprov.addons.charts import left_out
from kprov.addons.chosen import chosen
from kprov.addons.documents import images_of, never_pulled, to_text, with_images
from kprov.addons.together import check_together
from kprov.bundle import charts
from kprov.bundle.files import path_of
from kprov.bundle.helm import VERSION
from kprov.bundle.imports import references
from kprov.bundle.references import normal, stand_in
from kprov.bundle.store import sha256_of
from kprov.errors import InputError
from kprov.phases.supported import line_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from kprov.addons.model import Addon, Chart, Document, SecretFile, Upstream
    from kprov.release.catalog import Release
    from kprov.spec.load import Loaded


@dataclass(frozen=True, slots=True)
class Rendered:
    """An add-on as this cluster needs it.

    ``images`` are full references in containerd's normal form, ``notes`` what a person should be told, ``alarms`` what
    nobody may overlook, ``secrets`` what is applied beside the objects.
    """

    name: str
    version: str
    objects: tuple[Document, ...] = ()
    images: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
    secrets: tuple[SecretFile, ...] = ()

    @property
    def text(self) -> str:
        """Its objects in YAML, for people; empty where it has none."""
        return to_text(self.objects) if self.objects else ""

    @property
    def data(self) -> str:
        """Its objects as one List in JSON, which every node's Python reads; empty where it has none."""
        listed = {"apiVersion": "v1", "kind": "List", "items": self.objects}
        return json.dumps(listed, ensure_ascii=False, separators=(",", ":")) + "\n" if self.objects else ""


def asked(loaded: Loaded, release: Release) -> tuple[Addon, ...]:
    """The add-ons that the cluster file asks for.

    Raises:
        SpecError: a version that is not known, or does not serve this Kubernetes.
    """
    return chosen(loaded.spec, release, file=str(loaded.paths.file), line_of=partial(line_of, loaded))


def upstreams(addons: Sequence[Addon]) -> tuple[Upstream, ...]:
    """The files of all their makers, each once."""
    return tuple({upstream.url: upstream for addon in addons for upstream in addon.upstream}.values())


def charts_of(addons: Sequence[Addon]) -> tuple[Chart, ...]:
    """The charts that add-ons are rendered from."""
    return tuple(chart for addon in addons for chart in addon.charts)


def own_files(loaded: Loaded, addons: Sequence[Addon]) -> Mapping[str, bytes]:
    """The user's own files that add-ons are made of, by the paths that the cluster file has.

    Raises:
        InputError: one cannot be read, is no chart or no values; or a file with a secret is not there or empty.
    """
    for secret in (secret for addon in addons for secret in addon.secrets):
        if not _content(loaded, secret.file).strip():
            remedy = "Write the secret into it, on one line."
            raise InputError("a file that must hold a secret is empty", where=secret.file, remedy=remedy)
    files = {path: _content(loaded, path) for addon in addons for path in addon.local}
    charts.check(charts_of(addons), files)
    return files


def rendered(addons: Sequence[Addon], files: Mapping[str, bytes], held: Collection[str] = ()) -> tuple[Rendered, ...]:
    """Each add-on as text; ``files`` are contents by URL and by path.

    An image that the makers' manifest calls ``latest`` is called by its version. Where only the makers' name is among
    ``held``, the images that a person brought, it keeps that name. What was brought under another registry's name is
    called by that; and what was brought is never pulled.

    Raises:
        InputError: a file is not the manifest that it should be, or two add-ons take objects from each other.
    """
    made = tuple(_rendered(addon, files, held) for addon in addons)
    check_together({each.name: each.objects for each in made})
    return made


def recalled(loaded: Loaded, release: Release, store: Path) -> tuple[Rendered, ...]:
    """The add-ons as an earlier run made them, from the files in the store; none where one is not there."""
    try:
        addons = asked(loaded, release)
        needed = {upstream: store / path_of(upstream) for upstream in upstreams(addons)}
        if not all(path.is_file() and sha256_of(path) == upstream.sha256 for upstream, path in needed.items()):
            return ()
        contents = {upstream.url: path.read_bytes() for upstream, path in needed.items()}
        contents |= own_files(loaded, addons)
        asked_charts = charts_of(addons)
        made = charts.recalled(asked_charts, contents, store, VERSION)
        if len(made) < len(asked_charts):
            return ()
        return rendered(addons, {**contents, **made}, references(store))
    except InputError:
        return ()


def _rendered(addon: Addon, files: Mapping[str, bytes], held: Collection[str]) -> Rendered:
    entry = catalog().get(addon.name)
    edition = entry.version(addon.version) if entry else None
    names = {ours: theirs for theirs, ours in edition.images.items()} if edition else {}
    kept = {ours: theirs for ours, theirs in names.items() if ours not in held and theirs in held}
    documents = with_images(addon.objects(files), kept)
    try:
        others = {image: other for image in images_of(documents) if (other := stand_in(image, held))}
        documents = with_images(documents, others)
        documents = never_pulled(documents, [image for image in images_of(documents) if normal(image) in held])
        images = tuple(dict.fromkeys(map(normal, images_of(documents))))
    except ValueError as error:
        remedy = "Write every image by its name, with registry and tag."
        raise InputError(str(error), where=f"the manifests of {addon.name}", remedy=remedy) from error
    told = tuple(f"{addon.name} runs {other}, which you imported, as {image}." for image, other in others.items())
    hooks = (note for chart in addon.charts for note in _hooks_left_out(addon, chart, files))
    notes = (*addon.notes, *hooks, *told)
    return Rendered(addon.name, addon.version, documents, images, notes, addon.alarms, addon.secrets)


def _hooks_left_out(addon: Addon, chart: Chart, files: Mapping[str, bytes]) -> Iterator[str]:
    """What a chart would have Helm run at other times than an install, which nobody runs here."""
    hooks = left_out(files[chart.rendered], chart)
    if hooks:
        yield f"Of the chart of {addon.name} this is left out, since Helm does not run here: {', '.join(hooks)}."


def _content(loaded: Loaded, path: str) -> bytes:
    """A file of the user's; its path is relative to the cluster file.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return (loaded.paths.home / Path(path).expanduser()).read_bytes()
    except OSError as error:
        why, remedy = error.strerror or str(error), "Make the file readable, or mend its path in the cluster file."
        raise InputError(
            "cannot read a file that the cluster file names", where=path, why=why, remedy=remedy
        ) from error
