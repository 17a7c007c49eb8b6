# SPDX-License-Identifier: Apache-2.0
"""The user's message is found inside the exceptions that MONAI wraps around it."""

import subprocess
import sys

import pytest
from monai.bundle import ConfigParser
from scripts.common.errors import (
    ScanError,
    chain_of,
    component_message,
    is_out_of_memory,
    is_told,
    system_message,
    user_message,
)


def test_sentence_is_found_below_other_exceptions():
    try:
        try:
            raise ScanError("subject A: flair is missing.")
        except ScanError as error:
            raise RuntimeError("Failed to evaluate ConfigExpression") from error
    except RuntimeError as error:
        assert user_message(error) == "subject A: flair is missing."


def test_a_chain_goes_from_the_last_exception_back_to_the_first():
    first, second, third = ValueError("first"), RuntimeError("second"), OSError("third")
    third.__context__, second.__cause__ = second, first
    assert list(chain_of(third)) == [third, second, first] and list(chain_of(None)) == []


def test_other_errors_have_no_sentence():
    assert user_message(ValueError("a bug")) is None


def test_exhausted_memory_is_recognised_also_inside_other_exceptions():
    assert is_out_of_memory(MemoryError()) and not is_out_of_memory(None) and not is_out_of_memory(ValueError("a bug"))
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes"))
    wrapped = RuntimeError("applying transform")
    wrapped.__cause__ = MemoryError()
    assert is_out_of_memory(wrapped)


def _stderr_of(raised):
    wrapped = f"try:\n    raise {raised}\nexcept ValueError as e:\n    raise RuntimeError('deep') from e"
    program = f"from scripts.common.errors import *\ninstall_error_hook()\n{wrapped}"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.returncode == 1
    return result.stderr


def test_program_ends_with_the_sentence_alone_and_exit_code_one():
    assert _stderr_of("UserError('Do this instead.')").strip() == "Error: Do this instead."


def test_a_bug_keeps_its_traceback():
    assert "Traceback" in _stderr_of("ValueError('a bug')")


def test_a_full_disk_or_a_file_that_has_gone_is_told_in_a_sentence():
    full = "ValueError() from OSError(28, 'No space left on device', '/data/events')"
    text = _stderr_of(full).strip()
    assert text.startswith("Error: /data/events cannot be read or written (No space left on device): put it back")
    assert "\n" not in text
    assert system_message(FileNotFoundError(2, "No such file or directory", b"a/b")).startswith("a/b cannot be read")
    assert system_message(OSError("a bug")) is None


def test_a_thread_says_nothing_of_what_the_program_tells():
    program = """
import threading
from scripts.common.errors import install_error_hook
install_error_hook()
def work(error): raise error
for error in (OSError(28, "No space left on device"), ValueError("a bug")):
    thread = threading.Thread(target=work, args=(error,)); thread.start(); thread.join()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "No space left" not in done.stderr and "a bug" in done.stderr


def test_ctrl_c_ends_with_one_word():
    program = "from scripts.common.errors import install_error_hook; install_error_hook(); raise KeyboardInterrupt"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr.strip() == "Interrupted." and done.returncode != 0


def test_a_path_that_is_too_long_is_shortened_in_its_sentence():
    sentence = system_message(OSError(36, "File name too long", "x" * 5000))
    assert (
        "... xxx" in sentence and "cannot be read or written (File name too long)" in sentence and len(sentence) < 500
    )


def test_a_component_that_monai_cannot_make_is_named_with_the_reason():
    parser = ConfigParser({"optimizer": {"_target_": "torch.optim.SGD", "params": [], "lr": 1}, "b": "$@optimizer"})
    with pytest.raises(RuntimeError) as caught:
        parser.get_parsed_content("b")
    sentence = component_message(caught.value)
    assert sentence.startswith(
        "The component torch.optim.SGD of the config cannot be made (ValueError: optimizer got an "
    )
    assert is_told(caught.value) and not is_told(RuntimeError("a bug"))
