# SPDX-License-Identifier: Apache-2.0
"""The list of published weights, ``large_files.yml``: ``python -m scripts.common.large_files write|repair``.

MONAI 1.6.1's ``download_large_files`` downloads missing files, but stops with an error at a file that does not have its
hash; ``repair`` renames such a file and downloads it again.
"""

import argparse
import itertools
import re
from pathlib import Path

import yaml
from monai.apps.utils import SUPPORTED_HASH_TYPES, HashCheckError
from monai.bundle import download_large_files
from scripts.common.errors import UserError, install_error_hook
from scripts.common.files import first_free, hash_of, save_text

LIST = "large_files.yml"
# Of the lists that ``write`` makes; ``repair`` reads any type that MONAI knows.
HASH_TYPE = "sha256"


def write_list(bundle_root: str | Path, base: str) -> list[dict]:
    """Write every ``models/*.pt`` to ``large_files.yml``; the comment at the top of an existing list stays.

    Args:
        bundle_root: the bundle's folder.
        base: URL of the folder with the files, such as ``https://.../models``; a file's URL is ``<base>/<file name>``.

    Returns:
        The entries: path, url, hash_val, hash_type.

    Raises:
        UserError: the base is no URL, or there are no weights.
    """
    root = Path(bundle_root)
    if not re.match(r"[a-z]+://", base):
        raise UserError(f"--url is '{base}': give a full one, such as https://.../models.")
    entries = [
        {
            "path": file.relative_to(root).as_posix(),
            "url": f"{base.rstrip('/')}/{file.name}",
            "hash_val": hash_of(file, HASH_TYPE),
            "hash_type": HASH_TYPE,
        }
        for file in sorted((root / "models").glob("*.pt"))
    ]
    if not entries:
        raise UserError(f"There are no weights in {root / 'models'} to list: train first, or correct --bundle_root.")
    file = root / LIST
    comment = re.match(r"(?:#.*\n)*", file.read_text(errors="replace") if file.is_file() else "")[0]
    text = comment + yaml.safe_dump({"large_files": entries}, sort_keys=False, width=1000)
    save_text(file, text)
    return entries


def read_list(bundle_root: str | Path) -> list[dict]:
    """The entries of ``large_files.yml``.

    Raises:
        UserError: there is no such list, or an entry has no path or URL, a path outside the bundle, or a hash of an
            unknown type.
    """
    root, file = Path(bundle_root).resolve(), Path(bundle_root) / LIST
    if not file.is_file():
        raise UserError(f"There is no {file}: run from the bundle's folder, or name it with --bundle_root.")
    try:
        entries = (yaml.safe_load(file.read_text()) or {}).get("large_files") or []
    except (yaml.YAMLError, AttributeError, UnicodeDecodeError):
        entries = None
    if not isinstance(entries, list):
        raise UserError(f"{file} is not a list of large files: write it with `{_write_command()}`.")
    for entry in entries:
        texts = isinstance(entry, dict) and all(isinstance(value, (str, type(None))) for value in entry.values())
        if not texts or not entry.get("path") or not entry.get("url"):
            raise UserError(
                f"An entry of {file} lacks a path or URL, or has a value that is not text ({entry}): write the list "
                f"with `{_write_command()}`."
            )
        if not (root / entry["path"]).resolve().is_relative_to(root):
            raise UserError(f"{file} lists {entry['path']}, which lies outside the bundle: correct its path.")
        if entry.get("hash_type") and entry["hash_type"].lower() not in SUPPORTED_HASH_TYPES:
            known = ", ".join(SUPPORTED_HASH_TYPES)
            raise UserError(f"{file} has a hash of type {entry['hash_type']} for {entry['path']}: use one of {known}.")
    return entries


def matches(bundle_root: str | Path, entry: dict) -> bool:
    """Whether the file of an entry exists and has the listed hash; without a hash in the list, whether it exists."""
    file = Path(bundle_root) / entry["path"]
    if not file.is_file() or not entry.get("hash_val"):
        return file.is_file()
    return hash_of(file, (entry.get("hash_type") or HASH_TYPE).lower()) == entry["hash_val"].lower()


def repair(bundle_root: str | Path) -> list[str]:
    """Download the listed files that are missing or do not have their hash.

    A file with another hash is kept as ``<name>.broken``. If the download fails, it gets its name back.

    Returns:
        A line about each file.

    Raises:
        UserError: the list cannot be used, or a file could not be downloaded.
    """
    root, renamed, lines = Path(bundle_root), {}, []
    entries = read_list(root)
    wanted = [entry for entry in entries if not matches(root, entry)]
    for entry in wanted:
        file = root / entry["path"]
        if file.exists():
            renamed[file] = _free_name(file)
    try:
        for file, name in renamed.items():
            file.rename(name)
        if wanted:
            _download(root, wanted)
    finally:
        for file, name in renamed.items():
            if name.exists() and not file.exists():
                name.rename(file)
    for entry in entries:
        file = root / entry["path"]
        if entry not in wanted:
            state = "has its hash" if entry.get("hash_val") else "exists (the list has no hash)"
            lines.append(f"{entry['path']} {state}: not changed.")
        elif file in renamed:
            lines.append(
                f"{entry['path']} did not have its hash: kept as {renamed[file].name}, downloaded from {entry['url']}."
            )
        else:
            lines.append(f"{entry['path']} was missing: downloaded from {entry['url']}.")
    return lines


def _download(root: Path, wanted: list[dict]) -> None:
    reason, cause = "nothing was downloaded", None
    try:
        download_large_files(bundle_path=str(root))
    except HashCheckError as error:
        reason, cause = "the published file does not have the listed hash", error
    except (OSError, RuntimeError, ValueError) as error:
        reason, cause = str(error).splitlines()[0].rstrip("."), error
    # MONAI stops at the first file that fails, and does not report a file that could not be written
    for entry in wanted:
        if not matches(root, entry):
            raise UserError(
                f"{entry['path']} could not be downloaded from {entry['url']} ({reason}): publish the listed file "
                f"there, or write {LIST} again with `{_write_command()}`."
            ) from cause


def _free_name(file: Path) -> Path:
    endings = itertools.chain([""], itertools.count(2))
    return first_free(file.with_name(f"{file.name}.broken{ending}") for ending in endings)


def _write_command() -> str:
    return "python -m scripts.common.large_files write --url <URL of the folder>"


def main(arguments: list[str] | None = None) -> None:
    """Write the list of published weights, large_files.yml, or download missing and broken weights by it."""
    parser = argparse.ArgumentParser(prog="python -m scripts.common.large_files", description=main.__doc__)
    parser.add_argument("--bundle_root", type=Path, default=Path("."), help="the bundle's folder (default: this one)")
    jobs = parser.add_subparsers(dest="job", required=True)
    write = jobs.add_parser("write", help="list every models/*.pt with its hash")
    write.add_argument("--url", required=True, help="URL of their folder; a file's URL is <this>/<file name>")
    jobs.add_parser("repair", help="download files that are missing or do not have their hash")
    options = parser.parse_args(arguments)
    if options.job == "write":
        for entry in write_list(options.bundle_root, options.url):
            print(f"{entry['path']}: {entry['hash_type']} {entry['hash_val']}, {entry['url']}")
    else:
        print("\n".join(repair(options.bundle_root)) or f"{LIST} lists no files.")


if __name__ == "__main__":
    install_error_hook()
    main()
