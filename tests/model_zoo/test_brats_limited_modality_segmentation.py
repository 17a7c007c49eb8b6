# SPDX-License-Identifier: Apache-2.0
"""The model zoo's own unit test of the bundle, for its ``ci/unit_tests``: the configs run on random volumes."""

import logging
import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

import nibabel as nib
import numpy as np
from monai.bundle import ConfigWorkflow
from parameterized import parameterized

NAME = "brats_limited_modality_segmentation"
# two folders up there is the model zoo, with the bundle in its models; from tests/model_zoo it is the bundle itself
ABOVE = Path(__file__).resolve().parents[2]
BUNDLE_ROOT = str(ABOVE / "models" / NAME if (ABOVE / "models" / NAME).is_dir() else ABOVE)

TEST_CASE_1 = [  # train, and train then evaluate: one epoch of two patches
    {
        "bundle_root": BUNDLE_ROOT,
        "epochs": 1,
        "val_interval": 1,
        "patches_per_epoch": 2,
        "patch_size": [32, 32, 32],
        "filters": [4, 8, 16],
        "warm_start": False,  # the shipped teacher is larger
        "spacing": 1.0,
        "amp": False,
        "device": "cpu",
    }
]
TEST_CASE_2 = [  # inference, without the weights, which are larger than this network
    {
        "bundle_root": BUNDLE_ROOT,
        "load_pretrain": False,
        "window": [32, 32, 32],
        "filters": [4, 8, 16],
        "spacing": 1.0,
        "amp": False,
        "device": "cpu",
    }
]


def check_workflow(workflow: ConfigWorkflow) -> None:
    """As ``utils.check_workflow`` of the model zoo: initialize, check the properties, run, finalize."""
    workflow.initialize()
    missing = workflow.check_properties()
    if missing:
        raise ValueError(f"the workflow lacks these properties, or names them otherwise: {missing}")
    workflow.run()
    workflow.finalize()


class TestBratsLimitedModalitySegmentation(unittest.TestCase):
    def setUp(self):
        self.logging = logging.root.level, logging.root.handlers[:]
        self.dir = tempfile.mkdtemp()
        self.dataset_dir, self.output_dir = os.path.join(self.dir, "scans"), os.path.join(self.dir, "output")
        random = np.random.default_rng(0)
        for number in range(5):
            subject = f"BraTS2021_{number:05}"
            folder = os.path.join(self.dataset_dir, subject)
            os.makedirs(folder)
            for name in ("t1", "t1ce", "t2", "flair", "seg"):
                volume = np.zeros((24, 24, 24), np.int16)  # a frame of background, as in a skull-stripped scan
                inside = (20, 20, 20)
                volume[2:22, 2:22, 2:22] = (
                    random.choice([0, 1, 2, 4], inside) if name == "seg" else random.integers(1, 1000, inside)
                )
                nib.save(nib.Nifti1Image(volume, np.eye(4)), os.path.join(folder, f"{subject}_{name}.nii.gz"))
        sys.path = [BUNDLE_ROOT, *sys.path]  # the model zoo's runner does not add it

    def tearDown(self):
        shutil.rmtree(self.dir)
        sys.path.remove(BUNDLE_ROOT)
        # logging.conf writes to what was the standard output then, which pytest closes after each test
        logging.root.level, logging.root.handlers[:] = self.logging

    def workflow(self, kind, files, override):
        configs = os.path.join(BUNDLE_ROOT, "configs")
        return ConfigWorkflow(
            workflow_type=kind,
            config_file=[os.path.join(configs, file) for file in files],
            logging_file=os.path.join(configs, "logging.conf"),
            meta_file=os.path.join(configs, "metadata.json"),
            **override,
            dataset_dir=self.dataset_dir,
        )

    @parameterized.expand([TEST_CASE_1])
    def test_train_eval_config(self, override):
        check_workflow(self.workflow("train", ["train.json"], override | {"output_dir": self.output_dir}))
        for name in ("model.pt", "teacher.pt"):  # they are trained together
            self.assertTrue(os.path.isfile(os.path.join(self.output_dir, name)), name)
        evaluated = {"output_dir": os.path.join(self.dir, "evaluation"), "ckpt_dir": self.output_dir}
        check_workflow(self.workflow("train", ["train.json", "evaluate.json"], override | evaluated))
        self.assertTrue(os.path.isfile(os.path.join(self.dir, "evaluation", "cases.csv")))

    @parameterized.expand([TEST_CASE_2])
    def test_infer_config(self, override):
        check_workflow(self.workflow("infer", ["inference.json"], override | {"output_dir": self.output_dir}))
        written = [file.name for file in Path(self.output_dir).glob("*/*_seg.nii.gz")]
        self.assertEqual(len(written), 5)


if __name__ == "__main__":
    unittest.main()
