"""Spec to Ansible inventory in kubespray's shape, and such inventories back to a cluster file."""
