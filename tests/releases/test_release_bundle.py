"""A bundle survives packing unchanged, and nothing else survives unpacking."""

import io
import os
import subprocess
import sys
import tarfile
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.releases.builders import as_json, example, forged, members_of
from whetstone.catalog.catalog_pb2 import Definitions, Detector, Source
from whetstone.errors import ReleaseError
from whetstone.parsing.templates import TemplateDictionary
from whetstone.releases import Bundle, archive, pack, stamp, unpack, version

TEXT = st.text(max_size=20)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


@st.composite
def definitions(draw: st.DrawFn) -> Definitions:
    source = Source(
        name=draw(TEXT), pattern=draw(TEXT), tags=draw(st.dictionaries(TEXT, TEXT, max_size=4))
    )
    source.samples.extend(draw(st.lists(TEXT, max_size=3)))
    source.max_reject_rate = draw(FINITE)
    detector = Detector(name=draw(TEXT), seed=draw(st.integers(0, 2**32 - 1)))
    detector.gradient_boosting.learning_rate = draw(FINITE)
    return Definitions(sources=[source], detectors=[detector])


BUNDLES = st.builds(
    Bundle,
    graph=st.binary(min_size=1, max_size=2_000),
    threshold=FINITE,
    definitions=definitions(),
    feature_names=st.lists(
        st.text(min_size=1, max_size=20), min_size=1, max_size=5, unique=True
    ).map(tuple),
    manifest=st.dictionaries(TEXT, JSON, max_size=4),
    model_card=TEXT,
    templates=st.none() | st.builds(TemplateDictionary, st.dictionaries(TEXT, TEXT, max_size=3)),
)


@given(BUNDLES)
@settings(max_examples=150)
def test_a_bundle_comes_back_as_it_was_and_packs_to_the_same_bytes(bundle: Bundle):
    data = pack(bundle)
    assert unpack(data) == stamp(bundle)
    assert pack(unpack(data)) == data
    assert version(unpack(data)) == version(bundle) == unpack(data).manifest["version"]


@given(BUNDLES, BUNDLES)
@settings(max_examples=50)
def test_bundles_have_the_same_version_only_if_they_are_the_same(one: Bundle, other: Bundle):
    assert (version(one) == version(other)) == (pack(one) == pack(other))


def test_every_part_of_a_bundle_counts_for_its_version():
    bundle = example()
    other = Definitions()
    other.CopyFrom(bundle.definitions)
    other.detectors[0].seed = 7
    changed = [
        replace(bundle, graph=bundle.graph + b"\0"),
        replace(bundle, threshold=bundle.threshold + 1e-12),
        replace(bundle, definitions=other),
        replace(bundle, feature_names=bundle.feature_names[::-1]),
        replace(bundle, manifest={**bundle.manifest, "seed": 99}),
        replace(bundle, model_card=bundle.model_card + " "),
        replace(bundle, templates=TemplateDictionary()),
        replace(bundle, templates=TemplateDictionary({"disk <*>": "disk <*>"})),
    ]
    assert len({version(each) for each in [bundle, *changed]}) == 9


def test_a_stale_version_in_the_manifest_is_replaced():
    bundle = replace(example(), threshold=9.0)
    assert unpack(pack(bundle)).manifest["version"] == version(bundle)
    assert version(bundle) != bundle.manifest["version"]


def test_processes_with_other_hash_seeds_pack_the_same_bytes():
    program = (
        "import hashlib; from tests.releases.builders import example; "
        "from whetstone.releases import pack; "
        "print(hashlib.sha256(pack(example())).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_any_tar_program_reads_a_bundle():
    bundle = example()
    with tarfile.open(fileobj=io.BytesIO(pack(bundle))) as tar:
        assert {m.name: (m.mtime, m.uid, m.mode) for m in tar} == dict.fromkeys(
            members_of(bundle), (0, 0, 0o644)
        )
        graph = tar.extractfile("graph.onnx")
        assert graph is not None
        assert graph.read() == bundle.graph


@pytest.mark.parametrize("threshold", [float("nan"), float("inf"), float("-inf")])
def test_a_threshold_that_is_not_finite_is_not_packed(threshold: float):
    with pytest.raises(ReleaseError, match=r"threshold is -?(nan|inf)"):
        pack(replace(example(), threshold=threshold))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("manifest", {"when": object()}),
        ("manifest", {"pair": (1, 2)}),
        ("manifest", {1: "one"}),
        ("manifest", {"metric": float("nan")}),
        ("model_card", "\ud800"),
        ("feature_names", ()),
        ("feature_names", ("failures", "failures")),
        ("feature_names", ("",)),
        ("graph", b""),
        ("model_card", "#" * (5 << 20)),
    ],
)
def test_what_could_not_be_unpacked_is_not_packed(field: str, value: object):
    with pytest.raises(ReleaseError):
        pack(replace(example(), **{field: value}))


@given(st.data())
@settings(max_examples=400)
def test_a_bundle_with_any_byte_changed_is_refused(data: st.DataObject):
    packed = bytearray(pack(example(size=300)))
    positions = st.integers(0, len(packed) - 1)
    for position in data.draw(st.lists(positions, min_size=1, max_size=3, unique=True)):
        packed[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ReleaseError):
        unpack(bytes(packed))


