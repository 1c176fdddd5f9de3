"""etcd: as many members as the cluster file says, each of them well, all of one mind."""

import json

import pytest

from kprov.verify.questions import member_is_well


def test_static_pod(member, settings, static_pod):
    """etcd runs"""
    if not settings.stacked_etcd:
        pytest.skip("etcd runs outside of Kubernetes")
    static_pod(f"etcd-{member.name}")


def test_healthy(member):
    """the member is healthy"""
    member.text("etcd.health")
    answer = member.ask("etcd.health")
    assert member_is_well(answer), f"/health answered {answer.text}"


def _skip_if_dead(member):
    if not member.ask("etcd.health").ok:
        pytest.skip("the member does not answer")


def test_members(member, settings, evidence):
    """the member knows all others"""
    _skip_if_dead(member)
    known = json.loads(member.text("etcd.members")).get("members", [])
    evidence("\n".join(f"{each.get('name', '(not started)')} {' '.join(each.get('peerURLs', ()))}" for each in known))
    names = sorted(each.get("name", "(not started)") for each in known)
    wanted = sorted(target.name for target in settings.etcd_members)
    assert names == wanted, f"it knows {', '.join(names) or 'none'}; the cluster file has {', '.join(wanted)}"


def test_leader(member, evidence):
    """the member follows a leader"""
    _skip_if_dead(member)
    status = json.loads(member.text("etcd.status"))
    evidence(
        f"version {status.get('version')}, {int(status.get('dbSize', 0)) // 1024} KiB, term {status.get('raftTerm')}"
    )
    members = {each["ID"]: each.get("name") for each in json.loads(member.text("etcd.members")).get("members", [])}
    assert status.get("leader") in members, "the member has no leader"
    assert not status.get("errors"), f"the member says {', '.join(status['errors'])}"
