"""Reading files, folders and archives: what is found, in which order, and how it is cut into blocks."""

import bz2
import gzip
import io
import lzma
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirhub.loading import Block, Chunk, Refusal, Skipped, chunked, find, read
from fhirhub.loading.chunks import MOST_BYTES, MOST_RESOURCES
from fhirhub.loading.items import Item, items
from fhirhub.loading.names import Kind, kind_of
from fhirhub.model.json import Json


def no_xml(data: bytes) -> Json:
    raise AssertionError("no XML here")


def blocks_of(*paths: Path) -> list[Block]:
    files, others = find(paths)
    found = list(read(files))
    assert not others
    assert all(isinstance(each, Block) for each in found), found
    return [each for each in found if isinstance(each, Block)]


def ids_of(blocks: list[Block]) -> list[object]:
    return [each.resource["id"] for block in blocks for each in items(block, no_xml) if isinstance(each, Item)]


def patient(logical_id: str) -> bytes:
    return f'{{"resourceType":"Patient","id":"{logical_id}"}}'.encode()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Patient.json", Kind(syntax="json")),
        ("PATIENT.XML.GZ", Kind(syntax="xml", codec="gz")),
        ("1.Patient.ndjson", Kind(syntax="ndjson")),
        ("Patient.000.ndjson.xz", Kind(syntax="ndjson", codec="xz")),
        ("all.jsonl.bz2", Kind(syntax="ndjson", codec="bz2")),
        ("all.zip", Kind(archive="zip")),
        ("all.tar", Kind(archive="tar")),
        ("all.tar.gz", Kind(archive="tar")),
        ("all.tgz", Kind(archive="tar")),
        ("all.tar.bz2", Kind(archive="tar")),
        ("all.tar.xz", Kind(archive="tar")),
        ("notes.txt", None),
        ("notes.txt.gz", None),
        ("json", None),
    ],
)
def test_name_says_what_a_file_is(name: str, kind: Kind | None) -> None:
    assert kind_of(name) == kind


