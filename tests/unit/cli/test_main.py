"""Every way in which a command can end: its words on stderr and its exit code."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from kprov.cli import main
from kprov.cli.lazy import Entry, Section
from kprov.cli.options import Settings, common_options, file_option, output_option, to_option
from kprov.errors import (
    CheckFailed,
    InputError,
    Interrupted,
    KprovError,
    PlaybookError,
    Problem,
    SpecError,
    UnreachableError,
)

Raise = Callable[[], None]


@dataclass
class Fake:
    """A command of the tests' own, and what it was given."""

    act: Raise = lambda: None
    settings: Settings | None = None
    file: Path | None = None
    output: str = ""
    to: Path | None = None


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    """``kprov fake`` and ``kprov group fake``, which note what they are given and then do as told."""
    for name in ("NO_COLOR", "KPROV_FILE", "_KPROV_COMPLETE"):
        monkeypatch.delenv(name, raising=False)
    noted = Fake()

    @click.command("fake")
    @file_option
    @output_option
    @to_option
    @common_options
    @click.pass_obj
    def command(settings: Settings, file: Path, output: str, to: Path | None) -> None:
        """Do as told."""
        noted.settings, noted.file, noted.output, noted.to = settings, file, output, to
        noted.act()

    @click.group()
    @common_options
    def group() -> None:
        """Hold a command."""

    group.add_command(command)
    monkeypatch.setitem(sys.modules, "fake_commands", type("M", (), {"command": command, "group": group}))
    sections = (
        Section("Test", (Entry("fake", "fake_commands:command", "F."), Entry("group", "fake_commands:group", "G."))),
    )
    monkeypatch.setattr(main.kprov, "sections", sections)
    return noted


def raising(error: BaseException) -> Raise:
    def act() -> None:
        raise error

    return act


SPEC = SpecError([Problem("c.yaml", 3, "nodes", "none", "one"), Problem("c.yaml", 9, "ssh", "odd", "even")])
ENDINGS: dict[str, tuple[BaseException, int, str]] = {
    "bad input": (InputError("no podman", remedy="Install it."), 2, "error: no podman\n  do: Install it.\n"),
    "spec": (SPEC, 2, "c.yaml:9  ssh\n    wrong: odd\n    right: even\n"),
    "check": (CheckFailed("2 checks failed"), 1, "error: 2 checks failed\n"),
    "host": (UnreachableError("m1 is silent", where="10.0.0.11"), 3, "where: 10.0.0.11"),
    "playbook": (PlaybookError("a task failed", why="etcd"), 4, "why: etcd"),
    "interrupted": (Interrupted("stopped"), 130, "interrupted: run the same command again"),
    "control-c": (KeyboardInterrupt(), 130, "interrupted: run the same command again"),
    "control-c at a prompt": (click.Abort(), 130, "interrupted: run the same command again"),
    "usage": (click.UsageError("Give a name."), 2, "error: give a name\n"),
    "disk full": (
        OSError(errno.ENOSPC, "No space left on device", "/x/y"),
        2,
        "error: the disk is full\n  where: /x/y",
    ),
    "no permission": (PermissionError(errno.EACCES, "Permission denied", "/root/k"), 2, "error: permission denied\n"),
    "read-only": (OSError(errno.EROFS, "Read-only file system", "/y"), 2, "error: the file system is read-only"),
    "own bug": (KprovError("impossible"), 70, "error: impossible"),
    "bug": (
        ZeroDivisionError("division by zero"),
        70,
        "error: this is a bug in kprov\n  why: ZeroDivisionError: division",
    ),
    "file bug": (FileNotFoundError(errno.ENOENT, "No such file", "x"), 70, "error: this is a bug in kprov"),
    "broken pipe of a child": (BrokenPipeError(errno.EPIPE, "Broken pipe"), 70, "error: this is a bug in kprov"),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_every_end_has_its_words_and_its_code(name: str, fake: Fake, capfd: pytest.CaptureFixture[str]) -> None:
    error, code, words = ENDINGS[name]
    fake.act = raising(error)
    assert main.run(["fake"]) == code
    out, err = capfd.readouterr()
    assert words.replace(" ", "") in err.replace(" ", "")
    assert "Traceback" not in err
    assert out == ""


@pytest.mark.parametrize("name", ["bad input", "bug", "control-c"])
@pytest.mark.parametrize("arguments", [["--debug", "fake"], ["fake", "--debug"], ["group", "--debug", "fake"]])
def test_a_traceback_with_debug_wherever_it_stands(
    name: str, arguments: list[str], fake: Fake, capfd: pytest.CaptureFixture[str]
) -> None:
    error, code, _ = ENDINGS[name]
    fake.act = raising(error)
    assert main.run(arguments) == code
    assert "Traceback" in capfd.readouterr().err


def test_a_bug_says_how_to_see_more(fake: Fake, capfd: pytest.CaptureFixture[str]) -> None:
    fake.act = raising(RuntimeError("one\ntwo"))
    main.run(["fake"])
    assert capfd.readouterr().err == (
        "error: this is a bug in kprov\n  why: RuntimeError: one\n  do:  Add --debug to see the traceback.\n"
    )


def test_secrets_in_errors_are_not_shown(fake: Fake, capfd: pytest.CaptureFixture[str]) -> None:
    fake.act = raising(PlaybookError("a task failed", why="kubeadm join --token abcdef.0123456789abcdef"))
    main.run(["fake"])
    assert "0123456789abcdef" not in capfd.readouterr().err


def test_success_and_an_exit_of_the_commands_own(fake: Fake) -> None:
    assert main.run(["fake"]) == 0
    fake.act = raising(click.exceptions.Exit(1))
    assert main.run(["fake"]) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fka"], "error: no command 'fka'"),
        (["fakee"], "did you mean 'fake'?"),
        (["fake", "--nonsense"], "error: no such option"),
        (["fake", "-o", "yaml"], "'yaml' is not one of"),
        (["fake", "extra"], "error: got unexpected extra argument"),
        (["group", "nothing"], "See 'kprov group --help'."),
    ],
)
def test_usage_errors_look_like_all_errors(
    arguments: list[str], words: str, fake: Fake, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main.run(arguments) == 2
    err = capfd.readouterr().err
    assert err.startswith("error: ")
    assert words in err
    assert "--help'." in err


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        (["fake"], Settings()),
        (["-v", "fake"], Settings(verbosity="verbose")),
        (["fake", "--quiet"], Settings(verbosity="quiet")),
        (["--no-color", "fake", "--debug"], Settings(color=False, debug=True)),
        (["--debug", "group", "-v", "fake", "--no-color"], Settings(color=False, debug=True, verbosity="verbose")),
        (["-q", "fake", "-v"], Settings(verbosity="verbose")),
    ],
)
def test_global_flags_work_before_and_after_the_command(arguments: list[str], settings: Settings, fake: Fake) -> None:
    assert main.run(arguments) == 0
    assert fake.settings == settings


