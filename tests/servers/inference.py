"""inference.py --folder DIR [--rows N] [--seed N] [--missing SHARE] [--port N] [--forever]

MLServer, which speaks the Open Inference Protocol (v2), with the models below. models.md says how to use it. Run by the
python that inference.sh prints.

Says `rows PATH` and `predictions PATH`, then `listening on PORT` as soon as every model answers.
"""

import gc
import os
import sys
import warnings

# Nothing is left in the repository. Collecting garbage is a part of the time that importing takes.
sys.dont_write_bytecode = True
gc.disable()
warnings.simplefilter("ignore")
# What the caller has set for their own MLServer must not reach this one.
for name in [n for n in os.environ if n.upper().startswith("MLSERVER_")]:
    del os.environ[name]

import argparse  # noqa: E402
import asyncio  # noqa: E402
import json  # noqa: E402
import logging  # noqa: E402
from pathlib import Path  # noqa: E402

import joblib  # noqa: E402
import numpy as np  # noqa: E402
from mlserver import MLServer  # noqa: E402
from mlserver.cli.serve import load_settings  # noqa: E402
from served import (  # noqa: E402
    FEATURES,
    NUMBERS,
    Frame,
    classifier,
    end_with_input,
    leave,
    plain,
    regressor,
    rows,
    tensor_classifier,
)

TENSOR = [{"name": "input-0", "datatype": "FP64", "shape": [-1, 8]}]
COLUMNS = [
    {"name": "f0", "datatype": "INT64", "shape": [-1, 1]},
    *({"name": name, "datatype": "FP64", "shape": [-1, 1]} for name in NUMBERS[1:]),
    {"name": "region", "datatype": "BYTES", "shape": [-1, 1], "parameters": {"content_type": "str"}},
]
PROBABILITIES = {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 2]}


def output(datatype, name="predict"):
    return {"name": name, "datatype": datatype, "shape": [-1, 1]}


# Each with the inputs and outputs that its metadata declares, and the content type of a request as a whole.
MODELS = {
    "tensor": (tensor_classifier, TENSOR, [output("INT64"), PROBABILITIES], None),
    "undeclared": (tensor_classifier, [], [], None),
    "columns": (classifier, COLUMNS, [output("INT64"), PROBABILITIES], "pd"),
    "names": (lambda: classifier(names=("bad", "good")), COLUMNS, [output("BYTES"), PROBABILITIES], "pd"),
    "numbers": (regressor, COLUMNS, [output("FP64")], "pd"),
    "frame": (lambda: Frame(classifier()), COLUMNS, [output("INT64", "label"), output("FP64", "score")], "pd"),
}


def save(folder, name, table):
    """Saves a model as its users would, and gives what it predicts natively."""
    make, inputs, outputs, content_type = MODELS[name]
    model = make()
    path = folder / name
    path.mkdir()
    joblib.dump(model, path / "model.joblib")
    parameters = {"uri": "./model.joblib", "version": "v1"}
    settings = {
        "name": name,
        "implementation": "mlserver_sklearn.SKLearnModel",
        "platform": "sklearn",
        "inputs": inputs,
        "outputs": outputs,
        "parameters": parameters | ({"content_type": content_type} if content_type else {}),
    }
    (path / "model-settings.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")
    features = table[FEATURES] if content_type else np.ascontiguousarray(table[NUMBERS], float)
    functions = [function for function in ["predict", "predict_proba"] if hasattr(model, function)]
    return {function: plain(getattr(model, function)(features)) for function in functions}


async def serve(folder, port):
    settings = {
        "host": "127.0.0.1",
        "http_port": port,
        "grpc_port": 0,
        "metrics_endpoint": None,  # it would take a third port
        "parallel_workers": 0,  # one process
        "debug": False,
    }
    (folder / "settings.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")
    # As `mlserver start FOLDER` does it.
    server_settings, models = await load_settings(str(folder))
    server = MLServer(server_settings)
    logging.getLogger("mlserver").setLevel(logging.ERROR)
    serving = asyncio.create_task(server.start(models))
    while not serving.done():
        # The port is private, because MLServer takes for granted that it was told one.
        http = getattr(server._rest_server, "_server", None)
        ready = [model.name for model in await server._model_registry.get_models() if model.ready]
        if http and http.started and len(ready) == len(MODELS):
            print(f"listening on {http.servers[0].sockets[0].getsockname()[1]}", flush=True)
            break
        await asyncio.sleep(0.01)
    await serving


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--folder", type=Path, required=True, help="where rows, predictions and models are written")
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--missing", type=float, default=0.0, help="the share of missing f7 and of missing region")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--forever", action="store_true", help="does not end with its standard input")
    arguments = parser.parse_args()
    if not arguments.forever:
        end_with_input()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)  # MLServer looks for settings in the working folder too
    table = rows(arguments.rows, arguments.seed, arguments.missing)
    # A tensor of numbers has no word for what is missing; an imputer is not the model's.
    whole = table.fillna({"f7": 0.0})
    predictions = {name: save(folder, name, table if MODELS[name][3] else whole) for name in MODELS}
    leave(folder, table, predictions)
    gc.enable()
    asyncio.run(serve(folder, arguments.port))


if __name__ == "__main__":
    main()
