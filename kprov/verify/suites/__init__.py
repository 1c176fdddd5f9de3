"""The suites: what is asked of a cluster, one file per part of it. ``kprov verify`` runs them."""