@given(st.data())
@settings(max_examples=100)
def test_a_bundle_cut_short_or_lengthened_is_refused(data: st.DataObject):
    packed = pack(example(size=300))
    cut = data.draw(st.integers(0, len(packed) - 1))
    added = data.draw(st.binary(min_size=1, max_size=600))
    for broken in (packed[:cut], packed + added, packed[:cut] + added + packed[cut:]):
        if broken != packed:
            with pytest.raises(ReleaseError):
                unpack(broken)


@given(st.binary(max_size=2_000))
def test_noise_is_refused(noise: bytes):
    with pytest.raises(ReleaseError):
        unpack(noise)


@given(
    st.dictionaries(
        st.sampled_from(sorted(set(members_of(example())) - {"manifest.json"})),
        st.binary(max_size=200),
        min_size=1,
    )
)
@settings(max_examples=300)
def test_sealed_noise_in_members_is_refused_or_is_a_bundle(changes: dict[str, bytes]):
    packed = forged(**{name.replace(".", "_"): content for name, content in changes.items()})
    try:
        bundle = unpack(packed)
    except ReleaseError:
        return
    assert unpack(pack(bundle)) == stamp(bundle)


def test_sealing_by_itself_makes_a_good_bundle():
    assert unpack(forged()) == example()


POINT = {"feature_names": ["failures", "users"], "threshold": 1.25}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"operating_point_json": as_json({**POINT, "threshold": float("nan")})}, "NaN|nan"),
        ({"operating_point_json": as_json(POINT).replace(b"1.25", b"1e999")}, "inf"),
        ({"operating_point_json": as_json({**POINT, "threshold": "1"})}, "number threshold"),
        ({"operating_point_json": as_json({**POINT, "threshold": True})}, "number threshold"),
        ({"operating_point_json": as_json({**POINT, "more": 1})}, "nothing else"),
        ({"operating_point_json": as_json({**POINT, "feature_names": ["a", "a"]})}, "none twice"),
        ({"operating_point_json": as_json({**POINT, "feature_names": [1]})}, "texts"),
        ({"operating_point_json": b"[]\n"}, "not a JSON object"),
        ({"operating_point_json": b'{"threshold": 1.0, "threshold": 2.0}'}, "form Whetstone"),
        ({"operating_point_json": b"[" * 100_000}, "not JSON"),
        ({"operating_point_json": b"{\xff}"}, "not JSON"),
        ({"manifest_json": b"{"}, "not JSON"),
        ({"manifest_json": as_json({"version": "0" * 12})}, "says version '000000000000'"),
        ({"manifest_json": as_json({})}, "says version None"),
        ({"definitions_textproto": b'sources { nam: "x" }'}, "nam"),
        ({"definitions_textproto": b"sources {" * 10_000}, "cannot be parsed"),
        ({"definitions_textproto": b'sources { name: "\\377" }'}, "cannot be parsed"),
        ({"definitions_textproto": b"\xff"}, "UTF-8"),
        ({"model_card_md": b"\xff"}, "UTF-8"),
        ({"graph_onnx": b""}, "empty"),
    ],
)
def test_a_hostile_member_is_refused_by_name(changes: dict[str, bytes], message: str):
    with pytest.raises(ReleaseError, match=message) as refused:
        unpack(forged(**changes))
    (keyword,) = changes
    assert keyword.rpartition("_")[0] in str(refused.value)


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (member("graph.onnx", tarfile.SYMTYPE, "/etc/passwd"), "symbolic link"),
        (member("graph.onnx", tarfile.LNKTYPE, "manifest.json"), "hard link"),
        (member("graph.onnx", tarfile.DIRTYPE), "directory"),
        (member("graph.onnx", tarfile.CHRTYPE), "no plain file"),
        (member("/etc/passwd"), "outside"),
        (member("../graph.onnx"), "outside"),
        (member("a/../../graph.onnx"), "outside"),
        (member("model.pickle"), "'model.pickle' is no part"),
        (member("./graph.onnx"), "no part"),
    ],
)
def test_a_hostile_archive_entry_is_refused(first: tarfile.TarInfo, message: str):
    good = [(member(name), content) for name, content in members_of(example()).items()]
    for entries in ([(first, b""), *good], [*good, (first, b"")]):
        with pytest.raises(ReleaseError, match=message):
            unpack(tar_of(*entries))


def test_a_missing_member_is_named():
    members = members_of(example())
    del members["model_card.md"]
    with pytest.raises(ReleaseError, match=r"model_card\.md is missing"):
        unpack(archive.write(members))


def test_a_member_that_occurs_twice_is_named():
    doubled = [(member(name), content) for name, content in members_of(example()).items()]
    with pytest.raises(ReleaseError, match=r"manifest\.json occurs twice"):
        unpack(tar_of(doubled[0], *doubled))


def test_another_order_of_members_is_refused():
    backwards = dict(reversed(members_of(example()).items()))
    with pytest.raises(ReleaseError, match="not laid out"):
        unpack(archive.write(backwards))


def test_a_size_above_the_limit_is_refused_before_anything_is_read():
    header = bytearray(archive.write({"model_card.md": b""})[:512])
    header[124:135] = b"%011o" % (1 << 32)
    with pytest.raises(ReleaseError, match=r"model_card\.md has 4294967296 bytes"):
        unpack(bytes(header))