def test_folder_is_read_to_its_depth_in_order_with_leading_files_first(tmp_path: Path) -> None:
    for name in ("b/2.json", "b/1.json", "a.json", "z/practitionerInformation1.json", "b/hospitalInformation1.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(patient("p"))
    blocks = blocks_of(tmp_path)
    assert [Path(block.source).relative_to(tmp_path).as_posix() for block in blocks] == [
        "b/hospitalInformation1.json",
        "z/practitionerInformation1.json",
        "a.json",
        "b/1.json",
        "b/2.json",
    ]
    assert [block.leads for block in blocks] == [True, True, False, False, False]


def test_folder_files_that_are_no_resources_are_skipped_with_a_reason(tmp_path: Path) -> None:
    for name in ("package.json", ".index.json", "us-core.openapi.json", "readme.md", ".git/x.json", "p.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(patient("p"))
    files, others = find([tmp_path])
    assert [file.path.name for file in files] == ["p.json"]
    reasons = {Path(each.source).name: each.reason for each in others if isinstance(each, Skipped)}
    assert reasons == {
        "package.json": "part of a package, not a resource",
        "us-core.openapi.json": "part of a package, not a resource",
        ".index.json": "its name begins with a dot",
        ".git": "its name begins with a dot",
        "readme.md": "its name is not that of a FHIR file",
    }


def test_link_to_a_folder_is_not_followed_and_ends(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_bytes(patient("p"))
    (tmp_path / "again").symlink_to(tmp_path)
    files, others = find([tmp_path])
    assert len(files) == 1
    assert others == [Skipped(str(tmp_path / "again"), "links to folders are not followed")]


def test_named_file_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,b")
    files, others = find([tmp_path / "data.csv"])
    assert not files
    (refusal,) = others
    assert isinstance(refusal, Refusal)
    assert refusal.place.source.endswith("data.csv")
    assert ".ndjson" in refusal.issues[0].diagnostics


def test_missing_path_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        find([tmp_path / "nowhere.json"])


def write_zip(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def write_tar(path: Path, members: dict[str, bytes]) -> None:
    mode = "w:" + {".gz": "gz", ".tgz": "gz", ".bz2": "bz2", ".xz": "xz"}.get(path.suffix, "")
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]  # one of the modes it knows
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "a.tar.bz2", "a.tar.xz"])
def test_archive_gives_its_members_without_touching_the_disk(tmp_path: Path, name: str) -> None:
    members = {
        "in/1.json": patient("one"),
        "../../outside.json": patient("two"),
        "/etc/absolute.json": patient("three"),
        "many.ndjson": patient("four") + b"\n" + patient("five"),
        "packed.json.gz": gzip.compress(patient("six")),
    }
    folder = tmp_path / "deep" / "down"
    folder.mkdir(parents=True)
    (write_zip if name.endswith("zip") else write_tar)(folder / name, members)
    blocks = blocks_of(folder / name)
    assert ids_of(blocks) == ["one", "two", "three", "four", "five", "six"]
    assert blocks[1].source == f"{folder / name}!../../outside.json"
    assert sorted(path.name for path in tmp_path.rglob("*")) == sorted(["deep", "down", name])


@pytest.mark.parametrize("name", ["a.zip", "a.tar"])
def test_archive_members_that_are_not_read_are_skipped(tmp_path: Path, name: str) -> None:
    members = {"package/package.json": b"{}", "package/.index.json": b"{}", "inner.zip": b"", "a/p.json": patient("p")}
    (write_zip if name.endswith("zip") else write_tar)(tmp_path / name, members)
    files, _ = find([tmp_path / name])
    found = list(read(files))
    assert [each.reason for each in found if isinstance(each, Skipped)] == [
        "part of a package, not a resource",
        "its name begins with a dot",
        "an archive in an archive is not opened",
    ]
    assert ids_of([each for each in found if isinstance(each, Block)]) == ["p"]


def test_link_in_a_tar_is_skipped(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("secret.json")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    files, _ = find([tmp_path / "a.tar"])
    assert list(read(files)) == [Skipped(f"{tmp_path / 'a.tar'}!secret.json", "not a regular file")]


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.ndjson.gz", "a.ndjson.bz2", "a.ndjson.xz"])
def test_cut_short_archive_is_refused_with_its_name(tmp_path: Path, name: str) -> None:
    members = {f"{number}.json": patient(f"p{number}") for number in range(50)}
    path = tmp_path / name
    if name == "a.zip":
        write_zip(path, members)
    elif ".tar" in name:
        write_tar(path, members)
    else:
        pack: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
        path.write_bytes(pack[name.rpartition(".")[2]](b"\n".join(members.values())))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    files, _ = find([path])
    *_, last = read(files)
    assert isinstance(last, Refusal)
    assert last.place.source == str(path)
    assert "cannot be read" in last.issues[0].diagnostics or "cut short" in last.issues[0].diagnostics


def test_encrypted_member_is_refused_and_the_others_are_read(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", {"secret.json": patient("s"), "open.json": patient("o")})
    data = bytearray((tmp_path / "a.zip").read_bytes())
    # Bit 0 of the flags says "encrypted"; they are 6 bytes into a local header and 8 into a central one.
    data[data.index(b"PK\x03\x04") + 6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    files, _ = find([tmp_path / "a.zip"])
    refusal, block = read(files)
    assert isinstance(refusal, Refusal)
    assert refusal.place.source.endswith("a.zip!secret.json")
    assert "password" in refusal.issues[0].diagnostics
    assert isinstance(block, Block)
    assert ids_of([block]) == ["o"]


@given(st.lists(st.sampled_from([b"", b"  ", b"\r", b'{"a":1}', b'{"b":"' + b"x" * 3000 + b'"}']), max_size=1300))
def test_ndjson_blocks_hold_every_line_at_its_number(lines: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.ndjson"
        path.write_bytes(b"\n".join(lines))
        blocks = blocks_of(path)
        assert b"".join(block.data for block in blocks) == path.read_bytes()
        assert sum(block.weight for block in blocks) == path.stat().st_size
    for block in blocks:
        rows = block.data.split(b"\n")
        assert rows[:-1] == lines[block.line - 1 : block.line - 2 + len(rows)]
        assert block.data.count(b"\n") <= MOST_RESOURCES


def test_ndjson_is_read_lazily(tmp_path: Path) -> None:
    path = tmp_path / "big.ndjson"
    line = patient("p") + b"\n"
    path.write_bytes(line * 200_000)
    files, _ = find([path])
    first = next(read(files))
    assert isinstance(first, Block)
    assert first.data == line * MOST_RESOURCES
    # The rest of the file is not in memory: at most a buffer of it was read.
    assert first.weight < 100_000 < path.stat().st_size


def test_chunks_gather_small_documents_and_keep_order_and_leaders_apart() -> None:
    def block(name: str, size: int, *, leads: bool = False) -> Block:
        return Block(name, b"x" * size, "json", weight=size, leads=leads)

    skipped = Skipped("s", "r")
    found: list[Block | Refusal | Skipped] = [
        block("h", 5, leads=True),
        block("a", 5),
        skipped,
        block("b", 7),
        block("c", MOST_BYTES),
        block("d", 1),
    ]
    chunks = list(chunked(found))
    names = [[each.source for each in chunk.blocks] if isinstance(chunk, Chunk) else chunk for chunk in chunks]
    assert names == [["h"], skipped, ["a", "b"], ["c"], ["d"]]
    assert [chunk.weight for chunk in chunks if isinstance(chunk, Chunk)] == [5, 12, MOST_BYTES, 1]


def test_chunks_are_bounded_in_number_and_size() -> None:
    many = [Block(str(number), b"{}", "json") for number in range(2 * MOST_RESOURCES + 1)]
    assert [len(chunk.blocks) for chunk in chunked(many) if isinstance(chunk, Chunk)] == [
        MOST_RESOURCES,
        MOST_RESOURCES,
        1,
    ]
