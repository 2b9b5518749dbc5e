//! Columns that were compared with the reference, as a verdict carries them.

use serde_json::Value;

use super::Verdict;

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift<'a> {
    pub column: &'a str,
    pub method: &'a str,
    pub effect: Option<f64>,
    pub threshold: Option<f64>,
    pub p_adjusted: Option<f64>,
    pub drifted: bool,
    pub inconclusive: bool,
    /// Shares of the bins in percent, in the reference and now; of columns that drifted.
    pub shares: [Vec<f64>; 2],
    /// The bins that moved most: its name, and its shares.
    pub moved: Vec<(&'a str, f64, f64)>,
    /// The shift of the missing share, in points.
    pub missing: Option<f64>,
}

impl Verdict {
    /// The columns of `drift` and `target_drift`, worst first.
    pub fn drifts(&self) -> impl Iterator<Item = Drift<'_>> {
        let is_drift = matches!(self.check.as_str(), "drift" | "target_drift");
        self.values.iter().filter(move |_| is_drift).filter_map(|(column, value)| read(column, value))
    }
}

fn read<'a>(column: &'a str, value: &'a Value) -> Option<Drift<'a>> {
    let number = |name: &str| value.get(name).and_then(Value::as_f64);
    let is = |name: &str| value.get(name).and_then(Value::as_bool).unwrap_or(false);
    let list = |name: &str| value.get(name).and_then(Value::as_array).into_iter().flatten();
    let shares = |name: &str| list(name).filter_map(Value::as_f64).take(crate::support::words::BARS).collect();
    let bin = |bin: &'a Value| Some((bin["bin"].as_str()?, bin["reference"].as_f64()?, bin["current"].as_f64()?));
    Some(Drift {
        column,
        method: value.get("method")?.as_str()?,
        effect: number("effect"),
        threshold: number("threshold"),
        p_adjusted: number("p_adjusted"),
        drifted: is("drifted"),
        inconclusive: is("inconclusive"),
        shares: [shares("reference"), shares("current")],
        moved: value.get("moved").and_then(Value::as_array).into_iter().flatten().filter_map(bin).collect(),
        missing: value.get("missing").and_then(|missing| missing["points"].as_f64()),
    })
}
