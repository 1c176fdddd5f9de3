"""The pytest plugin of the suites: fixtures for machines, titles for people, and one JSON line per test.

``KPROV_VERIFY_SETTINGS`` names the file with the settings, ``KPROV_VERIFY_EVENTS`` the file descriptor for lines. By
hand, without the second: ``KPROV_VERIFY_SETTINGS=… pytest -p kprov.verify.plugin kprov/verify/suites``.
"""

from __future__ import annotations

import os
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import pytest

from kprov.verify.cluster import ClusterUnderTest
from kprov.verify.reporting import ANSWER, EVIDENCE, Reporter
from kprov.verify.settings import Settings, Target, from_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kprov.ssh.batch import Answer

SETTINGS: Final = "KPROV_VERIFY_SETTINGS"
EVENTS: Final = "KPROV_VERIFY_EVENTS"
TIMED_OUT: Final = 124
"""What timeout(1) ends with when it had to end its command."""

Record: TypeAlias = "Callable[[str, object], None]"
_MOST_LINES: Final = 10
_WIDEST: Final = 200

_settings = pytest.StashKey[Settings]()
_reporter = pytest.StashKey[Reporter]()
_cluster = pytest.StashKey[ClusterUnderTest]()


class MachineUnderTest:
    """One machine as the tests see it: its answers, and a test failed where there is none."""

    def __init__(self, target: Target, cluster: ClusterUnderTest, record: Record) -> None:
        self.target = target
        self.name = target.name
        self._cluster = cluster
        self._record = record

    def ask(self, question: str) -> Answer:
        """The answer as it is; it is the test's evidence where that keeps none of its own."""
        answer = self._cluster.answer(self.name, question)
        self._record(ANSWER, shortened(answer.text) or f"no output, exit status {answer.rc}")
        return answer

    def text(self, question: str) -> str:
        """The answer's text; a command that failed fails the test."""
        answer = self.ask(question)
        if not answer.ok:
            late = answer.rc == TIMED_OUT
            pytest.fail("no answer in time" if late else last_line(answer.text) or f"it ended with {answer.rc}")
        return answer.text

    @property
    def as_node(self) -> dict[str, object]:
        """The machine's Node as the API server has it; without one, the test is skipped: another one tells."""
        node = self._cluster.view.nodes.get(self.name)
        if node is None:
            pytest.skip("the node is not registered")
        return dict(node)


def shortened(text: str) -> str:
    """The beginning of an answer.

    >>> shortened("\\n".join("abcdefghijkl"))[-7:]
    'i\\nj\\n...'
    """
    lines = text.strip().splitlines()
    kept = [line if len(line) <= _WIDEST else f"{line[:_WIDEST]}..." for line in lines[:_MOST_LINES]]
    return "\n".join([*kept, *(["..."] if len(lines) > _MOST_LINES else [])])


def last_line(text: str) -> str:
    """The last line with anything in it: where most programs say why they fail.

    >>> last_line("trying\\ncurl: (7) refused\\n\\n")
    'curl: (7) refused'
    """
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def pytest_configure(config: pytest.Config) -> None:
    """Read the settings and open the way for the lines."""
    path = os.environ.get(SETTINGS)
    if not path:
        raise pytest.UsageError(f"{SETTINGS} names no file: run these suites with 'kprov verify'")
    config.stash[_settings] = from_json(Path(path).read_text(encoding="utf-8"))
    if EVENTS in os.environ:
        config.stash[_reporter] = Reporter(os.fdopen(int(os.environ[EVENTS]), "w", encoding="utf-8"))
        config.pluginmanager.register(config.stash[_reporter])


