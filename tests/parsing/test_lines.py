"""Raw files become numbered lines: none is lost, none is made up, whatever the bytes."""

import gzip
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whetstone.errors import InputError
from whetstone.parsing.lines import read_lines

LIMIT = 40
CONTENT = st.lists(
    st.one_of(
        st.sampled_from([b"\n", b"\r\n", b"\r", b"\0", b"\xff", b"a" * LIMIT, b"x" * 100]),
        st.binary(max_size=30),
        st.text(max_size=10).map(lambda text: text.encode(errors="replace")),
    ),
    max_size=20,
).map(b"".join)


def lines_of(file: Path, limit: int = LIMIT, chunk_bytes: int = 8 << 20) -> list[dict[str, object]]:
    return [row for batch in read_lines(file, limit, chunk_bytes) for row in batch.to_pylist()]


def lines_in(content: bytes, limit: int = LIMIT, chunk_bytes: int = 8 << 20) -> list:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "raw"
        file.write_bytes(content)
        return lines_of(file, limit, chunk_bytes)


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


def text_of(line: bytes) -> str | None:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return None


@settings(max_examples=200)
@given(CONTENT, st.integers(1, 60))
def test_every_line_is_there_with_its_number_wherever_chunks_end(
    content: bytes, chunk_bytes: int
) -> None:
    content = b" " + content  # a compressed file or a byte order mark is another matter
    expected = content.split(b"\n")
    if not expected[-1]:
        expected.pop()
    found = lines_in(content, chunk_bytes=chunk_bytes)
    assert [row["raw_line"] for row in found] == [*range(1, len(expected) + 1)]
    for row, line in zip(found, expected, strict=True):
        if len(line) > LIMIT:
            assert row["problem"] == "line too long"
            assert row["line"] == line[:LIMIT].decode(errors="replace").rstrip("\r")
        elif text_of(line) is None:
            assert row["problem"] == "not UTF-8"
        else:
            assert (row["problem"], row["line"]) == (None, line.decode().rstrip("\r"))


@settings(max_examples=50)
@given(CONTENT, st.integers(1, 60))
def test_compressed_files_have_the_lines_of_plain_ones(content: bytes, chunk_bytes: int) -> None:
    content = b" " + content
    plain = lines_in(content)
    halves = gzip.compress(content[:7]) + gzip.compress(content[7:])
    for packed in (gzip.compress(content), halves, zstd(content)):
        assert lines_in(packed, chunk_bytes=chunk_bytes) == plain


@settings(max_examples=50)
@given(st.data())
def test_a_compressed_file_that_breaks_off_gives_what_came_before_and_one_problem(
    data: st.DataObject,
) -> None:
    lines = [b"%06d %06d" % (n, n * n * 7919 % 1000003) for n in range(20_000)]
    compress = data.draw(st.sampled_from([gzip.compress, zstd]))
    packed = compress(b"\n".join(lines))
    found = lines_in(packed[: data.draw(st.integers(18, len(packed) - 9))])
    good, problem = found[:-1], found[-1]
    assert [row["line"] for row in good] == [line.decode() for line in lines[: len(good)]]
    assert problem["raw_line"] == len(good) + 1
    assert str(problem["problem"]).startswith("file breaks off")


def test_damage_costs_no_more_than_the_lines_around_it() -> None:
    content = b"\n".join(b"%06d %06d" % (n, n * n * 7919 % 1000003) for n in range(200_000))
    packed = bytearray(gzip.compress(content))
    packed[len(packed) // 2] ^= 0xFF
    found = lines_in(bytes(packed))
    assert len(found) > 80_000
    assert str(found[-1]["problem"]).startswith("file breaks off")


@pytest.mark.parametrize("content", [b"", gzip.compress(b"", mtime=0), zstd(b""), b"\xef\xbb\xbf"])
def test_an_empty_file_has_no_lines(content: bytes) -> None:
    assert lines_in(content) == []


def test_a_byte_order_mark_is_no_text() -> None:
    for chunk_bytes in (1, 2, 3, 100):
        found = lines_in(b"\xef\xbb\xbfa\n\xef\xbb\xbfb", chunk_bytes=chunk_bytes)
        assert [row["line"] for row in found] == ["a", "\ufeffb"]


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.log: cannot be read"):
        lines_of(tmp_path / "gone.log")


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_huge_line_takes_bounded_memory(tmp_path: Path, packed: bool) -> None:
    huge = b"first\n" + b"x" * (200 << 20) + b"\nlast\n"
    file = tmp_path / "huge"
    file.write_bytes(gzip.compress(huge, 1) if packed else huge)
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from whetstone.parsing.lines import read_lines\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10\n"
        "before = peak()\n"
        "for batch in read_lines(Path(sys.argv[1]), 1 << 20):\n"
        "    for row in batch.to_pylist(): print(row['raw_line'], row['problem'])\n"
        "print(peak() - before)"
    )
    command = [sys.executable, "-c", program, str(file)]
    *lines, megabytes = subprocess.run(
        command, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert lines == ["1 None", "2 line too long", "3 None"]
    assert int(megabytes) < 100
