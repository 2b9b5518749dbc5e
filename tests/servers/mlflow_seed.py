"""Fills MLflow servers with the models that the tests ask about, and leaves their state in a folder.

    python mlflow_seed.py FOLDER

makes FOLDER/state and FOLDER/state-auth. Everything goes through the real server and its client, so that the databases
hold what MLflow writes. Artifacts have `mlflow-artifacts:` addresses and every path is relative to the folder that the
server is started in: a copy of the state works anywhere, on any port.

Run by mlflow.sh with the python of its virtual environment.
"""

import math
import os
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

# What the caller has set for their own MLflow must not reach these servers; nor may a proxy.
for name in [n for n in os.environ if n.upper().startswith(("MLFLOW_", "_MLFLOW_", "DATABRICKS_"))]:
    del os.environ[name]
os.environ.update(
    MLFLOW_DISABLE_TELEMETRY="true",
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
    MLFLOW_FLASK_SERVER_SECRET_KEY="not-a-secret",
    MLFLOW_AUTH_CONFIG_PATH="basic_auth.ini",
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false",
    MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT="true",
    NO_PROXY="127.0.0.1",
    no_proxy="127.0.0.1",
)

import numpy as np
import pandas as pd
import requests
from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

HERE = Path(__file__).resolve().parent
ADMIN = ("admin", "admin-password-1")  # as basic_auth.ini has it
READER = ("reader", "reader-password-1")
NOBODY = ("nobody", "nobody-password-1")


def main(folder):
    # Both starts take seconds of importing, so they are done at once. The client takes its password from the
    # environment, which the open server never looks at.
    os.environ.update(MLFLOW_TRACKING_USERNAME=ADMIN[0], MLFLOW_TRACKING_PASSWORD=ADMIN[1])
    with ThreadPoolExecutor() as both:
        for seeded in [both.submit(seed_open, folder / "state"), both.submit(seed_auth, folder / "state-auth")]:
            seeded.result()


def seed_open(state):
    with server(state) as url:
        client = MlflowClient(url)
        experiment = client.create_experiment("credit")
        seed_champion(client, experiment, state)
        seed_challenger(client, experiment)
        for name, alias, metrics in [
            ("no-predictions", "champion", {"accuracy": 0.7}),
            ("broken-metrics", "champion", {"accuracy": math.nan, "f1": math.inf}),
            ("no-alias", None, {"accuracy": 0.7}),
            ("crédit risk", "champion", {"accuracy": 0.7}),
        ]:
            run = finished_run(client, experiment, metrics)
            client.create_registered_model(name)
            version(client, name, f"{run.info.artifact_uri}/model", run.info.run_id, alias)
        client.create_registered_model("no-run")
        version(client, "no-run", "s3://models/credit-risk", None, "champion")


def seed_auth(state):
    state.mkdir()
    shutil.copy(HERE / "basic_auth.ini", state)
    with server(state, "--app-name", "basic-auth") as url:
        client = MlflowClient(url)
        experiment = client.create_experiment("credit")
        seed_champion(client, experiment, state)
        for username, password in [READER, NOBODY]:
            as_admin(url, "2.0/mlflow/users/create", username=username, password=password)
        for kind, name in [("registered_model", "credit-risk"), ("experiment", experiment)]:
            as_admin(
                url,
                "3.0/mlflow/users/permissions/grant",
                username=READER[0],
                resource_type=kind,
                resource_id=name,
                permission="READ",
            )


def as_admin(url, path, **body):
    requests.post(f"{url}/api/{path}", json=body, auth=ADMIN).raise_for_status()


def seed_champion(client, experiment, state):
    """`credit-risk` version 1, registered as MLflow 3 does it: its source is a logged model, not a folder of the run."""
    rows = champion_predictions()
    truth, said, score = rows["label"], rows["prediction"], rows["score"]
    metrics = {"accuracy": 0.75, "f1": 0.8, "roc_auc": 0.78, "custom_profit": 12.5}
    assert math.isclose(accuracy_score(truth, said), metrics["accuracy"])
    assert math.isclose(f1_score(truth, said), metrics["f1"])
    assert math.isclose(roc_auc_score(truth, score), metrics["roc_auc"])

    predictions = state / "predictions.parquet"
    rows.to_parquet(predictions, index=False)
    run = client.create_run(experiment, run_name="champion")
    run_id = run.info.run_id
    # Two steps, so that a reader who takes the first value instead of the latest is found out.
    client.log_metric(run_id, "accuracy", 0.5, step=0)
    for name, value in metrics.items():
        client.log_metric(run_id, name, value, step=1)
    client.log_artifact(run_id, str(predictions))
    model = client.create_logged_model(experiment, name="model", source_run_id=run_id)
    client.log_outputs(run_id, [LoggedModelOutput(model_id=model.model_id, step=0)])
    client.finalize_logged_model(model.model_id, "READY")
    client.set_terminated(run_id)
    client.create_registered_model("credit-risk")
    version(client, "credit-risk", f"models:/{model.model_id}", run_id, "champion", model.model_id)


