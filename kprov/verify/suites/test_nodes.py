"""Each machine for itself."""

from datetime import UTC, datetime

import pytest

from kprov.verify.certificates import LEAST_DAYS, certificates
from kprov.verify.machine import SilentMachineError
from kprov.verify.questions import UNITS, sysctl_values, sysctls, unit_states, version_in


def test_reachable(machine, cluster, evidence):
    """answers over SSH"""
    try:
        cluster.answer(machine.name, "swap")
        evidence("every question was answered in one command")
    except SilentMachineError as error:
        pytest.fail(str(error))


def test_swap_is_off(node, settings):
    """swap is off"""
    if settings.shared_kernel:
        pytest.skip("the machine is a container: swap is its host's")
    on = [line.split()[0] for line in node.text("swap").splitlines()[1:]]
    assert not on, f"swap is on: {', '.join(on)}"


@pytest.mark.parametrize("unit", UNITS)
def test_unit_runs(node, unit):
    """{unit} runs and starts at boot"""
    state = unit_states(node.text(f"unit.{unit}"))
    assert state.get("ActiveState") == "active", f"{unit} is {state.get('ActiveState', 'unknown')}"
    assert state.get("UnitFileState") == "enabled", f"{unit} does not start at boot: {state.get('UnitFileState')}"


def test_runtime_answers(node):
    """the container runtime answers"""
    if not node.ask("cri").ok and unit_states(node.ask("unit.containerd").text).get("ActiveState") != "active":
        pytest.skip("containerd does not run")
    node.text("cri")


def test_sysctls(node):
    """kernel parameters are set"""
    values = sysctl_values(node.ask("sysctls").text)
    wrong = [f"{name} is {values.get(name, 'not there')}, not {wanted}" for name, wanted in sysctls(node.target).items()
             if values.get(name) != wanted]  # fmt: skip
    assert not wrong, "; ".join(wrong)


@pytest.mark.parametrize("program", ["kubelet", "kubeadm"])
def test_version(node, settings, program):
    """{program} has the version of the cluster file"""
    found = version_in(node.text(program))
    assert found == settings.kubernetes, f"{program} is {found or 'unknown'}, not {settings.kubernetes}"


def test_registered_version(node, settings, evidence):
    """the kubelet that runs has the version of the cluster file"""
    info = node.as_node["status"].get("nodeInfo", {})
    evidence("\n".join(f"{key}: {value}" for key, value in info.items() if key.endswith(("Version", "Image"))))
    found = version_in(info.get("kubeletVersion", ""))
    assert found == settings.kubernetes, f"the node registered with {found or 'none'}, not {settings.kubernetes}"


def test_certificates(node, evidence):
    """certificates are valid for more than 30 days"""
    now = datetime.now(UTC)
    found = sorted(certificates(node.text("certificates")), key=lambda each: each.ends)
    assert found, "no certificate was found"
    evidence("\n".join(f"{each.ends:%Y-%m-%d} {each.file} {each.subject}" for each in found))
    ending = [each for each in found if each.days_left(now) <= LEAST_DAYS]
    told = (f"{each.file} {'ended' if each.ends < now else 'ends'} {each.ends:%Y-%m-%d}" for each in ending)
    assert not ending, ", ".join(told)


def test_endpoint_answers(node, settings):
    """the API answers through the endpoint"""
    answer = node.text("endpoint")
    endpoint = f"{settings.endpoint_host}:{settings.endpoint_port}"
    assert answer == "ok", f"{endpoint} answered: {answer.splitlines()[-1] if answer else 'nothing'}"


def test_ready(node, cluster, evidence, network_fault):
    """the node is Ready"""
    assert node.name in cluster.view.nodes, f"{node.name} is not registered"
    conditions = {each["type"]: each for each in node.as_node["status"].get("conditions", ())}
    evidence("\n".join(f"{kind}: {each['status']} {each.get('message', '')}" for kind, each in conditions.items()))
    state = conditions.get("Ready", {"status": "unknown", "message": ""})
    fault = network_fault(node.name) if "network" in state.get("message", "").lower() else ""
    if state["status"] != "True" and fault:
        pytest.skip(f"it waits for its network: {fault}")
    if state["status"] != "True" and cluster.fault(node.name):
        pytest.skip(cluster.fault(node.name))
    assert state["status"] == "True", f"Ready is {state['status']}: {state.get('message', '')}"
    pressed = [kind for kind, each in conditions.items() if kind != "Ready" and each["status"] == "True"]
    assert not pressed, f"the node has {', '.join(pressed)}"


def test_schedulable(node, evidence):
    """the node takes pods"""
    evidence(f"unschedulable: {str(bool(node.as_node['spec'].get('unschedulable'))).lower()}")
    assert not node.as_node["spec"].get("unschedulable"), f"{node.name} is cordoned: 'kubectl uncordon {node.name}'"


def test_labels(node, evidence):
    """the node has its labels"""
    labels = node.as_node["metadata"].get("labels", {})
    evidence("\n".join(f"{key}={value}" for key, value in labels.items()))
    wrong = [f"{key} is {labels[key] or 'empty'}, not {value or 'empty'}" if key in labels else f"{key} is missing"
             for key, value in node.target.labels.items() if labels.get(key) != value]  # fmt: skip
    assert not wrong, f"{node.name}: {', '.join(wrong)}"


def test_taints(node, evidence):
    """the node has its taints"""
    taints = node.as_node["spec"].get("taints", ())
    found = [f"{each['key']}={each.get('value', '')}:{each['effect']}".replace("=:", ":") for each in taints]
    evidence("\n".join(found) or "none")
    wrong = [f"{each} is missing" for each in node.target.taints if each not in found]
    wrong += [f"{each['key']} keeps pods away" for each in taints if each["key"] in node.target.untainted]
    assert not wrong, f"{node.name}: {', '.join(wrong)}"


def test_address(node, evidence):
    """the node is known by its addresses"""
    addresses = node.as_node["status"]["addresses"]
    evidence("\n".join(f"{each['type']}: {each['address']}" for each in addresses))
    known = [each["address"] for each in addresses if each["type"] == "InternalIP"]
    missing = [each for each in node.target.addresses if each not in known]
    assert not missing, f"the API server knows {', '.join(known) or 'none'}, not {', '.join(missing)}"
