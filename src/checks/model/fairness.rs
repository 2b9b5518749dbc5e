//! `fairness`: no group is treated much worse than another.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::checks::check::{Check, Looser, Named, Part, Tables};
use crate::checks::evidence::{self, By, Confidence};
use crate::stats::inference::estimate::{Narrows, TOLERANCE};
use crate::stats::inference::proportion::{spread, wilson};
use crate::stats::inference::{Estimate, Held, Interval, Method, widened};
use crate::support::limit::range::{LimitSetting, ValueRange};
use crate::support::limit::Finite;
use crate::stats::metric::counts::binary;
use crate::stats::metric::parity::{Parity, Rates};
use crate::stats::metric::positive;
use crate::stats::predictions::{Confusion, Slicer};
use crate::support::problem::Problem;
use crate::data::statistic::{Given, Typed};
use crate::data::table::Role;
use crate::report::verdict::{Band, Finding, Outcome};
use crate::support::words::{code, interval, list, metric as number, more_rows, rows as rows_of};

/// Between the groups of `columns` no rate of positive predictions is less than `min` times another, or
/// differs from it by more than `max`.
///
/// - `demographic_parity_ratio`, `demographic_parity_difference`: how often each group is predicted positive.
/// - `equal_opportunity_ratio`, `equal_opportunity_difference`: how often among those whose label is positive.
/// - `equalized_odds_ratio`, `equalized_odds_difference`: that and how often among those whose label is not,
///   whichever is worse.
///
/// ```yaml
/// - fairness: { columns: [sex] }
/// - fairness: { metric: equalized_odds_difference, columns: [sex, age_band], max: 0.1, confidence: 0.95 }
/// ```
///
/// The definitions are Fairlearn's, for two classes. Ratios have a `min` of 0.8 unless a limit is set,
/// differences need a `max`. Several columns mean the groups of their intersections. A group of fewer than `min_group_rows` is left out and named, and if
/// fewer than two remain the verdict is inconclusive. So it is where a group has no row to divide by, unless
/// the others already fail.
///
/// With `confidence` each group's rate has a Wilson interval at 1 − (1 − c)/k for k groups (2k for equalized
/// odds), and what these allow the ratio or difference to be decides.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fairness {
    /// What is compared; `demographic_parity_ratio` without it.
    #[serde(default)]
    metric: Parity,
    /// The columns whose values, and their intersections, are the groups.
    columns: Vec<String>,
    /// The smallest value allowed; 0.8 for ratios.
    min: Option<Finite>,
    /// The largest value allowed.
    max: Option<Finite>,
    /// A group of fewer rows is left out.
    #[serde(default = "default_min_group_rows")]
    min_group_rows: u64,
    /// Let the interval of this confidence decide.
    confidence: Option<Confidence>,
}

fn default_min_group_rows() -> u64 {
    30
}

