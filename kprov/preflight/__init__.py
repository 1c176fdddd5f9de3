"""Are these machines fit to become the cluster: facts in one round over SSH, rules as pure functions, findings.

``gather`` asks all machines; ``expect`` says what the cluster file wants of them; ``judge`` compares.
"""

from kprov.preflight.expectations import Expectations, expect
from kprov.preflight.facts import HostFacts, Unreachable
from kprov.preflight.finding import Finding
from kprov.preflight.gather import gather
from kprov.preflight.judge import judge, rule_names

__all__ = ["Expectations", "Finding", "HostFacts", "Unreachable", "expect", "gather", "judge", "rule_names"]
