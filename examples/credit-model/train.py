"""Trains two models on the German credit data, and one on data that somebody spoilt; writes what they predict.

    pip install -r examples/credit-model/requirements.txt
    python examples/credit-model/train.py                                     # data/, as committed
    python examples/credit-model/train.py --register http://127.0.0.1:5000    # and an MLflow registry

Every row is predicted by a model that has not seen it (five folds, seeded), so all 1,000 rows count. Everything but
`latency_ms` comes out the same each time: that column is measured.
"""

import argparse
import json
import time
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HERE = Path(__file__).resolve().parent
TABLE = HERE.parent / "credit/data/german_credit.csv"
NUMBERS = ["credit_amount", "duration", "age"]
TEXTS = ["job", "housing", "saving_accounts", "checking_account", "purpose"]
# Of good female applicants in the spoilt data, the share that one branch entered as bad.
SPOILT = 0.2


def model(numbers, texts):
    columns = [("numbers", StandardScaler(), numbers), ("texts", OneHotEncoder(handle_unknown="ignore", min_frequency=20), texts)]
    return make_pipeline(ColumnTransformer(columns), LogisticRegression(C=0.5, max_iter=1000))


def out_of_fold(estimator, table, labels):
    """The probability that each row is good, by a model trained on `labels` of the other folds."""
    scores = np.zeros(len(table))
    for train, test in StratifiedKFold(5, shuffle=True, random_state=7).split(table, table["risk"]):
        fitted = clone(estimator).fit(table.iloc[train], labels.iloc[train])
        scores[test] = fitted.predict_proba(table.iloc[test])[:, 1]
    return scores.round(6)


def predictions(table, scores):
    return pd.DataFrame(
        {
            "key": np.arange(1, len(table) + 1),
            "label": table["risk"],
            "prediction": (scores >= 0.5).astype(int),
            "score": scores,
            "sex": table["sex"],
            "age": table["age"],
            "housing": table["housing"],
        }
    )


def metrics(told):
    label, prediction, score = told["label"], told["prediction"], told["score"]
    # A good loan earns one unit, a bad one that is granted loses five: the cost matrix that came with the data.
    granted = prediction == 1
    return {
        "accuracy": accuracy_score(label, prediction),
        "f1": f1_score(label, prediction),
        "roc_auc": roc_auc_score(label, score),
        "log_loss": log_loss(label, score),
        "brier": brier_score_loss(label, score),
        "profit_per_loan": float(np.where(granted, np.where(label == 1, 1.0, -5.0), 0.0).mean()),
    }


def latencies(fitted, table):
    """Milliseconds of one prediction, row by row."""
    measured = []
    for row in range(len(table)):
        one = table.iloc[[row]]
        start = time.perf_counter()
        fitted.predict_proba(one)
        measured.append(round((time.perf_counter() - start) * 1e3, 3))
    return measured


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--register", metavar="URI", help="an MLflow server that is to know both models")
    options = parser.parse_args()
    table = pd.read_csv(TABLE)

    # In production: what the application form asks first. The candidate: all of it but the applicant's sex.
    production = model(["duration", "credit_amount"], ["saving_accounts"])
    candidate = model(NUMBERS, TEXTS)
    told = {
        "production": predictions(table, out_of_fold(production, table, table["risk"])),
        "candidate": predictions(table, out_of_fold(candidate, table, table["risk"])),
    }

    # The wrong one: the same model with the sex, on data in which good female applicants were entered as bad.
    spoilt = table["risk"].copy()
    female = np.flatnonzero((table["sex"] == "female") & (table["risk"] == 1))
    spoilt.iloc[np.random.default_rng(7).choice(female, int(SPOILT * len(female)), replace=False)] = 0
    told["wrong"] = predictions(table, out_of_fold(model(NUMBERS, [*TEXTS, "sex"]), table, spoilt))

    data = HERE / "data"
    data.mkdir(exist_ok=True)
    fitted = {name: estimator.fit(table, table["risk"]) for name, estimator in (("production", production), ("candidate", candidate))}
    joblib.dump(fitted["candidate"], data / "candidate.joblib", compress=3)
    fitted["candidate"].predict_proba(table.head(20))
    told["candidate"]["latency_ms"] = latencies(fitted["candidate"], table)
    for name, frame in told.items():
        frame.to_csv(data / f"{name}.csv", index=False, lineterminator="\n")
    for name in ("production", "candidate"):
        numbers = {key: round(value, 6) for key, value in metrics(told[name]).items()}
        (data / f"{name}-metrics.json").write_text(json.dumps(numbers, indent=2) + "\n")
    print(pd.DataFrame({name: metrics(frame) for name, frame in told.items()}).round(4))
    if options.register:
        register(options.register, told, data)


def register(uri, told, data):
    """Registers both, production first, and gives that one the alias `champion`."""
    import mlflow

    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient()
    try:
        client.get_registered_model("credit-risk")
    except mlflow.exceptions.MlflowException:
        client.create_registered_model("credit-risk")
    for name in ("production", "candidate"):
        with mlflow.start_run(run_name=name) as run:
            mlflow.log_metrics(metrics(told[name]))
            # The gate looks for a file of this name.
            renamed = data.parent / "predictions.csv"
            renamed.write_bytes((data / f"{name}.csv").read_bytes())
            mlflow.log_artifact(renamed)
            renamed.unlink()
        version = client.create_model_version("credit-risk", f"runs:/{run.info.run_id}/model", run.info.run_id)
        if name == "production":
            client.set_registered_model_alias("credit-risk", "champion", version.version)
        print(f"{name}: credit-risk version {version.version}")


if __name__ == "__main__":
    main()
