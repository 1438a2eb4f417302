# SPDX-License-Identifier: MIT
"""docs/publishing.md: its programs publish, and publish once though they try twice."""
import json
import re
import shutil
import subprocess

import pytest
from support.process import LIMIT, ROOT

PROGRAMS = {"php": ["php"], "python": ["/usr/bin/python3"], "js": ["node"]}


@pytest.mark.parametrize("language", PROGRAMS)
def test_program_of_the_page_publishes(make_stack, certificates, tmp_path, language):
    if not shutil.which(PROGRAMS[language][0]):
        pytest.skip(f"{PROGRAMS[language][0]} is not on this machine")
    page = (ROOT / "docs/publishing.md").read_text()
    [text] = re.findall(rf"(?ms)^```{language}\n(.*?)^```", page)
    stack = make_stack()
    stack.write_users({"tokens": {}, "public": {"contests": ["annual-2024"]}})
    stack.gateway.stop()
    stack.gateway.start()
    text = text.replace("broadcaster:32672", f"localhost:{stack.publisher.port}")
    text = text.replace('"broadcaster", 32672', f'"localhost", {stack.publisher.port}')
    program = tmp_path / f"publish.{language}"
    program.write_text(text)
    for name in ("client.pem", "client.key", "ca.pem"):
        shutil.copy(certificates.path(name), tmp_path / name)
    client = stack.ws().subscribed("/contest/annual-2024")
    for _ in range(2):  # the same key
        done = subprocess.run([*PROGRAMS[language], program], cwd=tmp_path, capture_output=True,
                              text=True, timeout=LIMIT)
        assert done.returncode == 0, done.stdout + done.stderr
    stack.post({"type": "contest_update", "data": {"contest_alias": "annual-2024", "event": "end"}})
    assert [client.recv()["data"]["event"] for _ in range(2)] == ["extended", "end"], \
        json.dumps(client.texts)
