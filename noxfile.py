"""The project's tasks. `python dev.py --list` shows them, `python dev.py tests` runs one."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from pathlib import Path

import nox

ROOT = Path(__file__).parent
PACKAGES = ROOT / "packages"
WHEELS = ROOT / "build" / "wheels"
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]

# What an environment holds after `pip install <distribution>`, itself apart: everything that its
# users get and therefore have to trust. Whatever else turns up fails the `alone` session.
CODECS = {"cloudpickle", "jsonpickle"}
FAST = {"lz4", "orjson"}
BOTO3 = {"boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"}
CONTENTS = {
    "persidict-core": set(),
    "persidict-file": {"persidict-core"} | CODECS,
    "persidict-wrappers": {"persidict-core"},
    "persidict-s3": {"persidict-core", "persidict-file", "persidict-wrappers"} | CODECS | BOTO3,
}
CONTENTS["persidict-adapters"] = {"persidict-core"}
CONTENTS["persidict"] = CONTENTS["persidict-s3"] | {"persidict-s3"} | FAST

# The groups that a distribution's own tests can't do without, beyond test-base.
ALONE_NEEDS = {"persidict-s3": ["moto"]}

# What is tested without the GIL. orjson and lz4 have no wheels for such a Python.
FREE_THREADED = ("core", "aio", "file", "wrappers", "s3", "conformance", "ecosystem", "torture")

nox.needs_version = ">=2025.5"
nox.options.sessions = ["tests"]
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.download_python = "never"
# A missing interpreter is skipped on a developer's machine; the workflow installs them all and
# insists. (nox would insist wherever CI is set.)
nox.options.error_on_missing_interpreters = "PERSIDICT_REQUIRE_PYTHONS" in os.environ


def offer_pyenv_interpreters() -> None:
    """Put pyenv's interpreters on the path: its shims refuse versions that aren't activated."""
    home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [
        str(directory)
        for version in PYTHONS
        for directory in sorted(home.glob(f"{version}.*/bin"))
        if (directory / f"python{version}").exists()
    ]
    os.environ["PATH"] = os.pathsep.join([*found, os.environ["PATH"]])


offer_pyenv_interpreters()


def group(name: str) -> list[str]:
    """Return the requirements of a dependency group in pyproject.toml."""
    return nox.project.dependency_groups(PROJECT, name)


def part(distribution: str) -> str | None:
    """Return the import name under `persidict` of a distribution's part, if it holds code."""
    name = distribution.removeprefix("persidict-")
    return name if (PACKAGES / distribution / "src" / "persidict" / name).is_dir() else None


def parts() -> list[str]:
    """Return the parts that hold code."""
    return [name for distribution in CONTENTS if (name := part(distribution))]


def install_editable(session: nox.Session, *requirements: str) -> None:
    """Install all distributions from their sources, and what else is asked for."""
    # What builds them is installed once, instead of into six environments, one per distribution.
    session.install(*group("editable"))
    sources = [arg for name in CONTENTS for arg in ("--editable", str(PACKAGES / name))]
    session.install("--no-build-isolation", *sources)
    if requirements:
        session.install(*requirements)


def say(session: nox.Session, what: str) -> None:
    """End a session with one line that says what happened."""
    version = session.run(
        "python", "-c", "import platform; print(platform.python_version())", silent=True, log=False
    )
    print(f"{session.name}: {what} on Python {str(version).strip()}", flush=True)


def is_quick(session: nox.Session) -> bool:
    """Tell whether the command line asks for the short form that `.ci/run` has the time for."""
    return session.posargs == ["quick"]


def asked(session: nox.Session) -> list[str]:
    """Return what the command line asks pytest for."""
    return [] if is_quick(session) else session.posargs


def pytest(session: nox.Session, *arguments: str) -> None:
    """Run pytest on two workers, with what else the command line asks for."""
    session.run("python", "-m", "pytest", "-n", "2", *arguments, *asked(session))


def whole_suite(session: nox.Session) -> None:
    """The whole test suite on the sources, installed as editable."""
    install_editable(session, *group("test"))
    pytest(session)
    say(session, "all tests passed" if not session.posargs else "the chosen tests passed")


nox.session(whole_suite, name="tests", python=None)
for _version in PYTHONS:
    nox.session(whole_suite, name=f"tests-{_version}", python=_version)


