//! A step of a canary, as written: `25`, or `{ weight: 25, approval: required }`.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// One step of a canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepSection {
    /// In percent.
    pub weight: u8,
    /// Whether a person must approve the step before the next one.
    pub approval: Option<Approval>,
}

/// What a step needs of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    Required,
}

/// A step with more than its weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DetailedStep {
    /// In percent.
    weight: u8,
    /// `required`: the rollout holds after this step until `mlgate approve`, for `approval_seconds` at most.
    approval: Option<Approval>,
}

impl<'de> Deserialize<'de> for StepSection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Step;
        impl<'de> Visitor<'de> for Step {
            type Value = StepSection;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a weight in percent, or `{ weight: 25, approval: required }`")
            }

            fn visit_u64<E: serde::de::Error>(self, weight: u64) -> Result<Self::Value, E> {
                let weight = u8::try_from(weight)
                    .map_err(|_| E::custom(format!("{weight} is not a weight of 1 to 100 percent")))?;
                Ok(StepSection { weight, approval: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let DetailedStep { weight, approval } = DetailedStep::deserialize(MapAccessDeserializer::new(map))?;
                Ok(StepSection { weight, approval })
            }
        }
        deserializer.deserialize_any(Step)
    }
}

impl JsonSchema for StepSection {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StepSection".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let detailed = generator.subschema_for::<DetailedStep>();
        json_schema!({
            "description": "One step of a canary: its weight in percent, or its weight and what it needs.",
            "anyOf": [{ "type": "integer", "minimum": 1, "maximum": 100 }, detailed],
        })
    }
}
