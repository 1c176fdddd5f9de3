"""What runs in a cluster beside Kubernetes itself: networks, services and dashboards, each as the objects that it is."""
