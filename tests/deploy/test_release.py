# SPDX-License-Identifier: MIT
"""The version is the same everywhere, and what CONTRIBUTING.md points to exists."""
import os
import re
import shutil
import subprocess

import pytest
from support.process import BUILD, ROOT, program

NAMING = ["web/client/package.json", "web/console/package.json", "proto/openapi.yaml",
          "proto/asyncapi.yaml",
          "deploy/k8s/overlays/production/kustomization.yaml",
          "deploy/k8s/overlays/small/kustomization.yaml", "CHANGELOG.md"]


def check(root):
    return subprocess.run([root / "tools/release", "--check"], capture_output=True, text=True)


def test_all_files_name_the_same_version():
    done = check(ROOT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", NAMING)
def test_a_file_with_another_version_is_found(tmp_path, path):
    for name in [*NAMING, "CMakeLists.txt", "tools/release"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    assert check(tmp_path).returncode == 0
    version = re.search(r"broadcaster VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
    text = (tmp_path / path).read_text()
    (tmp_path / path).write_text(text.replace(version, "99.0.0"))
    done = check(tmp_path)
    assert done.returncode == 1 and path in done.stderr


def test_debian_package_holds_what_an_operator_needs(tmp_path):
    if not shutil.which("dpkg-shlibdeps"):
        pytest.skip("dpkg-dev is not on this machine")
    done = subprocess.run(["cpack", "-G", "DEB", "-B", tmp_path], cwd=BUILD, capture_output=True,
                          text=True, env={**os.environ, "TMPDIR": str(tmp_path)})
    assert done.returncode == 0, done.stdout + done.stderr
    [package] = tmp_path.glob("*.deb")
    listing = subprocess.run(["dpkg", "-c", package], capture_output=True, text=True, check=True)
    files = {line.split()[5].removeprefix("./usr/") for line in listing.stdout.splitlines()}
    assert {"bin/broadcaster-publisher", "bin/broadcaster-gateway", "bin/omegaup-broadcaster",
            "bin/broadcaster-watch", "share/man/man8/broadcaster-gateway.8",
            "share/man/man8/broadcaster-publisher.8", "share/man/man8/omegaup-broadcaster.8",
            "lib/systemd/system/broadcaster-publisher.service", "lib/sysusers.d/broadcaster.conf",
            "share/broadcaster/config.sample.json", "share/broadcaster/proxies/haproxy.cfg",
            } <= files
    control = subprocess.run(["dpkg", "-f", package, "Depends"], capture_output=True, text=True)
    assert "libevent-2.1-7" in control.stdout and "libssl3" in control.stdout


def test_man_page_names_every_option():
    page = (ROOT / "deploy/man/broadcaster-gateway.8").read_text().replace("\\-", "-")
    usage = subprocess.run([program("gateway"), "--help"], capture_output=True, text=True).stdout
    for option in set(re.findall(r"--[a-z-]+", usage)) - {"--help"}:
        assert option in page, option


def test_every_place_in_contributing_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    places = {p for p in re.findall(r"`((?:[\w-]+/)+[\w.*-]*)", text) if not p.startswith("build/")}
    assert places, "none found"
    assert [p for p in sorted(places) if not (ROOT / p).exists()] == []
