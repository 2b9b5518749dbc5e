"""Nine numbers of one table of predictions, beside two rivals; and the paired bootstrap."""

import json

from places import HOME
from programs import Rival, Target, commands, mlgate, passes, round_robin, title
from programs import anonymous, cpu_seconds, seconds
from tables import make_predictions

RIVALS = {
    "polars": Rival("polars", "polars_model.py", "by hand", 1 / 1.2),
    "scikit_learn": Rival("scikit_learn", "scikit_learn_model.py", "with Fairlearn", 58),
}
MAX_ANONYMOUS = 0.6e9
MAX_BOOTSTRAP = 2.0
BOOTSTRAP_ROWS = 100_000


def table(options):
    return make_predictions(options.rows)


def model(options):
    path = table(options)
    ours = [*mlgate("model.yml", None), "--predictions", path]
    runs = round_robin(commands(ours, RIVALS, options.only, path), options)

    print(f"## Nine numbers of {options.rows:,} predictions ({path.stat().st_size / 1e6:.0f} MB of Parquet)\n")
    print("| program | wall | × mlgate | user + sys | peak anonymous | runs | same numbers |")
    print("|---|--:|--:|--:|--:|--:|---|")
    ours, fine = seconds(runs["mlgate"]), passes(runs["mlgate"])
    targets = [
        Target(
            f"peak anonymous memory, {options.rows:,} predictions",
            f"< {MAX_ANONYMOUS / 1e9} GB",
            f"{anonymous(runs['mlgate']) / 1e9:.3f} GB",
            fine and anonymous(runs["mlgate"]) < MAX_ANONYMOUS,
        )
    ]
    for name, of in runs.items():
        agree = same_numbers(runs["mlgate"], of)
        ratio = seconds(of) / ours
        print(
            f"| {title(name, RIVALS)} | {seconds(of):.2f} s | {ratio:.2f} | {cpu_seconds(of):.2f} s"
            f" | {anonymous(of) / 1e9:.2f} GB | {len(of)} | {'yes' if agree else '**no**'} |"
        )
        if name != "mlgate":
            wanted = RIVALS[name].slower
            claim = f"the model's numbers against {title(name, RIVALS)}"
            targets.append(Target(claim, f"≥ {wanted:.2f} ×", f"{ratio:.2f} ×", fine and agree and ratio >= wanted))
    print()
    return runs, targets


def same_numbers(ours, theirs):
    """To 1e-9: a program that computes something else is not comparable."""
    told = [json.loads(runs[-1].said("NUMBERS") or "[]") for runs in (ours, theirs)]
    return bool(told[0]) and len(told[0]) == len(told[1]) and all(abs(a - b) < 1e-9 for a, b in zip(*told))


def paired_tables(_options):
    return make_predictions(BOOTSTRAP_ROWS), make_predictions(BOOTSTRAP_ROWS, "-production")


def bootstrap(options):
    candidate, production = paired_tables(options)
    commands = {}
    for metric in ("f1", "roc_auc", "log_loss"):
        entry = {"improvement": {"metric": metric, "min": -1, "confidence": 0.95}}
        config = HOME / f"bootstrap-{metric}.json"
        config.write_text(json.dumps({"model": {"checks": [entry]}}))
        commands[metric] = [*mlgate(config, None), "--predictions", candidate, "--baseline", production]
    runs = round_robin(commands, options)

    print(f"## Paired bootstrap of 2,000 resamples on {BOOTSTRAP_ROWS:,} rows\n")
    print("| metric | wall | user + sys |\n|---|--:|--:|")
    targets = []
    for metric, of in runs.items():
        print(f"| {metric} | {seconds(of):.2f} s | {cpu_seconds(of):.2f} s |")
        met = passes(of) and seconds(of) < MAX_BOOTSTRAP
        targets.append(Target(f"paired bootstrap of {metric}", f"< {MAX_BOOTSTRAP} s", f"{seconds(of):.2f} s", met))
    print()
    return runs, targets
