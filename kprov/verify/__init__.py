"""Is this cluster what its file promises: testinfra suites against every node over SSH, in a process of their own.

``settings.settings_for`` says what the cluster file promises; ``run.verify`` asks the cluster and returns every answer.
"""