def test_flags_do_not_outlive_their_run(fake: Fake) -> None:
    main.run(["fake", "--debug", "-v"])
    main.run(["fake"])
    assert fake.settings == Settings()


def test_environment(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    main.run(["fake"])
    assert (fake.file, fake.output, fake.to) == (Path("cluster.yaml"), "table", None)
    monkeypatch.setenv("KPROV_FILE", "lab/cluster.yaml")
    monkeypatch.setenv("NO_COLOR", "1")
    main.run(["fake", "-o", "json", "--to", "out"])
    assert (fake.file, fake.output, fake.to) == (Path("lab/cluster.yaml"), "json", Path("out"))
    assert fake.settings == Settings(color=False)
    main.run(["fake", "-f", "given.yaml"])
    assert fake.file == Path("given.yaml")


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every real command and the commands of groups, loaded."""
    todo: list[tuple[str, click.Command]] = [(name, entry.load()) for name, entry in main.kprov.entries.items()]
    while todo:
        name, command = todo.pop()
        yield name, command
        if isinstance(command, click.Group):
            todo += [(f"{name} {child}", inner) for child, inner in command.commands.items()]


@pytest.mark.parametrize(("name", "command"), [pytest.param(n, c, id=n) for n, c in commands()])
def test_every_command_explains_itself_and_takes_the_global_flags(name: str, command: click.Command) -> None:
    assert len((command.help or "").split()) >= 10, "a phrase is no help"
    options = {option for parameter in command.params for option in parameter.opts}
    if not isinstance(command, click.Group):
        assert {"--debug", "--no-color", "--quiet", "--verbose"} <= options
    for parameter in command.params:
        assert not isinstance(parameter, click.Option) or parameter.help, f"{parameter.name} has no help"


def test_table_and_commands_agree() -> None:
    for name, entry in main.kprov.entries.items():
        assert entry.load().name == name
        assert entry.help.endswith(".")


def test_help_lists_every_command_without_importing_one() -> None:
    code = (
        "import sys; from kprov.cli.main import run; run(['--help']);"
        "heavy = {'rich', 'pydantic', 'yaml', 'jinja2', 'paramiko'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for name, entry in main.kprov.entries.items():
        assert f"  {name} " in done.stdout
        assert entry.help.split(".")[0][:30] in " ".join(done.stdout.split())


def program(act: str) -> list[str]:
    """A Python that runs kprov's entry point with a command that does ``act``."""
    code = (
        "import sys, time, click, types; from kprov.cli import main; from kprov.cli.lazy import Entry, Section\n"
        "@click.command('fake')\n"
        f"def fake():\n    {act}\n"
        "sys.modules['fakes'] = types.SimpleNamespace(fake=fake)\n"
        "main.kprov.sections = (Section('Test', (Entry('fake', 'fakes:fake', 'F.'),)),)\n"
        "sys.argv = ['kprov', 'fake']; main.main()"
    )
    return [sys.executable, "-c", code]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_interrupt_cleanly(number: signal.Signals) -> None:
    act = "print('ready', flush=True); time.sleep(60)"
    with subprocess.Popen(program(act), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err == "interrupted: run the same command again, and it goes on from there\n"


def test_a_reader_that_goes_away_is_no_error() -> None:
    act = "[print('x' * 1000, flush=True) for _ in iter(lambda: time.sleep(0.001), 1)]"
    with subprocess.Popen(program(act), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
        assert process.wait(timeout=20) == 141
    assert err == ""


def test_a_name_that_the_locale_cannot_write_is_no_error() -> None:
    environment = os.environ | {"PYTHONIOENCODING": "iso-8859-1"}
    done = subprocess.run(
        program("click.echo('za\\u017c')"), capture_output=True, text=True, check=False, env=environment
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "za\\u017c\n", "")
