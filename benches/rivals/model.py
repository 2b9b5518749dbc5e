"""What every rival says of the predictions: nine numbers, in the order of model.yml."""

import json

NAMES = ["accuracy", "f1", "roc_auc", "log_loss", "ece", "parity sex", "odds sex", "parity region", "odds region"]


def finish(numbers):
    print("NUMBERS", json.dumps([float(numbers[name]) for name in NAMES]))
    print("VERDICT pass", flush=True)
