# SPDX-License-Identifier: Apache-2.0
"""The list of published weights is written from the files, and missing or broken files are downloaded by it."""

import os

import pytest
import yaml
from scripts.common.errors import UserError
from scripts.common.large_files import main, matches, read_list, repair, write_list
from tiny import ROOT


@pytest.fixture
def bundle(tmp_path):
    """A bundle with two weight files, published, as they are now, in the folder ``hub`` and listed."""
    root, hub = tmp_path / "bundle", tmp_path / "hub"
    for folder in (root / "models", hub):
        folder.mkdir(parents=True)
        (folder / "model.pt").write_bytes(b"student")
        (folder / "teacher.pt").write_bytes(b"teacher")
    write_list(root, hub.as_uri())
    return root


def test_every_weight_file_is_listed_with_its_url_and_hash(bundle):
    entries = yaml.safe_load((bundle / "large_files.yml").read_text())["large_files"]
    assert [entry["path"] for entry in entries] == ["models/model.pt", "models/teacher.pt"]
    assert [entry["url"].split("/")[-2:] for entry in entries] == [["hub", "model.pt"], ["hub", "teacher.pt"]]
    # echo -n student | sha256sum
    assert entries[0]["hash_val"] == "264c8c381bf16c982a4e59b0dd4c6f7808c51a05f64c35db42cc78a2a72875bb"
    assert {entry["hash_type"] for entry in entries} == {"sha256"}


def test_comment_at_the_top_stays_when_the_list_is_written_again(bundle):
    file = bundle / "large_files.yml"
    file.write_text("# where from\n# and why\n" + file.read_text())
    write_list(bundle, "https://example.org/models/")
    assert file.read_text().startswith("# where from\n# and why\nlarge_files:\n- path: models/model.pt\n")
    assert "url: https://example.org/models/model.pt\n" in file.read_text()


def test_verified_files_are_not_touched(bundle):
    for name in ("model.pt", "teacher.pt"):
        os.utime(bundle / "models" / name, (1, 1))
    lines = repair(bundle)
    assert lines == [f"models/{name}.pt has its hash: not changed." for name in ("model", "teacher")]
    assert {(bundle / "models" / f"{name}.pt").stat().st_mtime for name in ("model", "teacher")} == {1}


def test_a_hash_may_be_written_in_capitals(bundle):
    file = bundle / "large_files.yml"
    file.write_text(file.read_text().replace("264c8c38", "264C8C38"))
    assert all(matches(bundle, entry) for entry in read_list(bundle))


def test_broken_file_is_kept_and_downloaded_again(bundle):
    (bundle / "models" / "model.pt").write_bytes(b"half a stu")
    os.utime(bundle / "models" / "teacher.pt", (1, 1))
    lines = repair(bundle)
    assert lines[0].startswith(
        "models/model.pt did not have its hash: kept as model.pt.broken, downloaded from file://"
    )
    assert (bundle / "models" / "model.pt").read_bytes() == b"student"
    assert (bundle / "models" / "model.pt.broken").read_bytes() == b"half a stu"
    assert (bundle / "models" / "teacher.pt").stat().st_mtime == 1


def test_earlier_broken_file_is_kept_too(bundle):
    for content in (b"first", b"second"):
        (bundle / "models" / "model.pt").write_bytes(content)
        repair(bundle)
    assert (bundle / "models" / "model.pt.broken").read_bytes() == b"first"
    assert (bundle / "models" / "model.pt.broken2").read_bytes() == b"second"


def test_missing_file_is_downloaded(bundle, capsys):
    (bundle / "models" / "teacher.pt").unlink()
    main(["--bundle_root", str(bundle), "repair"])
    assert "models/teacher.pt was missing: downloaded from file://" in capsys.readouterr().out
    assert (bundle / "models" / "teacher.pt").read_bytes() == b"teacher"


def test_published_file_with_another_hash_is_refused_and_the_old_one_stays(bundle):
    (bundle / "models" / "teacher.pt").write_bytes(b"mine")
    (bundle.parent / "hub" / "teacher.pt").write_bytes(b"an error page")
    with pytest.raises(
        UserError,
        match=r"teacher\.pt could not be downloaded from file://.*does not have the listed hash.* write --url",
    ):
        repair(bundle)
    assert (bundle / "models" / "teacher.pt").read_bytes() == b"mine"
    assert sorted(file.name for file in (bundle / "models").iterdir()) == ["model.pt", "teacher.pt"]


def test_url_that_answers_nothing_is_named(bundle):
    (bundle / "models" / "model.pt").unlink()
    (bundle.parent / "hub" / "model.pt").unlink()
    with pytest.raises(UserError, match=r"models/model\.pt could not be downloaded from file://.*No such file"):
        repair(bundle)


def test_path_outside_the_bundle_is_refused_before_anything_moves(bundle):
    outside = bundle.parent / "outside.pt"
    outside.write_bytes(b"mine")
    (bundle / "large_files.yml").write_text("large_files:\n- {path: ../outside.pt, url: x, hash_val: '0'}\n")
    with pytest.raises(UserError, match="outside the bundle"):
        repair(bundle)
    assert outside.read_bytes() == b"mine"


@pytest.mark.parametrize(
    "text, said",
    [
        (None, "no .*large_files.yml"),
        ("- a", "not a list"),
        ("a: [", "not a list"),
        ("large_files: {a: b}", "not a list"),
        ("large_files: 5", "not a list"),
        ("large_files: [a]", "lacks a path or URL"),
        ("large_files: [{path: 5, url: b}]", "lacks a path or URL"),
        ("large_files: [{path: a, url: b, hash_type: 5}]", "lacks a path or URL"),
    ],
)
def test_unusable_list_is_refused(tmp_path, text, said):
    if text is not None:
        (tmp_path / "large_files.yml").write_text(text)
    with pytest.raises(UserError, match=said):
        repair(tmp_path)


def test_entry_without_url_or_of_an_unknown_hash_is_refused(tmp_path):
    for entry, said in (
        ("{path: a}", "lacks a path or URL"),
        ("{path: a, url: b, hash_type: crc}", "md5, sha1, sha256, sha512"),
    ):
        (tmp_path / "large_files.yml").write_text(f"large_files:\n- {entry}\n")
        with pytest.raises(UserError, match=said):
            repair(tmp_path)


def test_nothing_to_list_and_a_base_that_is_no_url_are_refused(bundle, tmp_path):
    with pytest.raises(UserError, match="train first"):
        write_list(tmp_path, "https://example.org")
    with pytest.raises(UserError, match="full one"):
        write_list(bundle, "example.org/models")


def test_shipped_list_names_the_shipped_weights():
    entries = read_list(ROOT)
    assert [entry["path"] for entry in entries] == [f"models/{file.name}" for file in sorted(ROOT.glob("models/*.pt"))]
    assert all(matches(ROOT, entry) and entry["hash_type"] == "sha256" for entry in entries)


def test_a_list_that_is_no_text_is_told_and_can_be_written_again(bundle):
    (bundle / "large_files.yml").write_bytes(bytes(range(256)))
    with pytest.raises(UserError, match="large_files.yml is not a list of large files: write it with"):
        read_list(bundle)
    write_list(bundle, "https://example.org/models")
    assert len(read_list(bundle)) == 2
