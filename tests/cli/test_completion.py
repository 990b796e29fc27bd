"""`completion` prints scripts that shells understand."""

import shutil
import subprocess

import pytest

SHELLS = ("bash", "zsh", "fish")


def needs(shell):
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"{shell} is not installed")


@pytest.mark.parametrize("shell", [pytest.param(shell, marks=needs(shell)) for shell in SHELLS])
def test_the_shell_parses_the_script(call, tmp_path, shell):
    script = tmp_path / "script"
    script.write_text(call("completion", shell, check=0).out)
    done = subprocess.run([shell, "-n", script], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@needs("bash")
@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("persidict ex", ["export"]),
        ("persidict --debug com", ["completion"]),
        ("persidict ls --so", ["--sort"]),
        ("persidict put data key --if", ["--if-absent", "--if-etag"]),
        ("persidict ls da", []),
    ],
)
def test_bash_completes(call, words, completed):
    script = call("completion", "bash", check=0).out
    probe = f"""{script}
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _persidict
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.split() == completed


@needs("fish")
@pytest.mark.parametrize(
    ("words", "completed"),
    [("persidict ex", {"export"}), ("persidict ls --sort ", {"name", "size", "time"})],
)
def test_fish_completes(call, words, completed):
    script = call("completion", "fish", check=0).out
    probe = f"{script}\ncomplete -C '{words}'"
    done = subprocess.run(["fish", "-c", probe], capture_output=True, text=True, check=True)
    assert {line.split("\t")[0] for line in done.stdout.splitlines()} == completed


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_and_option_is_in_the_script(call, shell):
    script = call("completion", shell, check=0).out
    for name in ("ls", "import", "completion", "max-depth", "target-signing-key-file"):
        assert name in script


def test_other_shells(call):
    assert "bash" in call("completion", "tcsh", check=2).err