@nox.session(name="tests-3.14t", python="3.14t")
def free_threaded(session: nox.Session) -> None:
    """The tests of the parts without the GIL, and without the codecs that need it."""
    sources = [arg for name in CONTENTS for arg in ("--editable", str(PACKAGES / name))]
    session.install("--no-deps", *sources)
    session.install(*group("test-base"), *group("free-threaded"))
    pytest(session, *([] if session.posargs else [f"tests/{name}" for name in FREE_THREADED]))
    say(session, "the tests passed without the GIL")


def build_wheels(session: nox.Session) -> None:
    """Build all distributions as a release would, wheel from sdist, once per run of nox."""
    if build_wheels.__dict__.setdefault("done", False):
        return
    session.install("pip", *group("packaging"))
    shutil.rmtree(WHEELS, ignore_errors=True)
    for name in CONTENTS:
        session.run(
            *("python", "-m", "build", "--no-isolation", "--outdir", str(WHEELS)),
            str(PACKAGES / name),
            silent=True,
        )
    build_wheels.__dict__["done"] = True


def built(name: str) -> str:
    """Return the path of a distribution's wheel."""
    (wheel,) = WHEELS.glob(f"{name.replace('-', '_')}-[0-9]*.whl")
    return str(wheel)


@nox.session
@nox.parametrize("dist", [nox.param(name, id=name) for name in CONTENTS])
def alone(session: nox.Session, dist: str) -> None:
    """Install one built distribution into an empty environment, look what came, test it there.

    `-- quick` runs conformance and the examples alone, without the part's other tests.
    """
    session.install("pip", *group("packaging"))
    build_wheels(session)
    empty = Path(session.create_tmp()) / "empty"
    session.run("python", "-m", "venv", "--without-pip", "--clear", str(empty), silent=True)
    python = str(empty / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    pip = ("python", "-m", "pip", "--python", python)
    session.run(*pip, "install", "--quiet", "--find-links", str(WHEELS), built(dist))
    listing = session.run(*pip, "list", "--format", "json", silent=True, log=False)
    installed = {entry["name"].lower(): entry["version"] for entry in json.loads(str(listing))}
    print("installed:", ", ".join(f"{name} {installed[name]}" for name in sorted(installed)))
    if undeclared := installed.keys() - CONTENTS[dist] - {dist}:
        session.error(f"{dist} brings what it doesn't declare: {', '.join(sorted(undeclared))}")
    if missing := CONTENTS[dist] - installed.keys():
        session.error(f"{dist} should bring {', '.join(sorted(missing))}")
    session.run(python, "-c", "from persidict import *", external=True)

    needed = ["test-base", *ALONE_NEEDS.get(dist, [])]
    needs = [requirement for name in needed for requirement in group(name)]
    session.run(*pip, "install", "--quiet", *needs)
    # The tests that are about this part. What the whole brings as a whole is what `together` tests.
    own = part(dist)
    chosen = ["-m", f"{own} and not s3_real and not slow"] if own else []
    paths = ["tests/conformance", *([] if is_quick(session) else [f"tests/{own}"])] if own else []
    arguments = ("-q", *(asked(session) or [*chosen, *paths, "tests/test_doctests.py"]))
    session.run(python, "-m", "pytest", "-n", "2", *arguments, external=True)
    say(session, f"{dist} works alone, with {len(installed) - 1} other distributions,")


@nox.session
def together(session: nox.Session) -> None:
    """Install all built distributions together, and test what is not about one part of them.

    `-- quick` runs the examples, and the tests of installations and the command line.
    """
    session.install("pip")  # an environment of uv's has none
    build_wheels(session)
    names = list(CONTENTS)
    session.run("python", "-m", "pip", "uninstall", "--quiet", "--yes", *names, silent=True)
    session.install(*(built(name) for name in names), *group("test"))
    if is_quick(session):
        chosen = ["tests/cli", "tests/ecosystem", "tests/packaging", "tests/test_doctests.py"]
    else:
        own = {part(name) for name in names} | {"support", "benchmarks", "typing", "__pycache__"}
        chosen = sorted(str(path) for path in (ROOT / "tests").iterdir() if path.name not in own)
        # What of conformance is about one part has run with that part alone.
        chosen += [f"--ignore=tests/conformance/test_{name}.py" for name in ("local", *parts())]
    pytest(session, *([] if asked(session) else ["-m", "not s3_real and not slow", *chosen]))
    say(session, "the tests passed on the built wheels")


@nox.session
def upgrade(session: nox.Session) -> None:
    """Upgrade from the published package, install and uninstall, with two pips and with uv."""
    session.install("--upgrade", "pip", "uv", *group("packaging"))
    build_wheels(session)
    directory = Path(session.create_tmp()).resolve() / "upgrade"
    shutil.rmtree(directory, ignore_errors=True)
    session.run("python", "tools/check_upgrade.py", str(WHEELS), str(directory))
    say(session, "every installer leaves a working package")


@nox.session
def lint(session: nox.Session) -> None:
    """Check rules and format. `-- --fix` mends both."""
    session.install(*group("lint"))
    if "--fix" in session.posargs:
        session.run("ruff", "check", "--fix", ".")
        session.run("ruff", "format", ".")
    else:
        session.run("ruff", "check", ".")
        session.run("ruff", "format", "--check", ".")
    say(session, "rules and format are kept")


@nox.session
def types(session: nox.Session) -> None:
    """Check the installed packages and `tests/typing` with mypy, pyright, ty and pyrefly."""
    install_editable(session, "pip", *group("packaging"), *group("types"))
    names = [*parts(), "aio"]
    names.remove("adapters")  # checked where its frameworks are installed
    packages = [arg for name in names for arg in ("-p", f"persidict.{name}")]
    session.run("mypy", *packages)
    session.run("mypy", "tests/typing")
    programs = ROOT / "tests" / "typing" / "programs"
    session.run("mypy", "--config-file=", str(programs))  # as users run it who set nothing
    python = str(shutil.which("python", path=session.bin))
    session.run("pyright", "--pythonpath", python)
    # Two more check the programs alone. ty finds only what is installed in one place.
    installed = str(Path(session.create_tmp()).resolve() / "installed")
    shutil.rmtree(installed, ignore_errors=True)
    sources = [str(PACKAGES / name) for name in CONTENTS]
    to_place = ("--quiet", "--no-deps", "--no-build-isolation", "--target", installed)
    session.run("python", "-m", "pip", "install", *to_place, *sources, silent=True)
    session.run("ty", "check", "--python", python, "--extra-search-path", installed, str(programs))
    options = ("--preset", "default", "--python-interpreter-path", python)
    paths = sorted(map(str, programs.glob("*.py")))
    session.run("pyrefly", "check", *options, "--search-path", installed, *paths)
    say(session, "mypy, pyright, ty and pyrefly agree")


@nox.session
def adapters(session: nox.Session) -> None:
    """Run the frameworks' own test suites on the adapters; `-- quick` leaves slow ones out."""
    install_editable(session, "pip", *group("test-base"), *group("adapters"))
    chosen = asked(session) or ["tests/adapters"]
    if is_quick(session):
        chosen += ["-k", "not s3"]
    session.run("mypy", "-p", "persidict.adapters")
    arguments = ("-q", "-n", "2", "-o", "asyncio_mode=auto", "-W", "default")
    arguments += ("-o", "asyncio_default_fixture_loop_scope=function")
    session.run("python", "-m", "pytest", *arguments, *chosen)
    if asked(session):
        return
    # Away from this checkout, whose settings for pytest are not theirs.
    place = Path(session.create_tmp()).resolve() / "suites"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(ROOT / "tests" / "adapters" / "suites", place)
    quiet = ("-q", "-c", os.devnull, "--rootdir", str(place), "-p", "no:cacheprovider")
    for suite, (requirement, path, options) in SUITES.items():
        if is_quick(session) and suite in SLOW_ARCHIVES:
            continue
        where = unpacked(session, requirement, place) if requirement else place
        session.chdir(where)
        paths = os.pathsep.join([*([str(where / path)] if path else []), str(place)])
        environment = {"PYTHONPATH": paths, "USE_PYTEST_HTTPBIN": "true", "CI": "true"}
        command = ("python", "-m", "pytest", *quiet, *options, str(place / f"{suite}_suite.py"))
        for store in ("file",) if is_quick(session) else ("file", "memory", "s3"):
            session.run(*command, env=environment | {"STORE": store})
    say(session, "the frameworks' suites passed")


# Suites that no wheel brings: the source distribution, the directory in it that tests are imported
# from, and options for pytest.
SUITES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "cachelib": ("cachelib==0.17.0", "tests", ("-p", "conftest")),
    "django": ("django==5.2.19", "", ()),
    "joblib": ("", "", ()),
    "requests_cache": ("requests-cache==1.3.3", ".", ("-p", "tests.conftest")),
}
# Getting their archives takes longer than their tests.
SLOW_ARCHIVES = {"django", "requests_cache"}


