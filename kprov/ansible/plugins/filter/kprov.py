"""Filters: choosing among nodes by what the role ``node`` found on them, and reading secrets."""

from __future__ import annotations


def _membership(name, hostvars):
    return hostvars[name]["node_facts"]["membership"]


def seed(nodes, hostvars):
    """The control plane that speaks for the cluster: the first that is a member, else the first, which will found it.

    So a first control plane that was lost and made anew joins the living cluster and never founds a second one.
    """
    names = [node["name"] for node in nodes if node["control_plane"]]
    return next((name for name in names if _membership(name, hostvars) == "member"), names[0])


def parts(nodes, hostvars, name):
    """The groups that a node is in while a playbook runs: what the plays after the first look have to do on it.

    ``kprov_seed`` speaks for the cluster and ``kprov_founder`` founds it; ``kprov_joining`` are no members yet, and
    ``kprov_joining_planes`` those of them that become control planes.
    """
    member = _membership(name, hostvars) == "member"
    if name == seed(nodes, hostvars):
        return ["kprov_seed"] if member else ["kprov_seed", "kprov_founder"]
    if member:
        return []
    plane = any(node["control_plane"] for node in nodes if node["name"] == name)
    return ["kprov_joining", "kprov_joining_planes"] if plane else ["kprov_joining"]


def joiners(nodes, hostvars):
    """The nodes that are no members yet, but for the one that founds the cluster.

    ``prepared`` says that the cluster knows the node already, from a join that was cut off and is gone on with.
    """
    founder = seed(nodes, hostvars)
    others = [(node, _membership(node["name"], hostvars)) for node in nodes if node["name"] != founder]
    return [{**node, "prepared": state == "prepared"} for node, state in others if state != "member"]


def before(nodes, hostvars, name):
    """The address of the control plane that joins just before this one; empty for the first, and for workers."""
    planes = [node for node in joiners(nodes, hostvars) if node["control_plane"]]
    names = [node["name"] for node in planes]
    return planes[names.index(name) - 1]["address"] if name in names[1:] else ""


def read_secrets(secrets):
    """Secrets with the content of their files, without the line end, in the place of the files' paths."""
    names = ("set", "namespace", "name", "key")
    return [
        {**{name: each[name] for name in names}, "also": each.get("also", {}), "value": _line(each["file"])}
        for each in secrets
    ]


def read_key(path):
    """The one line of a file; empty without a path."""
    return _line(path) if path else ""


def had(nodes, hostvars):
    """What the control planes have to encrypt with, by their names, as the role control_plane registered it."""
    names = [node["name"] for node in nodes if node["control_plane"]]
    return {name: {key: hostvars[name]["control_plane_keys"][key] for key in ("member", "resources")} for name in names}


def _line(path):
    with open(path, encoding="utf-8") as handle:
        return handle.read().rstrip("\r\n")


class FilterModule:
    """The filters by name."""

    def filters(self):
        """What Ansible asks for."""
        return {
            "kprov_parts": parts,
            "kprov_joiners": joiners,
            "kprov_before": before,
            "kprov_read_secrets": read_secrets,
            "kprov_read_key": read_key,
            "kprov_had": had,
        }
