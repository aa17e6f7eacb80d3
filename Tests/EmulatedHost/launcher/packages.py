"""Debian packages, downloaded and unpacked into a directory; nothing is installed and the system's apt is left as it is."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

from .options import HostUnavailable


def run(arguments, **more):
    """Runs a tool quietly; raises with its last words if it fails."""
    done = subprocess.run(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise HostUnavailable(f"{arguments[0]} {arguments[1] if len(arguments) > 1 else ''} failed: {last}")
    return done.stdout


def unpack(names, directory, apt_options=()):
    """Downloads the packages' candidate versions and unpacks them into `directory`."""
    with tempfile.TemporaryDirectory() as downloads:
        # apt's own user cannot write here, which it only warns about
        run(["apt-get", *apt_options, "-q", "-o", "APT::Sandbox::User=root", "download", *names], cwd=downloads)
        for package in sorted(Path(downloads).glob("*.deb")):
            run(["dpkg", "-x", str(package), str(directory)])


def candidate_dependency(name, pattern):
    """The first dependency of a package that matches, as a meta package names the real one."""
    for line in run(["apt-cache", "depends", name]).splitlines():
        match = re.fullmatch(rf"\s*Depends: ({pattern})", line)
        if match:
            return match[1]
    raise HostUnavailable(f"apt knows no {pattern} for {name}; run apt-get update")


def debian_archive():
    """(URI, code name, key ring or "") of the Debian archive that this machine's apt uses."""
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', Path("/etc/os-release").read_text(), re.M))
    targets = run(["apt-get", "indextargets", "--format", "$(CREATED_BY)|$(REPO_URI)|$(RELEASE)|$(SIGNED_BY)"])
    for line in targets.splitlines():
        created_by, uri, suite, keyring = line.split("|")
        if created_by == "Packages" and suite == release.get("VERSION_CODENAME"):
            return uri, suite, "" if keyring.startswith("$") else keyring
    raise HostUnavailable("no Debian archive among apt's sources")


class Backports:
    """apt, with <code name>-backports, in directories of its own."""

    def __init__(self, directory):
        uri, suite, keyring = debian_archive()
        for part in ("sources", "lists/partial", "archives/partial"):
            os.makedirs(f"{directory}/{part}")
        signed = f"Signed-By: {keyring}\n" if keyring else ""
        source = f"Types: deb\nURIs: {uri}\nSuites: {suite}-backports\nComponents: main\n{signed}"
        Path(directory, "sources/backports.sources").write_text(source)
        self.options = [
            "-oDir::Etc::SourceList=/dev/null",
            f"-oDir::Etc::SourceParts={directory}/sources",
            f"-oDir::State::Lists={directory}/lists",
            f"-oDir::Cache={directory}",
        ]
        run(["apt-get", *self.options, "-q", "update"])
