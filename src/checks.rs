//! The table of contents: each check is one file and one line here.

pub mod check;
pub mod evidence;

use crate::checks::check::Registered;

crate::checks! {
    /// Checks of a table.
    data as Data {
        row_count::RowCount,
        missing_values::MissingValues,
        schema::Schema,
        target_distribution::TargetDistribution,
        range::Range,
        duplicates::Duplicates,
        unique::Unique,
        freshness::Freshness,
        allowed_values::AllowedValues,
        pattern::Pattern,
        not_constant::NotConstant,
        conflicting_labels::ConflictingLabels,
        expression::Expression,
        drift::Drift,
        target_drift::TargetDrift,
        train_test_overlap::TrainTestOverlap,
        group_leakage::GroupLeakage,
        time_leakage::TimeLeakage,
        target_leakage::TargetLeakage,
        new_categories::NewCategories,
        near_duplicates::NearDuplicates,
        anomaly::Anomaly,
    }
    /// Checks of a model.
    model as Model {
        metric::Metric,
        improvement::Improvement,
        beats_dummy::BeatsDummy,
        fairness::Fairness,
        latency::Latency,
        memory::Memory,
        model_size::ModelSize,
        prediction_range::PredictionRange,
        roundtrip::Roundtrip,
        invariance::Invariance,
        directional::Directional,
        expected::Expected,
        serving::Serving,
    }
}

/// The check of that id.
pub fn find(id: &str) -> Option<&'static Registered> {
    ALL.iter().find(|check| check.id == id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_yaml::{Mapping, Value};

    use super::*;

    /// Settings without which a check is none.
    const REQUIRED: &str = "
        range: { column: x, min: 1, max: 2 }
        unique: { columns: [x] }
        allowed_values: { column: x, values: [1] }
        pattern: { column: x, regex: a }
        expression: { sql: x > 1 }
        group_leakage: { column: x }
        anomaly: { statistic: row_count }
        metric: { name: accuracy }
        fairness: { columns: [x] }
        prediction_range: { min: 0, max: 1 }
        invariance: { columns: [x] }
        directional: { column: x, change: { add: 1 }, expect: increase }
        expected: { cases: c.csv }
        schema: { required: [x] }";

    /// Settings that begin like limits and bound no measured number, and ranges of cells, which can be anything.
    const OTHERS: [(&str, &str); 8] = [
        ("range", "min"),
        ("range", "max"),
        ("prediction_range", "min"),
        ("prediction_range", "max"),
        ("near_duplicates", "min_similarity"),
        ("anomaly", "min_runs"),
        ("metric", "min_rows"),
        ("fairness", "min_group_rows"),
    ];

    #[test]
    fn every_limit_of_every_check_has_a_range() {
        let required: Value = serde_yaml::from_str(REQUIRED).unwrap();
        for check in ALL {
            let schema = (check.schema)().to_value();
            let names = schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
            let is_limit =
                |name: &&str| ["min", "max"].iter().any(|word| name.starts_with(word)) || name.ends_with("_ms");
            let names: BTreeSet<&str> =
                names.filter(is_limit).filter(|name| !OTHERS.contains(&(check.id, *name))).collect();
            let mut settings = required[check.id].as_mapping().cloned().unwrap_or_else(Mapping::new);
            for name in &names {
                settings.insert((*name).into(), 1.into());
            }
            let read = (check.read)(Value::Mapping(settings)).unwrap_or_else(|why| panic!("{}: {why:?}", check.id));
            let limits = read.limits();
            let ranged: BTreeSet<&str> = limits.iter().map(|limit| limit.setting).collect();
            assert!(names.is_subset(&ranged), "{}: {names:?} but only {ranged:?} have a range", check.id);
        }
    }
}
