# SPDX-License-Identifier: Apache-2.0
"""The content of a plan of one part with three arms."""

PART = {
    "title": "a part",
    "control": "alone",
    "subsets": [["flair"], ["t2", "t1"]],
    "seeds": [0, 1],
    "folds": [{"keys": {"split#fold": n}, "evaluation": {"part": f"of fold {n}"}} for n in range(2)],
    "keys": {"epochs": 2},
    "shared": {"teacher": {"overlays": ["train_teacher"], "keys": {"epochs": 9}}},
    "arms": {
        "alone": {"overlays": ["no_distillation"]},
        "soft": {
            "overlays": ["soft_targets"],
            "seeds": [0],
            "keys": {"teacher_from": "{shared}/teacher", "epochs": 3},
            "evaluation": {"teacher_training": "frozen"},
        },
        "all": {"overlays": ["train_all"], "seeds": [1], "together": True},
    },
}
CONTENT = {"keys": {"epochs": 1, "spacing": 3.0}, "evaluation": {"report": False}, "parts": {"real": PART}}
