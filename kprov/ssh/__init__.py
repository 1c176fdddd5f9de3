"""The only seam to machines: keys, host keys, and commands over SSH.

Machines are names, addresses, ports and users here; what they are for is not known. OpenSSH's own programs (Ansible,
testinfra, people) use the files that ``config`` and ``known_hosts`` write; kprov itself speaks through paramiko.
"""
