"""kprov makes a multi-master Kubernetes cluster from bare machines, or from none, and proves that it works."""

__version__ = "0.1.0"