def pytest_sessionstart(session: pytest.Session) -> None:
    """Ask everything now: the answers come in while the tests are collected."""
    if not session.config.option.collectonly:
        session.config.stash[_cluster] = ClusterUnderTest(session.config.stash[_settings])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell what was seen, and leave nothing behind in the cluster."""
    cluster, reporter = session.config.stash.get(_cluster, None), session.config.stash.get(_reporter, None)
    if cluster:
        try:
            if reporter:
                reporter.tell_seen(cluster.seen())
        finally:
            cluster.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test per machine of the kind that the test asks for by the name of its argument."""
    settings = metafunc.config.stash[_settings]

    def each(name: str, targets: Sequence[Target]) -> None:
        if name in metafunc.fixturenames:
            chosen = [target for target in targets if settings.chosen(target)]
            metafunc.parametrize(name, chosen, ids=[target.name for target in chosen], indirect=True)

    each("machine", settings.targets)
    each("node", settings.nodes)
    each("control_plane", settings.control_planes)
    each("member", settings.etcd_members)
    for name, promised in _promised(settings).items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, promised, ids=str)
    if "pair" in metafunc.fixturenames:
        pairs = [pair for pair in permutations(settings.nodes, 2) if any(map(settings.chosen, pair))]
        metafunc.parametrize("pair", pairs, ids=[f"{a.name}-{b.name}" for a, b in pairs], indirect=True)


def _promised(settings: Settings) -> dict[str, Sequence[object]]:
    """What tests are made for beside machines, by the name of their argument; for what is not promised, none are."""
    promised = settings.promised
    network, plugin = promised.network, promised.plugin_workloads
    return {
        "plugin": [network] if plugin else [],
        "daemon": [each for each in plugin if each.kind == "DaemonSet"],
        "controller": [each for each in plugin if each.kind != "DaemonSet"],
        "configured": [network] if network.configuration else [],
        "sized": [network] if network.mtu else [],
        "addon": promised.sets,
        "workload": promised.services,
        "storage_class": promised.storage,
        "default_class": [each for each in promised.storage if each.default],
        "metrics": ["metrics-server"] if promised.metrics else [],
        "balancer": ["metallb"] if promised.pools else [],
        "door": promised.doors,
        "open_door": [each for each in promised.doors if each.open],
        "workloads": [settings.cluster] if settings.workload else [],
        "shut_door": [each for each in promised.doors if not each.open],
    }


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Drop the stand-ins that pytest makes for tests without any machine: nobody asked for them."""
    items[:] = [item for item in items if not any(mark.kwargs.get("reason", "").startswith("got empty parameter set")
                                                  for mark in item.iter_markers("skip"))]  # fmt: skip


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> Settings:
    """What the cluster is held to."""
    return request.config.stash[_settings]


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> ClusterUnderTest:
    """The cluster under test."""
    return request.config.stash[_cluster]


@pytest.fixture
def machine(request: pytest.FixtureRequest, cluster: ClusterUnderTest, record_property: Record) -> MachineUnderTest:
    """Each machine in turn."""
    return MachineUnderTest(request.param, cluster, record_property)


@pytest.fixture
def node(request: pytest.FixtureRequest, cluster: ClusterUnderTest, record_property: Record) -> MachineUnderTest:
    """Each machine in turn that Kubernetes knows as a node."""
    return MachineUnderTest(request.param, cluster, record_property)


@pytest.fixture
def control_plane(
    request: pytest.FixtureRequest, cluster: ClusterUnderTest, record_property: Record
) -> MachineUnderTest:
    """Each control plane in turn."""
    return MachineUnderTest(request.param, cluster, record_property)


@pytest.fixture
def member(request: pytest.FixtureRequest, cluster: ClusterUnderTest, record_property: Record) -> MachineUnderTest:
    """Each machine in turn on which etcd runs."""
    return MachineUnderTest(request.param, cluster, record_property)


@pytest.fixture
def pair(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Each pair of nodes in turn, in both directions, as names: from, to."""
    here, there = request.param
    return here.name, there.name


@pytest.fixture
def evidence(record_property: Record) -> Callable[[object], None]:
    """Call it with what was seen: it goes into the report beside the outcome."""
    return lambda seen: record_property(EVIDENCE, str(seen))
