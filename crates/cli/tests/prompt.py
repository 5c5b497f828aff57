"""The password that `cbt list-changed-blocks --url` asks for, at a terminal.

    python3 prompt.py CBT
"""

import os
import pty
import subprocess
import sys
import tempfile
import termios
import time

DISK = "00000000-0000-0000-0000-000000000001"
OLDER = "00000000-0000-0000-0000-000000000002"
PASSWORD = "sesame"


def echoes(terminal):
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


def typed(cbt, url, text):
    """What is shown, whether typing is shown afterwards, and the exit code."""
    process, terminal = pty.fork()
    if process == 0:
        os.environ.pop("CBT_PASSWORD", None)
        os.execv(cbt, [cbt, "list-changed-blocks", "--url", url, "--output", "text", OLDER, DISK])
    deadline = time.monotonic() + 20
    while echoes(terminal):
        assert time.monotonic() < deadline, "no one asks for the password"
        time.sleep(0.01)
    os.write(terminal, text)
    shown = b""
    while True:
        try:
            # The other side is gone once this fails; how the terminal is set can be asked all the same.
            shown += os.read(terminal, 1000)
        except OSError:
            break
    echo = echoes(terminal)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    return shown.decode(), echo, code


def main():
    cbt = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        for change in (["create", folder, DISK, "--virtual-size", "1M"], ["snapshot", folder, DISK, OLDER],
                       ["mark", folder, DISK, "--offset", "64k", "--length", "1"]):
            subprocess.run([cbt, "store", *change], check=True)
        command = [cbt, "serve", "--store", folder, "--listen", "127.0.0.1:0"]
        environment = {**os.environ, "CBT_PASSWORD": PASSWORD}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
            url = server.stdout.readline().split()[1]
            server.stdout.close()
            try:
                for text, code, expected in (
                    (PASSWORD.encode() + b"\n", 0, "65536 65536"),
                    (b"wrong\n", 1, "does not let the user in"),
                    (b"\n", 2, "no password was given"),
                    (b"\x03", 1, "cbt: interrupted"),
                ):
                    shown, echo, found = typed(cbt, url, text)
                    assert expected in shown and found == code, (text, shown, found)
                    assert shown.startswith("Password of root at ") and PASSWORD not in shown, shown
                    assert echo, f"typing is not shown any more after {text!r}"
            finally:
                server.terminate()
    print("prompt: ok")


main()
