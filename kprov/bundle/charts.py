"""Helm charts rendered to objects: once for each chart, values and version, then kept in the store."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zlib
from functools import partial
from typing import TYPE_CHECKING, Final

from kprov.addons.charts import values_of
from kprov.bundle.store import Origin, Store
from kprov.errors import InputError
from kprov.events import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from kprov.addons.model import Chart
    from kprov.bundle.helm import Helm
    from kprov.bundle.store import Part
    from kprov.events import Emit

_OBJECTS: Final = "objects.yaml"
# The largest chart in the catalog unpacks to 7 MiB; this bounds what an archive can fill the memory with.
_LARGEST_BYTES: Final = 64 << 20


def check(charts: Sequence[Chart], files: Mapping[str, bytes]) -> None:
    """Refuse what cannot be rendered, as far as that can be told without Helm.

    Args:
        charts: what is asked for.
        files: contents by URL and by path; an archive or a file with values that is not there yet is passed over.

    Raises:
        InputError: an archive is no chart, or values are no mapping.
    """
    for chart in charts:
        if chart.source in files:
            _check_archive(files[chart.source], chart)
        if chart.values_file in files:
            values_of(files[chart.values_file], chart.values_file)


def render(
    charts: Sequence[Chart], files: Mapping[str, bytes], root: Path, helm: Callable[[], Helm], version: str, emit: Emit
) -> Mapping[str, bytes]:
    """What Helm makes of each chart, by ``Chart.rendered``; what was made before is taken from the store.

    Each is rendered twice: a chart that makes something else each time (a password, a certificate) is refused, because
    every run would then change the cluster.

    Args:
        charts: what is asked for.
        files: contents by URL and by path.
        root: the store's folder.
        helm: has Helm, and is asked only where something has to be rendered.
        version: that of the Helm which would be used.
        emit: for progress.

    Raises:
        InputError: a chart cannot be rendered, or not twice to the same.
        UnreachableError: Helm cannot be had.
    """
    check(charts, files)
    made = recalled(charts, files, root, version)
    missing = [chart for chart in charts if chart.rendered not in made]
    if not missing:
        return made
    program = helm()
    with Store.opened(root, emit) as store:
        for chart in missing:
            emit(Progress("bundle", f"rendering the chart {chart.release}"))
            write = partial(_write, _rendered(chart, files, store, program))
            part = store.make(_name(chart), _recipe(chart, files, version), write)
            made = {**made, chart.rendered: _content(part, root)}
    return made


def recalled(charts: Sequence[Chart], files: Mapping[str, bytes], root: Path, version: str) -> Mapping[str, bytes]:
    """What was rendered before of the very same charts and values, by ``Chart.rendered``."""
    if not charts or not root.is_dir():
        return {}
    store = Store(root)
    found = {chart.rendered: store.part(_name(chart), _recipe(chart, files, version)) for chart in charts}
    return {key: _content(part, root) for key, part in found.items() if part}


def _name(chart: Chart) -> str:
    return f"chart-{chart.release}"


def _recipe(chart: Chart, files: Mapping[str, bytes], version: str) -> dict[str, str]:
    """Everything that decides what is rendered."""
    given = [chart.release, chart.namespace, chart.kubernetes, chart.values, chart.api_versions]
    return {
        "helm": version,
        "archive": hashlib.sha256(files[chart.source]).hexdigest(),
        "file": hashlib.sha256(files.get(chart.values_file, b"")).hexdigest(),
        "given": hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest(),
    }


def _content(part: Part, root: Path) -> bytes:
    return (root / part.file(_OBJECTS).path).read_bytes()


def _write(text: bytes, folder: Path) -> Origin:
    (folder / _OBJECTS).write_bytes(text)
    return Origin("", "helm template")


def _rendered(chart: Chart, files: Mapping[str, bytes], store: Store, helm: Helm) -> bytes:
    """What Helm prints, twice the same."""
    with store.scratch("chart") as scratch:
        archive, values = scratch / "chart.tgz", scratch / "values.json"
        archive.write_bytes(files[chart.source])
        layers = []
        if chart.values_file:
            layers.append(scratch / "values.yaml")
            layers[0].write_bytes(files[chart.values_file])
        values.write_text(json.dumps(chart.values), encoding="utf-8")
        one, other = (helm.template(chart, archive, (*layers, values), scratch / "home") for _ in range(2))
    if one != other:
        remedy = "Give in its values what it would make up, as a rule a password or a certificate."
        why = f"it makes something else each time, the first in {_first_difference(one, other)}"
        raise InputError("the chart cannot be used as it is", where=_place(chart), why=why, remedy=remedy)
    return one


def _first_difference(one: bytes, other: bytes) -> str:
    """The template that printed the first line that differs; the line itself may be a secret."""
    source = "its output"
    for line, line_again in zip(one.splitlines(), other.splitlines(), strict=False):
        if line.startswith(b"# Source: "):
            source = line.removeprefix(b"# Source: ").decode(errors="replace")
        if line != line_again:
            break
    return source


def _check_archive(content: bytes, chart: Chart) -> None:
    """Refuse what is no chart's archive: a tar, compressed by gzip, of one folder with a Chart.yaml."""
    why, size = "it holds no Chart.yaml", 0
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as tar:
            for member in tar:
                size += member.size
                if size > _LARGEST_BYTES:
                    why = f"it unpacks to more than {_LARGEST_BYTES >> 20} MiB"
                    break
                if member.isfile() and member.name.removeprefix("./").split("/")[1:] == ["Chart.yaml"]:
                    why = ""
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        why = str(error) or type(error).__name__
    if why:
        remedy = "Give the archive that 'helm package' or 'helm pull' writes: shop-1.2.3.tgz."
        raise InputError(f"{chart.source} is no chart", where=_place(chart), why=why, remedy=remedy)


def _place(chart: Chart) -> str:
    return chart.where or chart.source
