"""Machines that kprov makes. Knows nothing of Kubernetes.

``provider(name)`` gives a ``Provider``; ``lab_request(spec, public_key)`` what to ask of it. See ``docs/lab.md``.
"""

from kprov.lab.providers import lab_request, provider

__all__ = ["lab_request", "provider"]
