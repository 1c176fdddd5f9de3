"""What kubeadm 1.20 and 1.33 print when they fail, and what of it a user is told."""

from __future__ import annotations

import pytest
from ansible.module_utils.kprov_phases import first_errors

PREFLIGHT = """\
[init] Using Kubernetes version: v1.20.2
[preflight] Running pre-flight checks
	[WARNING Service-Docker]: docker service is not enabled, please run 'systemctl enable docker.service'
error execution phase preflight: [preflight] Some fatal errors occurred:
	[ERROR NumCPU]: the number of available CPUs 1 is less than the required 2
	[ERROR Port-6443]: Port 6443 is in use
	[ERROR Swap]: running with swap on is not supported. Please disable swap
[preflight] If you know what you are doing, you can make a check non-fatal with `--ignore-preflight-errors=...`
To see the stack trace of this error execute with --v=5 or higher
"""
KUBELET_CHECK = """\
[kubelet-check] It seems like the kubelet isn't running or healthy.
[kubelet-check] The HTTP call equal to 'curl -sSL http://localhost:10248/healthz' failed with error: Get \
"http://localhost:10248/healthz": dial tcp 127.0.0.1:10248: connect: connection refused.
"""
KUBELET_DOWN = f"""\
[wait-control-plane] Waiting for the kubelet to boot up the control plane as static Pods. This can take up to 4m0s
[kubelet-check] Initial timeout of 40s passed.
{KUBELET_CHECK * 5}
	Unfortunately, an error has occurred:
		timed out waiting for the condition

	This error is likely caused by:
		- The kubelet is not running
		- The kubelet is unhealthy due to a misconfiguration of the node in some way (required cgroups disabled)

	If you are on a systemd-powered system, you can try to troubleshoot the error with the following commands:
		- 'systemctl status kubelet'
		- 'journalctl -xeu kubelet'

error execution phase wait-control-plane: couldn't initialize a Kubernetes cluster
To see the stack trace of this error execute with --v=5 or higher
"""
TOKEN = """\
[preflight] Running pre-flight checks
[discovery] Failed to request cluster-info, will try again: Unauthorized
error execution phase preflight: couldn't validate the identity of the API Server: could not find a JWS signature in \
the cluster-info ConfigMap for token ID "abcdef"
To see the stack trace of this error execute with --v=5 or higher
"""
UNKNOWN = "one\ntwo\nthree\nfour\nfive\nsix\nseven\n"


def test_every_failed_check_is_told_and_no_warning():
    told = first_errors(PREFLIGHT).splitlines()
    assert [line.split("]")[0] for line in told[1:]] == ["[ERROR NumCPU", "[ERROR Port-6443", "[ERROR Swap"]


def test_a_kubelet_that_does_not_answer_is_told_once_and_not_five_times():
    told = first_errors(KUBELET_DOWN)
    assert told.count("connection refused") == 1
    assert "- The kubelet is not running" in told
    assert len(told.splitlines()) <= 6


@pytest.mark.parametrize("output", [TOKEN])
def test_a_refused_token_is_told_by_its_cause(output):
    assert first_errors(output).startswith("error execution phase preflight: couldn't validate the identity")


def test_where_nothing_is_recognised_the_end_is_told():
    assert first_errors(UNKNOWN).splitlines() == ["two", "three", "four", "five", "six", "seven"]


def test_a_warning_of_the_log_is_no_error():
    warning = (
        "W1121 08:33:28.683222     235 common.go:148] WARNING: could not obtain a bind address for the API Server\n"
    )
    error = "error execution phase kubelet-start: error uploading crisocket: unexpected EOF\n"
    assert first_errors(warning + error) == error.strip()