impl Check for Fairness {
    const ID: &'static str = "fairness";
    const PARTS: &'static [Part] = &[Part::Predictions];
    /// Smaller groups are left out; a ratio without either limit has one of 0.8.
    const LOOSER: &'static [(&'static str, Looser)] = &[
        ("min_group_rows", Looser::Higher),
        ("min", Looser::LowerThanUsual),
        ("max", Looser::HigherThanUsual),
    ];
    type Needs = (Typed<Confusion>, Given<Option<String>>);

    fn validate(&self) -> Result<(), String> {
        if self.columns.is_empty() {
            return Err("`columns` is empty: name the columns whose groups are compared".into());
        }
        By(self.columns.iter().map(|column| Slicer::values(column)).collect())
            .validate()
            .map_err(|wrong| wrong.replace("`by`", "`columns`"))?;
        self.band().validate()
    }

    fn limits(&self) -> Vec<LimitSetting> {
        let Band { min, max } = self.band();
        LimitSetting::band(min.map(Finite), max.map(Finite), ValueRange::SHARE, &code(&self.metric.to_string()))
    }

    fn subject(&self, _: Named) -> Option<String> {
        Some(self.metric.to_string())
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let table = tables.table(Role::Predictions)?;
        self.columns.iter().try_for_each(|column| table.column(column)?.slices(false))?;
        let by: Vec<Slicer> = self.columns.iter().map(|column| Slicer::values(column)).collect();
        let names = &tables.model.names;
        Ok((table.confusion(names, &by)?, Given(names.positive.clone())))
    }

    fn judge(&self, (counts, named): (Confusion, Option<String>)) -> Result<Finding, Problem> {
        let classes = &counts.classes;
        if classes.len() > 2 {
            let said = format!("fairness is about two classes, and there are {}", classes.len());
            return Err(Problem::new(said).hint("write a predictions table of one class against the others"));
        }
        let Some(class) = positive(named.as_deref(), classes) else {
            let said = format!("which of {} is the positive class?", list(classes.iter().map(String::as_str)));
            return Err(Problem::new(said).hint("set `model.predictions.positive`"));
        };
        let class = binary(class, classes).map_err(|undefined| Problem::new(undefined.why()))?;
        let sizes: Vec<u64> = (0..counts.slices.len()).map(|slice| counts.slice(slice).rows()).collect();
        let (groups, small): (Vec<usize>, Vec<usize>) =
            (0..sizes.len()).partition(|group| sizes[*group] >= self.min_group_rows);
        let name = |group: &usize| counts.slices[*group].as_str();
        let mut left_out = String::new();
        if !small.is_empty() {
            left_out = format!("; left out with fewer than {}: {}", rows_of(self.min_group_rows), list(small.iter().map(name)));
        }
        if groups.len() < 2 {
            let said = format!("fewer than two groups of {} have {}{left_out}", self.by(), rows_of(self.min_group_rows));
            return Ok(Finding::of(Outcome::Inconclusive, said).value("groups", values(&counts, &sizes, &groups, &[], None)));
        }
        let all: Vec<Rates> = self.metric.among().iter().map(|among| Rates::of(*among, &counts, &groups, class)).collect();
        if all.iter().flat_map(|rates| rates.rates.iter().flatten()).any(|rate| !rate.share.is_finite()) {
            return Err(Problem::new("the weights are too large or too small to be added up"));
        }
        // Fewer than two groups have anything to divide by.
        if all.iter().all(|rates| rates.extremes().is_none()) {
            let said = format!("fewer than two groups of {} have rows to compare", self.by()) + &unknown(&all, &groups, &counts);
            let finding = Finding::of(Outcome::Inconclusive, said + &left_out);
            return Ok(finding.value("groups", values(&counts, &sizes, &groups, &all, None)));
        }
        let compared: Vec<(&Rates, f64, [usize; 2])> =
            all.iter().filter_map(|rates| self.metric.of(rates).map(|(value, ends)| (rates, value, ends))).collect();
        let worse = |a: f64, b: f64| if self.metric.is_ratio() { a < b } else { a > b };
        let worst = compared.iter().reduce(|best, next| if worse(next.1, best.1) { next } else { best });
        let Some((worst, value, [low, high])) = worst else {
            return Err(Problem::new("no group is ever predicted positive: there is nothing to compare"));
        };
        let estimate = self.confidence.map(|confidence| self.estimate(&all, *value, confidence.0, counts.rows()));
        let (mut outcome, mut why) = self.outcome(*value, estimate.as_ref());
        let unknown = unknown(&all, &groups, &counts);
        if !unknown.is_empty() && outcome == Outcome::Pass {
            // What fails without them fails with them: a further group only widens the gap.
            outcome = Outcome::Inconclusive;
        }
        why += &unknown;
        let said = self.sentence(worst, [(name(&groups[*low]), *low), (name(&groups[*high]), *high)], *value, estimate.as_ref());
        let widths = self.confidence.map(|confidence| self.each(confidence.0, groups.len()));
        let mut finding = Finding::of(outcome, said + &why + &left_out)
            .value("groups", values(&counts, &sizes, &groups, &all, widths))
            .value("left_out", small.iter().map(|group| json!(name(group))).collect::<Vec<_>>())
            .note(left_out.trim_start_matches("; "));
        if let Some(estimate) = &estimate {
            finding = finding.value("interval", evidence::interval(estimate));
            if let Held::Open(Some(rows)) = estimate.against(self.band().min, self.band().max) {
                finding = finding.value("rows_to_decide", rows);
            }
        }
        finding.limits = self.band().held(*value);
        Ok(finding)
    }
}

impl Fairness {
    /// Who is treated how, what that makes, and what is wanted; `ends` are the groups with the lowest and the
    /// highest rate.
    fn sentence(&self, rates: &Rates, ends: [(&str, usize); 2], value: f64, estimate: Option<&Estimate>) -> String {
        let [low, high] = ends.map(|(_, group)| rates.rates[group].map_or(0.0, |rate| rate.share));
        let range = estimate.map(|e| format!(" ({})", interval(e.interval.low, e.interval.high, e.confidence)));
        format!(
            "{} {} {} of the time and {} {}: {} is {}{}, {}",
            code(ends[0].0),
            rates.among.said(),
            number(low, &[high]),
            code(ends[1].0),
            number(high, &[low]),
            self.metric,
            number(value, &self.band().ends()),
            range.unwrap_or_default(),
            self.band().wanted(),
        )
    }

