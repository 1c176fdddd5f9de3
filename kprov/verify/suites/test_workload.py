"""Programs as people run them, each in the namespace of the run; asked for by ``kprov verify --workload``."""

import pytest

pytestmark = pytest.mark.usefixtures("workloads")


@pytest.fixture
def came_about(cluster, evidence, network_fault):
    """A function that fails the test unless a step came about; what other tests tell of skips it."""

    def check(name, needs=""):
        step = cluster.workload.get(name)
        if step is None:
            pytest.skip(f"{needs or 'an earlier step'} was not possible")
        if step.seen:
            evidence(step.seen)
        for node in step.nodes if step.failed else ():
            fault = cluster.fault(node) or network_fault(node)
            if fault:
                pytest.skip(f"its pod is on {node}: {fault}")
        assert not step.failed, step.failed

    return check


def test_rolled_out(came_about):
    """a Deployment is rolled out, and its next revision too"""
    came_about("rolled-out")


def test_rolled_back(came_about):
    """it is rolled back"""
    came_about("rolled-back", needs="rolling it out")


def test_healed(came_about):
    """it heals when one of its pods is killed"""
    came_about("healed", needs="rolling it back")


def test_job(came_about):
    """a Job comes to its end"""
    came_about("job", needs="making it")


def test_daemons(cluster, came_about):
    """a DaemonSet has a pod on every node"""
    silent = [name for name in cluster.view.nodes if name not in cluster.probe.reached]
    if silent:
        pytest.skip(f"no probe pod runs on {', '.join(silent)}")
    came_about("daemons", needs="making it")


def test_state(cluster, came_about):
    """a StatefulSet keeps its data when its pod is killed"""
    if "no-class" in cluster.workload:
        pytest.skip("the cluster has no default StorageClass")
    came_about("state", needs="making it")
