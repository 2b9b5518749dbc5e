//! How often groups are predicted positive, and among whom: what Fairlearn's parities compare.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::stats::inference::kish;
use crate::stats::predictions::Confusion;

/// What is compared between groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Parity {
    #[default]
    DemographicParityRatio,
    DemographicParityDifference,
    EqualizedOddsRatio,
    EqualizedOddsDifference,
    EqualOpportunityRatio,
    EqualOpportunityDifference,
}

impl Parity {
    pub fn is_ratio(self) -> bool {
        matches!(self, Self::DemographicParityRatio | Self::EqualizedOddsRatio | Self::EqualOpportunityRatio)
    }

    /// Whose rates it is about.
    pub fn among(self) -> &'static [Among] {
        match self {
            Self::DemographicParityRatio | Self::DemographicParityDifference => &[Among::All],
            Self::EqualOpportunityRatio | Self::EqualOpportunityDifference => &[Among::Positives],
            Self::EqualizedOddsRatio | Self::EqualizedOddsDifference => &[Among::Positives, Among::Negatives],
        }
    }

    /// The ratio or difference of the smallest and largest rate, and whose they are; none where fewer than
    /// two groups have one, or a ratio would be of nothing by nothing.
    pub fn of(self, rates: &Rates) -> Option<(f64, [usize; 2])> {
        let [low, high] = rates.extremes()?;
        let value = if !self.is_ratio() {
            high.1 - low.1
        } else if high.1 > 0.0 {
            low.1 / high.1
        } else {
            return None;
        };
        Some((value, [low.0, high.0]))
    }
}

impl fmt::Display for Parity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DemographicParityRatio => "demographic_parity_ratio",
            Self::DemographicParityDifference => "demographic_parity_difference",
            Self::EqualizedOddsRatio => "equalized_odds_ratio",
            Self::EqualizedOddsDifference => "equalized_odds_difference",
            Self::EqualOpportunityRatio => "equal_opportunity_ratio",
            Self::EqualOpportunityDifference => "equal_opportunity_difference",
        })
    }
}

/// Who among a group is asked about: all, those whose label is positive, those whose label is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Among {
    All,
    Positives,
    Negatives,
}

/// How often a group is predicted positive among some of its rows.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    pub share: f64,
    pub rows: u64,
    /// Kish's number of rows.
    pub effective: f64,
}

/// The groups' rates among the same rows.
pub struct Rates {
    pub among: Among,
    /// By group; none where the group has no such row.
    pub rates: Vec<Option<Rate>>,
}

impl Among {
    fn contains(self, is_positive: bool) -> bool {
        match self {
            Self::All => true,
            Self::Positives => is_positive,
            Self::Negatives => !is_positive,
        }
    }

    /// What the rate is called in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "selection_rate",
            Self::Positives => "true_positive_rate",
            Self::Negatives => "false_positive_rate",
        }
    }

    /// What a group with this rate is.
    pub fn said(self) -> &'static str {
        match self {
            Self::All => "is predicted positive",
            Self::Positives => "is rightly predicted positive",
            Self::Negatives => "is wrongly predicted positive",
        }
    }

    pub fn missing(self) -> &'static str {
        match self {
            Self::All => "no row",
            Self::Positives => "no positive label",
            Self::Negatives => "no negative label",
        }
    }
}

impl Rates {
    /// Of these slices; `class` is the positive one.
    pub fn of(among: Among, counts: &Confusion, groups: &[usize], class: usize) -> Self {
        let rate = |group: &usize| {
            let cells = counts.cells.iter().filter(|cell| cell.slice == *group && among.contains(cell.label == class));
            let (mut rows, mut weight, mut squares, mut said) = (0, 0.0, 0.0, 0.0);
            for cell in cells {
                rows += cell.rows;
                weight += cell.weight;
                squares += cell.squares;
                if cell.prediction == class {
                    said += cell.weight;
                }
            }
            (weight > 0.0).then(|| Rate { share: said / weight, rows, effective: kish(weight, squares) })
        };
        Self { among, rates: groups.iter().map(rate).collect() }
    }

    /// The smallest and the largest rate, each with its group; none where fewer than two groups have one.
    pub fn extremes(&self) -> Option<[(usize, f64); 2]> {
        let known = self.rates.iter().enumerate().filter_map(|(group, rate)| Some((group, rate.as_ref()?.share)));
        let known: Vec<(usize, f64)> = known.collect();
        let (low, high) = (
            known.iter().copied().reduce(|a, b| if b.1 < a.1 { b } else { a })?,
            // Of equal ones another than the first, so that two groups are named.
            known.iter().copied().reduce(|a, b| if b.1 >= a.1 { b } else { a })?,
        );
        (known.len() > 1).then_some([low, high])
    }
}
