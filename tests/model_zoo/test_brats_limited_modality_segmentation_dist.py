# SPDX-License-Identifier: Apache-2.0
"""The model zoo's distributed unit test, for its ``ci/unit_tests``: one process for each GPU, or two on the CPU."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from monai.bundle import ConfigParser
from parameterized import parameterized

try:
    from utils import export_config_and_run_mgpu_cmd  # the model zoo's, in its ci/unit_tests
except ImportError:

    def export_config_and_run_mgpu_cmd(
        config_file, meta_file, logging_file, override_dict, output_path, ngpu, check_config
    ):
        """The same outside of the model zoo, without its check of the properties, which needs torchrun around it."""
        parser = ConfigParser()
        parser.read_config(config_file)
        parser.update(override_dict)
        ConfigParser.export_config_file(parser.config, output_path, indent=4)
        files = {"--config_file": output_path, "--meta_file": meta_file, "--logging_file": logging_file}
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={ngpu}"]
        command += ["-m", "monai.bundle", "run"]
        command += [part for pair in files.items() for part in pair]
        subprocess.check_call(command, env=os.environ | {"PYTHONPATH": override_dict["bundle_root"]})


NAME = "brats_limited_modality_segmentation"
# two folders up there is the model zoo, with the bundle in its models; from tests/model_zoo it is the bundle itself
ABOVE = Path(__file__).resolve().parents[2]
BUNDLE_ROOT = str(ABOVE / "models" / NAME if (ABOVE / "models" / NAME).is_dir() else ABOVE)

TEST_CASE_1 = [  # joint training of teacher and student: one epoch of two patches a process
    {
        "bundle_root": BUNDLE_ROOT,
        "epochs": 1,
        "val_interval": 1,
        "patch_size": [32, 32, 32],
        "filters": [4, 8, 16],
        "warm_start": False,  # the shipped teacher is larger
        "spacing": 1.0,
        "amp": False,
    }
]


class TestBratsLimitedModalitySegmentationMGPU(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.processes = torch.cuda.device_count() or 2
        random = np.random.default_rng(0)
        for number in range(max(5, 3 * self.processes)):
            subject = f"BraTS2021_{number:05}"
            folder = os.path.join(self.dir, "scans", subject)
            os.makedirs(folder)
            for name in ("t1", "t1ce", "t2", "flair", "seg"):
                volume = np.zeros((24, 24, 24), np.int16)  # a frame of background, as in a skull-stripped scan
                inside = (20, 20, 20)
                volume[2:22, 2:22, 2:22] = (
                    random.choice([0, 1, 2, 4], inside) if name == "seg" else random.integers(1, 1000, inside)
                )
                nib.save(nib.Nifti1Image(volume, np.eye(4)), os.path.join(folder, f"{subject}_{name}.nii.gz"))

    def tearDown(self):
        shutil.rmtree(self.dir)

    @parameterized.expand([TEST_CASE_1])
    def test_train_mgpu_config(self, override):
        output_dir = os.path.join(self.dir, "output")
        configs = os.path.join(BUNDLE_ROOT, "configs")
        folders = {"dataset_dir": os.path.join(self.dir, "scans"), "output_dir": output_dir}
        export_config_and_run_mgpu_cmd(
            config_file=[os.path.join(configs, "train.json"), os.path.join(configs, "multi_gpu_train.json")],
            logging_file=os.path.join(configs, "logging.conf"),
            meta_file=os.path.join(configs, "metadata.json"),
            override_dict=override | folders | {"patches_per_epoch": 2 * self.processes},
            output_path=os.path.join(self.dir, "train_override.json"),
            ngpu=self.processes,
            check_config="LOCAL_RANK" in os.environ,  # the model zoo starts its runner with torchrun
        )
        for name in ("model.pt", "teacher.pt", "last.pt"):
            self.assertTrue(os.path.isfile(os.path.join(output_dir, name)), name)


if __name__ == "__main__":
    unittest.main()
