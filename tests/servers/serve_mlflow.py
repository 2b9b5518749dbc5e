"""serve_mlflow.py KIND… --folder DIR [--rows N] [--seed N] [--missing SHARE] [--no-signature] [--forever]

MLflow's own scoring server, one for each kind of model, each on a port of its own. models.md says how to use it. Run by
the python of what mlflow.sh prepares.

Says `rows PATH`, `predictions PATH` and `model KIND PATH`, then `listening on PORT KIND` as soon as that one answers.
"""

import gc
import os
import sys
import warnings

# Nothing is left in the repository. Collecting garbage is a fifth of the time that importing takes. Warnings are advice
# to whoever saves a model.
sys.dont_write_bytecode = True
gc.disable()
warnings.simplefilter("ignore")
# What the caller has set for their own MLflow must not reach this one.
for name in [n for n in os.environ if n.upper().startswith(("MLFLOW_", "_MLFLOW_", "DATABRICKS_"))]:
    del os.environ[name]
os.environ.update(MLFLOW_DISABLE_TELEMETRY="true")

import argparse  # noqa: E402
import asyncio  # noqa: E402
import logging  # noqa: E402
from pathlib import Path  # noqa: E402

import mlflow.pyfunc  # noqa: E402
import mlflow.sklearn  # noqa: E402
import pandas as pd  # noqa: E402
import uvicorn  # noqa: E402
from mlflow.models import infer_signature  # noqa: E402
from mlflow.pyfunc import scoring_server  # noqa: E402
from served import FEATURES, Frame, classifier, end_with_input, leave, listening, plain, regressor, rows  # noqa: E402

# Named, so that MLflow does not start another Python to find out. `--env-manager local` never reads them.
REQUIREMENTS = ["scikit-learn"]
# Where Frame is: part of the model, so that `mlflow models serve` has it too.
CODE = [Path(__file__).with_name("served.py")]


class Wrapped(mlflow.pyfunc.PythonModel):
    """What MLflow takes to be a model, where it is not one of a flavour that it knows."""

    def __init__(self, model):
        self.model = model

    def predict(self, context, model_input: pd.DataFrame, params=None):
        return self.model.predict(model_input)


def save(kind, path, signed):
    """Saves a model of this kind as its users would, and gives what it predicts natively."""
    model = regressor() if kind == "numbers" else classifier(names=("bad", "good") if kind == "names" else None)
    if kind == "frame":
        model = Frame(model)
    predict = model.predict_proba if kind == "probabilities" else model.predict
    example = rows(100, seed=2, missing=0.1)[FEATURES]
    signature = infer_signature(example, predict(example)) if signed else None
    options = {"path": path, "signature": signature, "pip_requirements": REQUIREMENTS}
    if kind == "frame":
        mlflow.pyfunc.save_model(python_model=Wrapped(model), code_paths=CODE, **options)
    else:
        function = "predict_proba" if kind == "probabilities" else "predict"
        mlflow.sklearn.save_model(model, pyfunc_predict_fn=function, serialization_format="cloudpickle", **options)
    return predict


async def serve(servers):
    tasks = []
    for kind, listener, server in servers:
        tasks.append(asyncio.create_task(server.serve(sockets=[listener])))
        while not server.started:
            await asyncio.sleep(0.005)
        print(f"listening on {listener.getsockname()[1]} {kind}", flush=True)
    await asyncio.gather(*tasks)


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("kinds", nargs="+", choices=["labels", "names", "numbers", "probabilities", "frame"])
    parser.add_argument("--folder", type=Path, required=True, help="where rows, predictions and models are written")
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--missing", type=float, default=0.0, help="the share of missing f7 and of missing region")
    parser.add_argument("--no-signature", action="store_true", help="the models do not say what they take")
    parser.add_argument("--forever", action="store_true", help="does not end with its standard input")
    arguments = parser.parse_args()
    if not arguments.forever:
        end_with_input()
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    table = rows(arguments.rows, arguments.seed, arguments.missing)
    predictions, servers = {}, []
    for kind in arguments.kinds:
        path = folder / kind
        predict = save(kind, path, not arguments.no_signature)
        predictions[kind] = plain(predict(table[FEATURES]))
        # What `mlflow models serve` has uvicorn do: mlflow.pyfunc.scoring_server.app is these two calls.
        app = scoring_server.init(scoring_server.load_model_with_mlflow_config(str(path)))
        servers.append((kind, listening(), uvicorn.Server(uvicorn.Config(app, log_level="warning"))))
    leave(folder, table, predictions)
    for kind in arguments.kinds:
        print(f"model {kind} {folder / kind}", flush=True)
    gc.enable()
    asyncio.run(serve(servers))


if __name__ == "__main__":
    main()
