//! The table of contents: each check is one file and one line here.

use crate::check::Registered;

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
