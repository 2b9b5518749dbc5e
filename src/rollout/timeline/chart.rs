//! A rollout as charts of [Mermaid](https://mermaid.js.org/syntax/xyChart.html), which GitHub draws: the candidate's weight, and
//! what its limits are on, beside stable's. Each has an axis that fits its numbers.

use crate::rollout::driver::{Arm, Journey, Moment};
use crate::rollout::policy::Limits;
use crate::support::words::number;

/// Points of a line, at equal distances of time: a line of Mermaid's spreads its points evenly.
const POINTS: usize = 60;
/// Charts of gauges, at most.
const GAUGES: usize = 3;
/// What an axis may end with, times a power of ten.
const STEPS: [f64; 9] = [1.0, 1.2, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 10.0];
/// Candidate, stable, limit.
const PALETTE: &str = "#cf222e, #0969da, #8c959f";

/// Returns the charts of weight, error rate and gauges.
pub fn charts(journey: &Journey, limits: &Limits) -> String {
    let Some(grid) = Grid::new(journey) else { return String::new() };
    let weights = grid.line(|moment| moment.weight.map(f64::from));
    let mut out = grid.chart("Traffic of the candidate in percent", &[weights], Some(100.0));
    let percent = |rate: f64| 100.0 * rate;
    let rate = |arm: &Arm| arm.counts.rate().map(percent);
    let both = [grid.line(|moment| rate(&moment.candidate)), grid.line(|moment| rate(&moment.stable))];
    out += &grid.compared("Failed requests in percent", both, limits.max_error_rate.map(percent));
    let histograms = limits.histograms.iter().map(|limit| (&limit.name, Some(limit.max)));
    let gauges = limits.gauges.iter().map(|limit| (&limit.name, limit.max.or(limit.min)));
    for (name, limit) in histograms.chain(gauges).take(GAUGES) {
        let value = |arm: &Arm| arm.gauges.get(name).copied();
        let both = [grid.line(|moment| value(&moment.candidate)), grid.line(|moment| value(&moment.stable))];
        out += &grid.compared(&plain(name), both, limit);
    }
    out
}

/// Times at equal distances, and the evaluation that is current at each.
struct Grid<'a> {
    moments: Vec<&'a Moment>,
    /// What the axis of time counts, and from 0 to where.
    unit: &'static str,
    end: f64,
}

impl<'a> Grid<'a> {
    /// None where no time passed.
    fn new(journey: &'a Journey) -> Option<Self> {
        let timeline = &journey.timeline;
        let (first, last) = (timeline.first()?.at, timeline.last()?.at);
        let seconds = last - first;
        if seconds <= 0.0 {
            return None;
        }
        let count = timeline.len().clamp(2, POINTS);
        let mut moments = Vec::with_capacity(count);
        let mut at = 0;
        for point in 0..count {
            let time = first + seconds * point as f64 / (count - 1) as f64;
            while timeline.get(at + 1).is_some_and(|next| next.at <= time) {
                at += 1;
            }
            moments.push(&timeline[at]);
        }
        let (unit, scale) = match seconds {
            ..180.0 => ("seconds", 1.0),
            180.0..10_800.0 => ("minutes", 60.0),
            _ => ("hours", 3_600.0),
        };
        Some(Self { moments, unit, end: seconds / scale })
    }

    /// A line: where a value is missing, the one before.
    fn line(&self, value: impl Fn(&Moment) -> Option<f64>) -> Option<Vec<f64>> {
        let values: Vec<Option<f64>> = self.moments.iter().map(|moment| value(moment)).collect();
        let mut last = values.iter().flatten().next().copied()?;
        let mut line = Vec::with_capacity(values.len());
        for value in values {
            last = value.unwrap_or(last);
            line.push(last);
        }
        Some(line)
    }

    /// Both variants, and their limit.
    fn compared(&self, title: &str, [candidate, stable]: [Option<Vec<f64>>; 2], limit: Option<f64>) -> String {
        let limit_line = limit.map(|limit| vec![limit; self.moments.len()]);
        let names = [(&candidate, "candidate red"), (&stable, "stable blue"), (&limit_line, "limit gray")];
        let names: Vec<&str> = names.iter().filter(|(line, _)| line.is_some()).map(|(_, name)| *name).collect();
        if candidate.is_none() && stable.is_none() {
            return String::new();
        }
        // A color stays with its line where another is missing.
        let nothing = vec![0.0; self.moments.len()];
        let lines = [candidate.or_else(|| Some(nothing.clone())), stable.or(Some(nothing)), limit_line];
        self.chart(&format!("{title}: {}", names.join(", ")), &lines, None)
    }

    /// `top` is where the axis of values ends; what fits the values without it.
    fn chart(&self, title: &str, lines: &[Option<Vec<f64>>], top: Option<f64>) -> String {
        let lines: Vec<&Vec<f64>> = lines.iter().flatten().collect();
        let highest = lines.iter().flat_map(|line| line.iter()).copied().fold(0.0, f64::max);
        let lowest = lines.iter().flat_map(|line| line.iter()).copied().fold(0.0, f64::min);
        let top = top.unwrap_or_else(|| nice(highest));
        let mut out = format!(
            "\n```mermaid\n---\nconfig:\n  themeVariables:\n    xyChart:\n      plotColorPalette: \"{PALETTE}\"\n---\nxychart-beta\n    title \
             \"{title}\"\n    x-axis \"{}\" 0 --> {}\n    y-axis {} --> {}\n",
            self.unit,
            number(self.end, &[]),
            0.0 - nice(-lowest),
            top,
        );
        for line in lines {
            let values: Vec<String> = line.iter().map(|value| number(*value, &[])).collect();
            out.push_str(&format!("    line [{}]\n", values.join(", ")));
        }
        out + "```\n"
    }
}

/// The next round number above a value and a little more.
fn nice(value: f64) -> f64 {
    if value <= 0.0 {
        return 0.0;
    }
    let above = 1.05 * value;
    let power = 10_f64.powf(above.log10().floor());
    let step = STEPS.into_iter().find(|step| step * power >= above).unwrap_or(10.0);
    // What a power of ten adds in digits is not shown.
    format!("{:.12}", step * power).parse().unwrap_or(above)
}

/// A name inside of quotes of Mermaid's.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || " _-.".contains(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_a_little_above_its_largest_number() {
        for (value, end) in [(0.0, 0.0), (0.3, 0.4), (0.96, 1.2), (1.0, 1.2), (4.7, 5.0), (62.0, 100.0), (250.0, 300.0)]
        {
            assert_eq!(nice(value), end, "{value}");
        }
    }

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        assert_eq!(plain("p99\"\n```<script>"), "p99script");
    }
}
