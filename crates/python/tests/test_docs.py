"""Examples: those of docstrings, and all of docs/python.md."""

import doctest
import io
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stdout

import pytest
from conftest import DATA

import changed_blocks
from changed_blocks import _native, errors

PAGE = (DATA.parents[1] / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\S+) ?(\S*)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def docstrings():
    """The functions and classes that are not written in Python, and their methods: doctest passes over some of them."""
    for name, value in vars(_native).items():
        if name.startswith("__"):
            continue
        yield name, value.__doc__ or ""
        if isinstance(value, type):
            for member in vars(value):
                if not member.startswith("__"):
                    yield f"{name}.{member}", getattr(value, member).__doc__ or ""


NAMED = dict(docstrings())


@pytest.mark.parametrize("name", [name for name, text in NAMED.items() if ">>>" in text])
def test_examples_of_docstrings_are_right(name):
    parsed = doctest.DocTestParser().get_doctest(NAMED[name], {}, name, None, None)
    assert doctest.DocTestRunner().run(parsed).failed == 0


@pytest.mark.parametrize("module", [changed_blocks, errors], ids=lambda module: module.__name__)
def test_examples_of_modules_are_right(module):
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0 and outcome.failed == 0


def test_everything_public_is_documented():
    missing = [name for name, text in NAMED.items() if not text and not name.startswith("_")]
    assert not missing
    for name in changed_blocks.__all__:
        value = getattr(changed_blocks, name)
        assert isinstance(value, (str, tuple)) or value.__doc__, name


def test_the_program_of_the_page_prints_what_the_page_says(tmp_path):
    (program,) = [text for kind, name, text in BLOCKS if name == "plan.py"]
    (tmp_path / "plan.py").write_text(program, encoding="utf-8")
    (session,) = [text for kind, _, text in BLOCKS if kind == "console"]
    prompt, *expected = session.splitlines()
    command, _, head = prompt.removeprefix("$ ").partition(" | head -")
    _, *arguments = shlex.split(command)
    arguments = [str(DATA / word) if word.endswith(".b64") else word for word in arguments]
    run = subprocess.run([sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[: int(head)] == expected
    # A day's answer that was cut short is a full backup.
    cut = tmp_path / "cut.b64"
    cut.write_bytes((DATA / "file-server-day.b64").read_bytes()[:2_000_000])
    run = subprocess.run(
        [sys.executable, *arguments[:2], cut, *arguments[3:]], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 1 and run.stderr.startswith("take a full backup: the bitmap has 1500000 bytes"), run.stderr
    # The disk has grown by the second day.
    grown = changed_blocks.bitmap((DATA / "development-day.b64").read_bytes(), virtual_size=1 << 40)
    larger = changed_blocks.bitmap("A" * 2_796_208, encoding="base64").union(grown, extend=True)
    (tmp_path / "grown.b64").write_text(larger.to_base64(), encoding="ascii")
    arguments[3:] = [str(len(larger) * 65536), "grown.b64"]
    run = subprocess.run([sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[: int(head)] == expected


def test_the_guides_example_works_with_one_line_changed(database_hour):
    pytest.importorskip("bitstring")
    (before,) = [text for kind, name, text in BLOCKS if name == "before"]
    (after,) = [text for kind, name, text in BLOCKS if name == "after"]

    def statements(text):
        return [line for line in text.splitlines() if line and not line.startswith(("import", "from"))]

    changed = [pair for pair in zip(statements(before), statements(after), strict=True) if pair[0] != pair[1]]
    assert len(changed) == 1
    for answer in ("ygAAAA==", "YAAAAA==", "AAAA", database_hour[:1000]):
        printed = []
        for program in (before, after):
            with redirect_stdout(io.StringIO()) as output:
                exec(program, {"answer": answer})
            printed.append(output.getvalue())
        assert printed[0] == printed[1]


def test_the_other_examples_of_the_page_are_right():
    pytest.importorskip("numpy")
    pytest.importorskip("pyarrow")
    names = {"changed_blocks": changed_blocks}
    programs = [text for kind, name, text in BLOCKS if kind == "python" and not name and "session" not in text]
    assert len(programs) == 2
    for program in programs:
        exec(program, names)


class Session:
    """A session as the vendor's package has it, of a pool with one disk."""

    class xenapi:
        class VDI:
            list_changed_blocks = staticmethod(lambda older, newer: "ygAAAA==")
            get_virtual_size = staticmethod(lambda newer: "2097152")


def test_the_answer_of_a_session_is_taken_as_it_is():
    (program,) = [text for kind, _, text in BLOCKS if kind == "python" and "session" in text]
    names = {"changed_blocks": changed_blocks, "session": Session, "older": "a", "newer": "b"}
    exec(program, names)
    assert names["extents"].total_bytes == 262144