def unpacked(session: nox.Session, requirement: str, place: Path) -> Path:
    """Return the directory of a source distribution, downloaded and unpacked."""
    downloads = place / requirement.partition("==")[0]
    session.run(
        *("python", "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"),
        *("--dest", str(downloads), requirement),
    )
    (archive,) = downloads.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(downloads, filter="data")
    (unpacked_to,) = (path for path in downloads.iterdir() if path.is_dir())
    return unpacked_to


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning is an error."""
    install_editable(session, *group("docs"))
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "build/docs")
    say(session, "the documentation is in build/docs/index.html, built")


@nox.session
def coverage(session: nox.Session) -> None:
    """Measure branch coverage of the whole suite; below 95 %, or an unrun `except`, fails."""
    install_editable(session, *group("test"))
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", "-q", "-n", "2", *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")
    session.run("python", "tools/uncovered_handlers.py")
    say(session, "coverage is high enough")


@nox.session
def demo(session: nox.Session) -> None:
    """Index the standard library into a store, with several processes. `-- --help` for more."""
    install_editable(session, *(group("seaweedfs") if "--seaweedfs" in session.posargs else []))
    session.run("python", "demo/index_stdlib.py", *session.posargs)
    say(session, "the demo ran to its end")


@nox.session
def bench(session: nox.Session) -> None:
    """Run the benchmarks, beside the published package. `-- --help` for more."""
    install_editable(session, "pip", *group("bench"))
    # It has the same name as ours: a place of its own.
    published = Path(session.create_tmp()).resolve() / "published"
    python = str(published / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    if not Path(python).exists():
        session.run("python", "-m", "venv", "--without-pip", str(published), silent=True)
        session.run(
            "python", "-m", "pip", "--python", python, "install", "-q", "persidict==0.309.0"
        )
    arguments = ("--python", f"published={python}", *session.posargs)
    session.run("python", "-m", "tests.benchmarks.run", *arguments)
    say(session, "the benchmarks ran to their end")


@nox.session
def torture(session: nox.Session) -> None:
    """Kill writers, cut the power, break calls and requests, check histories. `-- --minutes 10`."""
    install_editable(session, *group("test"))
    session.run("python", "-m", "tests.torture.run", *session.posargs)
    say(session, "no promise was broken")


def laboratory(session: nox.Session, name: str) -> None:
    """Build a place that this machine does not have, and run tests there; see its script."""
    session.install("pip", *group("packaging"))
    place = ROOT / "build" / "portability" / name
    script = f"tools/portability/{name.replace('-', '_')}.py"
    session.run("python", script, str(place), *session.posargs)
    say(session, "no promise was broken there; run")


@nox.session(python="3.11")
def windows(session: nox.Session) -> None:
    """Run the tests on a Windows Python under Wine. Debian and root; a quarter of an hour."""
    laboratory(session, "windows")


@nox.session(name="network-fs")
def network_fs(session: nox.Session) -> None:
    """Examine NFS, SMB, 9p, FUSE and local file systems in a virtual machine. Debian and root."""
    laboratory(session, "network-fs")


@nox.session(name="newer-pythons")
def newer_pythons(session: nox.Session) -> None:
    """Run the tests on Python 3.14 and 3.15 from Debian. Debian and root; a few minutes."""
    laboratory(session, "newer-pythons")


@nox.session(name="s3-real")
def s3_real(session: nox.Session) -> None:
    """Run the tests that need a real S3 server, against SeaweedFS."""
    install_editable(session, *group("s3-real"))
    pytest(session, "-q", "-m", "s3_real")
    say(session, "all tests passed on a real S3 server")
