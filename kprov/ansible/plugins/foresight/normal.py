"""In check mode: answer for machines that do not exist yet, as a bare machine would; all others are asked."""

from __future__ import annotations

DOCUMENTATION = r"""
module: normal
short_description: Answer in check mode for machines that do not exist yet
description:
  - Stands in for Ansible's own plugin C(normal), which runs every module that has no plugin of its own.
  - A host with the variable C(kprov_absent) is not reached; what each module would say on a bare machine is answered
    here. So C(when), groups and templates are worked out by Ansible itself, for these hosts as for all others.
author: ["the kprov authors"]
"""

import importlib.util
from pathlib import Path

from ansible import module_utils
from ansible.plugins import action

PLUGINS = Path(__file__).parents[1]


def loaded(path, name):
    """A Python file as a module of its own: Ansible takes this one for its C(normal)."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


Normal = loaded(Path(action.__file__).parent / "normal.py", "kprov_foresight_normal").ActionModule


def files(arguments, _name=""):
    """None of the files is there."""
    paths = [each["path"] for each in arguments.get("files", ())]
    return {"changed": bool(paths), "paths": paths}


def units(arguments, _name):
    """Units that are kprov's own come with files; of the machine's own, nothing is known."""
    return {"actions": [], **files(arguments)}


def static_pods(arguments, _name):
    """Before kubeadm was there, nothing is unsettled; what is stored in the cluster is stored for the first time."""
    parts = ["configuration"] * bool(arguments.get("upload")) + ["encryption"] * bool(arguments.get("encryption"))
    return {"changed": bool(parts), "components": parts, "settled": True}


def join_material(arguments, _name):
    """Nothing is there to be removed before; what nodes join with is taken back."""
    return {"changed": arguments.get("state") == "absent", "removed": [], "material": {}}


def encryption(arguments, _name):
    """A bare machine has no keys; the plan of the way to the first one needs no machine."""
    if arguments["state"] == "read":
        return {"changed": False, "member": False, "resources": {}}
    if arguments["state"] == "planned":
        if str(PLUGINS / "module_utils") not in module_utils.__path__:  # Ansible packs them for nodes alone
            module_utils.__path__.append(str(PLUGINS / "module_utils"))
        module = loaded(PLUGINS / "modules/kprov_encryption.py", "kprov_foresight_encryption")
        given = {"wanted": {}, "key": "", "rotate": False, "planes": {}, "founder": "", **arguments}
        return {
            "changed": False,
            **module.ask_for_plan(given),
        }
    return {"changed": False, "written": 0}


def facts(_arguments, name):
    """A machine of a lab has its name and all commands; what a box lacks is known when it runs."""
    return {"changed": False, "membership": "none", "missing": [], "family": "debian", "hostname": name}


ANSWERS = {
    "kprov_api_server": lambda _arguments, _name: {"changed": False, "lost": 0},
    "kprov_artifacts": lambda arguments, _name: {
        "changed": bool(arguments["artifacts"]),
        "fetched": [each["name"] for each in arguments["artifacts"]],
        "removed": [],
    },
    "kprov_cni_plugins": lambda _arguments, _name: {"changed": True, "copied": []},
    "kprov_control_plane": lambda _arguments, _name: {"changed": True, "etcd": "announce"},
    "kprov_encryption": encryption,
    "kprov_files": files,
    "kprov_join_material": join_material,
    "kprov_kernel": lambda _arguments, _name: {"changed": True, "actions": []},
    "kprov_kubeadm": lambda _arguments, _name: {"changed": True, "log": "", "repaired": False},
    "kprov_manifests": lambda arguments, _name: {"changed": bool(arguments["sets"]), "objects": []},
    "kprov_node_facts": facts,
    "kprov_pod_networks": lambda _arguments, _name: {"changed": False, "networks": {}},
    "kprov_ready": lambda _arguments, _name: {"changed": False, "nodes": []},
    "kprov_static_pods": static_pods,
    "kprov_swap": lambda _arguments, _name: {"changed": False, "actions": []},
    "kprov_units": units,
}
"""By module what it would say on a bare machine, from its arguments and the machine's name."""


class ActionModule(Normal):
    """What runs a module on a host, or answers for it."""

    def run(self, tmp=None, task_vars=None):
        """The module's answer; a module without one here changes a bare machine, as far as one can know."""
        name = self._task.delegate_to or task_vars["inventory_hostname"]
        if not task_vars["hostvars"][name].get("kprov_absent", False):
            return super().run(tmp, task_vars)
        answer = ANSWERS.get(self._task.action.rpartition(".")[2])
        return answer(self._task.args, name) if answer else {"changed": True}