def seed_challenger(client, experiment):
    """`credit-risk` version 2, whose predictions are of other customers."""
    rows = challenger_predictions()
    assert math.isclose(accuracy_score(rows["label"], rows["prediction"]), 0.8)
    run = finished_run(client, experiment, {"accuracy": 0.8})
    client.log_text(run.info.run_id, rows.to_csv(index=False), "predictions.csv")
    version(client, "credit-risk", f"{run.info.artifact_uri}/model", run.info.run_id, "challenger")


def finished_run(client, experiment, metrics):
    run = client.create_run(experiment)
    for name, value in metrics.items():
        client.log_metric(run.info.run_id, name, value)
    client.set_terminated(run.info.run_id)
    return run


def version(client, name, source, run_id, alias, model_id=None):
    made = client.create_model_version(name, source, run_id, model_id=model_id, await_creation_for=0)
    if alias:
        client.set_registered_model_alias(name, alias, made.version)


def champion_predictions():
    """100 true positives, 50 true negatives, 30 false positives, 20 false negatives, in an order whose AUC is 0.78.

    Of the 120 × 80 pairs, 5000 are a true positive over a true negative, and 2000 and 488 come from the two halves below:
    7488 / 9600.
    """
    said_no = ["TN"] * 24 + ["FN"] * 12 + ["TN"] + ["FN"] * 8 + ["TN"] * 25
    said_yes = ["FP"] * 20 + ["TP"] * 100 + ["FP"] * 10
    return predictions(range(200), said_no, said_yes)


def challenger_predictions():
    return predictions(range(1000, 1200), ["TN"] * 60 + ["FN"] * 20, ["FP"] * 20 + ["TP"] * 100)


def predictions(keys, said_no, said_yes):
    """One row per outcome. Scores rise evenly in the order given, below 0.5 for `said_no` and above it for `said_yes`."""
    outcomes = said_no + said_yes
    scores = np.concatenate([
        np.linspace(0.01, 0.49, len(said_no)).round(4),
        np.linspace(0.51, 0.99, len(said_yes)).round(4),
    ])
    random = np.random.default_rng(20240229)
    rows = pd.DataFrame({
        "label": [int(o in ("TP", "FN")) for o in outcomes],
        "prediction": [int(o in ("TP", "FP")) for o in outcomes],
        "score": scores,
        "region": random.choice(["north", "south", "east", "west"], len(outcomes)),
    })
    rows = rows.iloc[random.permutation(len(rows))].reset_index(drop=True)
    rows.insert(0, "key", list(keys))
    return rows


@contextmanager
def server(state, *options):
    """A server whose state is the folder `state`, for as long as the block runs. Gives its address."""
    state.mkdir(exist_ok=True)
    log = state / "server.log"
    port = free_port()
    with open(log, "wb") as out:
        process = subprocess.Popen(
            [
                *[sys.executable, "-m", "mlflow", "server"],
                *["--host", "127.0.0.1", "--port", str(port), "--workers", "1"],
                *["--backend-store-uri", "sqlite:///mlflow.db", "--artifacts-destination", "artifacts"],
                *options,
            ],
            cwd=state,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_healthy(url, process)
        yield url
    except BaseException:
        sys.stderr.write(log.read_text()[-4000:])
        raise
    finally:
        stop(process)
    log.unlink()


def wait_until_healthy(url, process):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(f"error: mlflow server ended with {process.returncode} before it was ready")
        try:
            if requests.get(f"{url}/health", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.05)
    sys.exit("error: mlflow server was not ready after 120 s")


def stop(process):
    # It passes SIGTERM on to its worker, and waits for it.
    process.terminate()
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
