#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Does all that libwebsockets reads and writes end in gateway/transport/lws_link.c?

    test_lws_link_wrap.py EXECUTABLE [OBJDUMP]

The linker has replaced the library's calls, or the gateway would serve TLS in plain text; so this looks at the
executable itself.
"""
import re
import subprocess
import sys

EXPECTED = {  # functions of the library, and what they must call
    "lws_ssl_capable_read_no_ssl": "recv",
    "lws_ssl_capable_write_no_ssl": "send",
    "__lws_close_free_wsi": "shutdown",
    "__lws_close_free_wsi_final": "close",
}


def calls_of(executable, objdump):
    """Function -> names that it calls or jumps to."""
    text = subprocess.run([objdump, "-d", "--no-show-raw-insn", executable], check=True, capture_output=True,
                          text=True).stdout
    calls = {}
    name = None
    for line in text.splitlines():
        head = re.match(r"[0-9a-f]+ <([^>]+)>:", line)
        if head:
            name = head.group(1).split(".")[0]  # parts of a function are the function
        called = re.search(r"\b(?:call|jmp|bl|b)\w*\s.*<([^>+]+)>", line)
        if called and name:
            calls.setdefault(name, set()).add(called.group(1))
    return calls


def main():
    calls = calls_of(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "objdump")
    problems = []
    for function, name in EXPECTED.items():
        if f"__wrap_{name}" not in calls.get(function, set()):
            problems.append(f"{function} does not call __wrap_{name}")
        for caller, called in calls.items():
            if f"{name}@plt" in called and caller != f"__wrap_{name}":
                problems.append(f"{caller} calls {name} itself")
    print("\n".join(problems) or "all of it is wrapped")
    return 1 if problems else 0


sys.exit(main())
