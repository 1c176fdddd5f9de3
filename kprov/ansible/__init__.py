"""Reaches Ansible: runs playbooks as a process and turns what they say into events."""
