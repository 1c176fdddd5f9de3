"""The program ``kprov``: its commands, and how every way to end becomes words and an exit code."""

from __future__ import annotations

import errno
import io
import os
import select
import shutil
import signal
import sys
import traceback
from typing import TYPE_CHECKING

import click

from kprov.cli.lazy import Entry, LazyGroup, Section
from kprov.cli.options import Settings, common_options, settings_of
from kprov.console.errors import render_error
from kprov.errors import InputError, Interrupted, KprovError
from kprov.report.redact import redact

if TYPE_CHECKING:
    from collections.abc import Sequence

# The order in which a person meets them. A command's module is imported only when the command is run.
COMMANDS = (
    Section(
        "Describe",
        (
            Entry("init", "kprov.cli.init:init", "Write a commented cluster file to begin with."),
            Entry("spec", "kprov.cli.spec:spec", "Check the cluster file, show it in full, print its schema."),
            Entry("inventory", "kprov.cli.inventory:inventory", "Render the Ansible inventory, or import one."),
        ),
    ),
    Section(
        "Make",
        (
            Entry("bundle", "kprov.cli.bundle:bundle", "Gather, list and verify what a cluster is made of."),
            Entry("release", "kprov.cli.release:release", "Show the versions of Kubernetes, and keep them up to date."),
            Entry("lab", "kprov.cli.lab:lab", "Make, show and remove the machines of a lab."),
            Entry("trust", "kprov.cli.trust:trust", "Let every machine know our key, and pin its host key."),
            Entry("preflight", "kprov.cli.preflight:preflight", "Check the machines before anything is changed."),
            Entry("plan", "kprov.cli.plan:plan", "See what 'up' would change, host by host; change nothing."),
            Entry("up", "kprov.cli.up:up", "Make the cluster, from bare machines to the proof that it works."),
        ),
    ),
    Section(
        "Use",
        (
            Entry("verify", "kprov.cli.verify:verify", "Prove that the cluster works, with a check for everything."),
            Entry("addons", "kprov.cli.addons:addons", "List, enable and disable what runs beside Kubernetes."),
            Entry(
                "dashboard", "kprov.cli.dashboard:dashboard", "Open the way to the dashboard, with a short-lived token."
            ),
            Entry("kubeconfig", "kprov.cli.kubeconfig:kubeconfig", "Fetch the kubeconfig and merge it into yours."),
            Entry("shell-setup", "kprov.cli.shell_setup:shell_setup", "Make kubectl comfortable in your own shell."),
            Entry("encryption", "kprov.cli.encryption:encryption", "See how objects are stored, and change the key."),
            Entry("report", "kprov.cli.report:report", "Write the last run as one HTML page."),
        ),
    ),
)

_INTERRUPTED = Interrupted.exit_code
_BUG = KprovError.exit_code
# What a shell reports for a program that SIGPIPE ended: 128 + 13.
_BROKEN_PIPE = 141


@click.group(
    cls=LazyGroup,
    sections=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done; 1 the answer is no; 2 bad input; 3 a host cannot be reached; 4 a playbook failed; "
    "70 a bug; 130 interrupted.",
)
@click.version_option(package_name="kprov", message="kprov %(version)s")
@common_options
@click.pass_context
def kprov(context: click.Context) -> None:
    """From bare Linux machines, or from none, to a multi-master Kubernetes cluster that has been proven to work.

    Write a cluster file with 'kprov init', then 'kprov up'. Everything may be repeated: what is done is not done again,
    and what was interrupted goes on from there.
    """
    context.obj = settings_of(context)


def main() -> None:
    """The entry point, once everything is loaded."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name)
        if signal.getsignal(number) is not signal.SIG_IGN:  # a parent that ignores it (nohup) is obeyed
            signal.signal(number, signal.default_int_handler)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that the locale cannot write is no reason to fail
    code = run(sys.argv[1:])
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # nothing is left to interrupt, only the interpreter that ends
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; whatever goes wrong is told on stderr."""
    complete = os.environ.get("_KPROV_COMPLETE")
    if complete:
        from click.shell_completion import shell_complete  # noqa: PLC0415 - only the shell asks

        return shell_complete(kprov, {}, "kprov", "_KPROV_COMPLETE", complete)
    context: click.Context | None = None
    try:
        with kprov.make_context("kprov", list(arguments)) as context:
            kprov.invoke(context)
        if sys.stdout:  # closed by whoever started us
            sys.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except (KeyboardInterrupt, Exception) as error:
        if isinstance(error, BrokenPipeError) and _reader_is_gone():
            _forget_stdout()
            return _BROKEN_PIPE
        settings = settings_of(context)
        if settings.debug:
            traceback.print_exc()
        return _tell(error, settings)
    return 0


def _tell(error: BaseException, settings: Settings) -> int:
    """Say on stderr what happened, and return the exit code."""
    match error:
        case KeyboardInterrupt() | click.Abort() | Interrupted():
            after_control_c = "\n" if sys.stderr.isatty() else ""
            click.echo(f"{after_control_c}interrupted: run the same command again, and it goes on from there", err=True)
            return _INTERRUPTED
        case click.exceptions.NoArgsIsHelpError():
            error.show()
            return error.exit_code
        case click.ClickException():
            shown: KprovError = _usage(error)
        case KprovError():
            shown = error
        case OSError() if error.errno in _MACHINE:
            shown = _machine(error)
        case _:
            remedy = "Report it with the traceback above." if settings.debug else "Add --debug to see the traceback."
            shown = KprovError(
                "this is a bug in kprov", why=f"{type(error).__name__}: {error}".splitlines()[0], remedy=remedy
            )
    color = settings.color and sys.stderr.isatty()
    click.echo(redact(render_error(shown, width=_width(), color=color)), err=True, color=color)
    return shown.exit_code


def _usage(error: click.ClickException) -> InputError:
    """An error of click's as one of ours."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else "kprov"
    message = error.format_message().rstrip(".")
    return InputError(message[:1].lower() + message[1:], remedy=f"See '{path} --help'.")


_MACHINE = {
    errno.ENOSPC: ("the disk is full", "Free some space and run the same command again; it goes on from there."),
    errno.EDQUOT: ("the disk quota is used up", "Free some space and run the same command again."),
    errno.EROFS: ("the file system is read-only", "Choose a place that can be written, or mount it so."),
    errno.EACCES: ("permission denied", "Run as a user who may do this, or mend the permissions."),
    errno.EPERM: ("operation not permitted", "Run as a user who may do this: most likely root."),
}


def _machine(error: OSError) -> InputError:
    """What this machine refuses, in proper words."""
    what, remedy = _MACHINE[error.errno or 0]
    return InputError(what, where=str(error.filename or ""), why=error.strerror or "", remedy=remedy)


def _width() -> int | None:
    """The width to wrap to: the terminal's, less a margin; None where stderr is none."""
    return shutil.get_terminal_size().columns - 1 if sys.stderr.isatty() else None


def _reader_is_gone() -> bool:
    """Whether stdout is a pipe that nobody reads; a broken pipe to a program that we started is a bug of ours."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _forget_stdout() -> None:
    """Let the interpreter's last flush go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