    fn by(&self) -> String {
        self.columns.iter().map(|column| code(column)).collect::<Vec<_>>().join(" and ")
    }

    fn band(&self) -> Band {
        let usual = (self.metric.is_ratio() && self.min.is_none() && self.max.is_none()).then_some(0.8);
        Band { min: self.min.map(|min| min.0).or(usual), max: self.max.map(|max| max.0) }
    }

    /// The confidence of each group's interval.
    fn each(&self, confidence: f64, groups: usize) -> f64 {
        widened(confidence, groups * self.metric.among().len())
    }

    fn estimate(&self, all: &[Rates], value: f64, confidence: f64, rows: u64) -> Estimate {
        let interval = |factor: f64| self.bounds(all, confidence, factor);
        Estimate {
            value,
            interval: interval(1.0),
            method: Method::WilsonBounds,
            confidence,
            rows,
            narrows: Narrows::Known(self.rows_to_decide(value, rows, interval)),
        }
    }

    /// What the groups' intervals allow, with so many times the rows: the worse of each end.
    fn bounds(&self, all: &[Rates], confidence: f64, factor: f64) -> Interval {
        let mut both: Option<Interval> = None;
        for rates in all {
            let each = self.each(confidence, rates.rates.len());
            let intervals: Vec<Interval> = rates
                .rates
                .iter()
                .flatten()
                .map(|rate| wilson(rate.share, rate.effective * factor, rate.rows, each).interval)
                .collect();
            if intervals.len() < 2 {
                continue;
            }
            let (ratio, difference) = spread(&intervals);
            let next = if self.metric.is_ratio() { ratio } else { difference };
            both = Some(both.map_or(next, |both| {
                let worse = if self.metric.is_ratio() { f64::min } else { f64::max };
                Interval { low: worse(both.low, next.low), high: worse(both.high, next.high) }
            }));
        }
        both.unwrap_or(Interval { low: 0.0, high: 1.0 })
    }

    /// The fewest rows, in groups of the same shares, at which the interval leaves both limits out.
    fn rows_to_decide(&self, value: f64, rows: u64, interval: impl Fn(f64) -> Interval) -> Option<u64> {
        let band = self.band();
        if band.ends().iter().any(|limit| (limit - value).abs() <= TOLERANCE) {
            return None;
        }
        let decided = |needed: u64| {
            let Interval { low, high } = interval(needed as f64 / rows as f64);
            let outside = band.min.is_some_and(|min| high < min) || band.max.is_some_and(|max| low > max);
            outside || band.holds(low) && band.holds(high)
        };
        let (mut few, mut many) = (rows, rows.max(1));
        while !decided(many) {
            if many > 1 << 40 {
                return None;
            }
            (few, many) = (many, many * 2);
        }
        while few + 1 < many {
            let middle = u64::midpoint(few, many);
            if decided(middle) { many = middle } else { few = middle }
        }
        Some(many)
    }

    fn outcome(&self, value: f64, estimate: Option<&Estimate>) -> (Outcome, String) {
        let band = self.band();
        let Some(estimate) = estimate else {
            return (if band.holds(value) { Outcome::Pass } else { Outcome::Fail }, String::new());
        };
        match estimate.against(band.min, band.max) {
            Held::Inside => (Outcome::Pass, String::new()),
            Held::Outside => (Outcome::Fail, String::new()),
            Held::Open(Some(needed)) => (Outcome::Inconclusive, more_rows(needed, estimate.rows)),
            Held::Open(None) => (Outcome::Inconclusive, ": no number of rows like these would decide".into()),
        }
    }
}

/// `; no positive label of b`: groups that have nothing to divide by.
fn unknown(all: &[Rates], groups: &[usize], counts: &Confusion) -> String {
    let of = |rates: &Rates| {
        let unknown = rates.rates.iter().zip(groups).filter(|(rate, _)| rate.is_none());
        let names: Vec<&str> = unknown.map(|(_, group)| counts.slices[*group].as_str()).collect();
        if names.is_empty() { String::new() } else { format!("; {} of {}", rates.among.missing(), list(names)) }
    };
    all.iter().map(of).collect()
}

