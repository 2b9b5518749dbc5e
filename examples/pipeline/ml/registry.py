"""Between the folder out/ and MLflow's registry. Prints the version, and nothing else.

registry.py register NAME FOLDER            a new version of the model NAME from the files of FOLDER
registry.py fetch    NAME VERSION FOLDER    the files of that version, into FOLDER
"""

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path

import mlflow

# What the gate judges, and what it finds again as the champion's. metrics.json holds numbers by name.
FILES = ["model.onnx", "predictions.parquet", "metrics.json"]


def register(client, name, folder):
    """The version's files lie beside each other in its run, where mlgate looks for `predictions`."""
    missing = [file for file in FILES if not (folder / file).is_file()]
    if missing:
        sys.exit(f"error: {folder} lacks {', '.join(missing)}")
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    with mlflow.start_run(run_name=name) as run:
        mlflow.log_metrics(json.loads((folder / "metrics.json").read_text()))
        for file in FILES:
            mlflow.log_artifact(folder / file)
    source = f"{run.info.artifact_uri}/model.onnx"
    return client.create_model_version(name, source, run.info.run_id).version


def fetch(client, name, version, folder):
    found = client.get_model_version(name, version)
    folder.mkdir(parents=True, exist_ok=True)
    for file in FILES:
        client.download_artifacts(found.run_id, file, folder)
    return found.version


def answer(arguments):
    client = mlflow.MlflowClient()
    match arguments:
        case ["register", name, folder]:
            return register(client, name, Path(folder))
        case ["fetch", name, version, folder]:
            return fetch(client, name, version, Path(folder))
    sys.exit(__doc__)


if __name__ == "__main__":
    # MLflow prints where to look at a run; that is not for the workflow, which takes what is printed for the version.
    with redirect_stdout(sys.stderr):
        version = answer(sys.argv[1:])
    print(version)
