"""What several suites ask in the same words."""

import pytest

from kprov.verify.view import pod_ready, pod_runs


@pytest.fixture
def pod_is_ready(cluster):
    """A function that fails the test unless a pod runs and is ready; one that just began may still be getting there."""

    def check(pod):
        name, status = pod["metadata"]["name"], pod["status"]
        states = status.get("containerStatuses", [])
        waiting = [each["state"]["waiting"] for each in states if "waiting" in each["state"]]
        why = waiting[0].get("message") or waiting[0].get("reason") if waiting else status["phase"]
        restarts = sum(each.get("restartCount", 0) for each in states)
        assert pod_runs(pod), f"{name} does not run: {why}, {restarts} restarts"
        assert pod_ready(pod) or cluster.view.young(pod), f"{name} is not ready: {why}, {restarts} restarts"

    return check


@pytest.fixture
def static_pod(cluster, pod_is_ready):
    """A function that fails the test unless a static pod of this name is there and ready."""

    def check(name):
        pod = cluster.view.system_pods.get(name)
        assert pod, f"there is no pod {name}"
        pod_is_ready(pod)

    return check


@pytest.fixture
def probed(cluster):
    """A function that gives what a node's probe pod got from a target; without such a pod, the test is skipped."""

    def ask(node, target, needs=""):
        missing = [name for name in (node, needs) if name and name not in cluster.probe.reached]
        if missing:
            pytest.skip(f"no probe pod runs on {', '.join(missing)}")
        found = cluster.probe.reached[node].get(target)
        assert found, "the pod was not asked, or did not answer in time"
        assert found.ok, found.text or "no answer"
        return found.text

    return ask