/// The groups as the report has them, the lowest first rate first; those left out at the end.
fn values(counts: &Confusion, sizes: &[u64], groups: &[usize], all: &[Rates], each: Option<f64>) -> Vec<Value> {
    let first = |group: usize| {
        let at = groups.iter().position(|known| *known == group)?;
        all.first()?.rates[at].map(|rate| rate.share)
    };
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by(|a, b| first(*a).unwrap_or(f64::INFINITY).total_cmp(&first(*b).unwrap_or(f64::INFINITY)));
    let group = |group: usize| {
        let mut value = json!({ "slice": counts.slices[group], "rows": sizes[group] });
        if let Some(at) = groups.iter().position(|known| *known == group) {
            for rates in all {
                let rate = rates.rates[at];
                value[rates.among.name()] = json!(rate.map(|rate| rate.share));
                if let Some((rate, each)) = rate.zip(each) {
                    let estimate = wilson(rate.share, rate.effective, rate.rows, each);
                    value[format!("{}_interval", rates.among.name())] = evidence::interval(&estimate);
                }
            }
        }
        value
    };
    order.into_iter().map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::predictions::Cell;

    /// Groups of so many rows, so many of them predicted positive; half of the labels are positive.
    fn counts(groups: &[(&str, u64, u64)]) -> Confusion {
        let mut cells = Vec::new();
        for (slice, (_, rows, selected)) in groups.iter().enumerate() {
            for (label, share) in [(0, selected / 2), (1, selected - selected / 2)] {
                for (prediction, n) in [(1, share), (0, rows / 2 - share)] {
                    let weight = n as f64;
                    cells.push(Cell { slice, label, prediction, rows: n, weight, squares: weight });
                }
            }
        }
        let slices = groups.iter().map(|group| group.0.to_owned()).collect();
        Confusion { classes: vec!["0".into(), "1".into()], slices, cells }
    }

    fn check(settings: &str, groups: &[(&str, u64, u64)]) -> Finding {
        let check: Fairness = serde_yaml::from_str(settings).unwrap();
        check.validate().unwrap();
        check.judge((counts(groups), None)).unwrap()
    }

    #[test]
    fn the_ratio_of_rates_is_held_to_four_fifths() {
        let finding = check("{columns: [sex]}", &[("sex=f", 100, 40), ("sex=m", 100, 80)]);
        assert_eq!((finding.outcome, finding.limits[0].observed), (Outcome::Fail, 0.5));
        assert_eq!(
            finding.message,
            "`sex=f` is predicted positive 0.4 of the time and `sex=m` 0.8: demographic_parity_ratio is 0.5, at least 0.8 needed"
        );
        assert_eq!(check("{columns: [sex]}", &[("sex=f", 100, 64), ("sex=m", 100, 80)]).outcome, Outcome::Pass);
    }

    #[test]
    fn small_groups_are_left_out_and_named() {
        let finding = check("{columns: [sex]}", &[("sex=f", 100, 80), ("sex=m", 100, 80), ("sex=x", 10, 0)]);
        assert_eq!(finding.outcome, Outcome::Pass);
        assert!(finding.message.contains("left out with fewer than 30 rows: `sex=x`"), "{}", finding.message);
        let finding = check("{columns: [sex]}", &[("sex=f", 100, 80), ("sex=x", 10, 0)]);
        assert_eq!(finding.outcome, Outcome::Inconclusive);
    }

    #[test]
    fn few_rows_are_inconclusive_and_say_how_many_decide() {
        let groups = [("sex=f", 100, 70), ("sex=m", 100, 80)];
        let finding = check("{columns: [sex], confidence: 0.95}", &groups);
        assert_eq!(finding.outcome, Outcome::Inconclusive);
        let rows = finding.values["rows_to_decide"].as_u64().unwrap();
        let scaled = |rows: u64| [("sex=f", rows / 2, rows / 2 * 7 / 10), ("sex=m", rows / 2, rows / 2 * 8 / 10)];
        assert_eq!(check("{columns: [sex], confidence: 0.95}", &scaled(rows / 20 * 20 + 40)).outcome, Outcome::Pass);
        assert_eq!(check("{columns: [sex], confidence: 0.95}", &scaled(rows / 20 * 20 - 40)).outcome, Outcome::Inconclusive);
    }

    #[test]
    fn a_group_without_labels_is_open_and_named() {
        let mut counts = counts(&[("g=a", 100, 50), ("g=b", 100, 50)]);
        counts.cells.retain(|cell| cell.slice == 0 || cell.label == 0);
        let settings = "{metric: equal_opportunity_ratio, columns: [g]}";
        let finding = serde_yaml::from_str::<Fairness>(settings).unwrap().judge((counts, None)).unwrap();
        assert_eq!(finding.outcome, Outcome::Inconclusive);
        assert!(finding.message.ends_with("; no positive label of `g=b`"), "{}", finding.message);
    }

    #[test]
    fn differences_need_a_limit() {
        let check: Fairness = serde_yaml::from_str("{metric: equalized_odds_difference, columns: [sex]}").unwrap();
        assert_eq!(check.validate(), Err("no limit: set `min` or `max`".into()));
    }
}
