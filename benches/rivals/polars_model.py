"""The model's numbers in Polars, by hand: streaming plans over one scan; the area by ranks."""

import sys

import polars as pl

from model import finish

table = pl.scan_parquet(sys.argv[1])
label, prediction, score = pl.col("label").cast(pl.Int64), pl.col("prediction").cast(pl.Int64), pl.col("score")
plans = [
    table.select(
        accuracy=(label == prediction).mean(),
        hits=((label == 1) & (prediction == 1)).sum(),
        said=prediction.sum(),
        positives=label.sum(),
        rows=pl.len(),
        log_loss=-pl.when(label == 1).then(score.log()).otherwise((1 - score).log()).mean(),
    ),
    table.select((score * 10).floor().clip(0, 9).alias("bin"), score.alias("score"), label.alias("label"))
    .group_by("bin")
    .agg(pl.col("score").sum(), pl.col("label").sum()),
    table.select(rank=score.rank("average"), label=label).select((pl.col("rank") * pl.col("label")).sum()),
]
for column in ("sex", "region"):
    rates = dict(
        selected=prediction.mean(), right=prediction.filter(label == 1).mean(), wrong=prediction.filter(label == 0).mean()
    )
    plans.append(table.group_by(column).agg(**rates))
counts, bins, ranks, *groups = pl.collect_all(plans, engine="streaming")

counts = counts.row(0, named=True)
positives = counts["positives"]
negatives = counts["rows"] - positives
numbers = {
    "accuracy": counts["accuracy"],
    "f1": 2 * counts["hits"] / (counts["said"] + positives),
    "roc_auc": (ranks.item() - positives * (positives + 1) / 2) / (positives * negatives),
    "log_loss": counts["log_loss"],
    "ece": (bins["score"] - bins["label"]).abs().sum() / counts["rows"],
}
for column, rates in zip(("sex", "region"), groups):
    numbers[f"parity {column}"] = rates["selected"].max() - rates["selected"].min()
    numbers[f"odds {column}"] = max(rates[rate].max() - rates[rate].min() for rate in ("right", "wrong"))
finish(numbers)
