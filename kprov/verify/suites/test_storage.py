"""Volumes: one default StorageClass, and a text that outlives the pod that wrote it."""

import pytest

from kprov.verify.view import is_default
from kprov.verify.workloads import shortage


def test_default(default_class, cluster):
    """{default_class} is the one default StorageClass"""
    defaults = sorted(name for name, each in cluster.view.classes.items() if is_default(each))
    missing = "" if default_class.name in cluster.view.classes else f"there is no StorageClass {default_class}; "
    assert defaults == [default_class.name], f"{missing}by default it is {' and '.join(defaults) or 'none'}"


def test_round_trip(storage_class, settings, cluster, evidence, network_fault):
    """a pod reads from a volume of {storage_class} what another wrote"""
    if storage_class.default and storage_class.name not in cluster.view.classes:
        pytest.skip(f"there is no StorageClass {storage_class}")
    assert storage_class.name in cluster.view.classes, f"there is no StorageClass {storage_class}"
    trip = cluster.trip
    if trip is None:
        pytest.skip(f"there was no StorageClass {storage_class}")
    evidence(f"the volume was on {trip.node or 'no node'}")
    if trip.failed:
        ours = [each for each in settings.promised.services if each.addon == storage_class.addon]
        short = [text for each in ours if (text := shortage(each, cluster.view.workload(each)))]
        fault = "; ".join(short) or network_fault(trip.node)
        if fault:
            pytest.skip(fault)
    assert not trip.failed, trip.failed
