//! What a workflow file gives an action: the `with:` of the step that runs it. Pure.

use std::collections::BTreeMap;

use serde_yaml::Value;

/// Which step of which job this run is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// `.github/workflows/gate.yml`.
    pub file: String,
    /// `GITHUB_JOB`.
    pub job: String,
    /// `GITHUB_ACTION`: the step's id, or a name that GitHub makes up, with `_2` where there are several.
    pub action: String,
    /// `GITHUB_ACTION_REPOSITORY`: `owner/name`; empty of an action of the repository itself.
    pub repository: String,
}

/// The inputs that a workflow's text gives this step; `None` where it has no such step.
///
/// In a job of another name it is the only one of its action: a job that was renamed is the same gate.
pub fn inputs(text: &str, step: &Step) -> Option<BTreeMap<String, String>> {
    let workflow: Value = serde_yaml::from_str(text).ok()?;
    let jobs = workflow.get("jobs")?.as_mapping()?;
    let of_job = |job: &Value| job.get("steps").and_then(Value::as_sequence).cloned().unwrap_or_default();
    let steps = jobs.get(step.job.as_str()).map(of_job).filter(|steps| steps.iter().any(|one| step.is_used_by(one)));
    let is_renamed = steps.is_none();
    let steps: Vec<Value> = steps.unwrap_or_else(|| jobs.values().flat_map(of_job).collect());
    let ours: Vec<&Value> = steps.iter().filter(|one| step.is_used_by(one)).collect();
    if is_renamed && ours.len() > 1 {
        return None;
    }
    let by_id = ours.iter().find(|one| one.get("id").and_then(Value::as_str) == Some(&step.action));
    let found = match (by_id, ours.as_slice()) {
        (Some(found), _) => *found,
        (None, [only]) => *only,
        // GitHub numbers those without an id: `__mlgate_mlgate`, `__mlgate_mlgate_2`.
        (None, several) => {
            let number = step.action.rsplit('_').next().and_then(|last| last.parse::<usize>().ok()).unwrap_or(1);
            several.iter().filter(|one| one.get("id").is_none()).nth(number.checked_sub(1)?)?
        }
    };
    let with = found.get("with").and_then(Value::as_mapping).cloned().unwrap_or_default();
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => serde_yaml::to_string(other).unwrap_or_default().trim().to_owned(),
    };
    Some(with.iter().filter_map(|(name, value)| Some((name.as_str()?.to_lowercase(), text(value)))).collect())
}

/// How many steps of a workflow's text use the action.
pub fn count(text: &str, step: &Step) -> usize {
    let workflow: Value = serde_yaml::from_str(text).unwrap_or_default();
    let jobs = workflow.get("jobs").and_then(Value::as_mapping).into_iter().flat_map(|jobs| jobs.values());
    let steps = jobs.filter_map(|job| job.get("steps")?.as_sequence()).flatten();
    steps.filter(|one| step.is_used_by(one)).count()
}

impl Step {
    fn is_used_by(&self, step: &Value) -> bool {
        let Some(uses) = step.get("uses").and_then(Value::as_str) else { return false };
        if self.repository.is_empty() {
            return uses.starts_with("./") || uses.contains("mlgate");
        }
        let named = uses.get(..self.repository.len()).is_some_and(|start| start.eq_ignore_ascii_case(&self.repository));
        named && uses[self.repository.len()..].starts_with(['@', '/'])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKFLOW: &str = "
on: pull_request
jobs:
  gate:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v6
      - uses: mlgate/mlgate@v1
        with: { min-rows: 1000, max-null-percent: 5.5, feature-ranges: 'age: { min: 0 }' }
      - id: model
        uses: mlgate/mlgate@v1
        with: { Gate: model }
      - uses: mlgate/mlgate@v1
        with: { min-rows: 7 }
";

    fn of(job: &str, action: &str) -> Option<String> {
        let step =
            Step { file: String::new(), job: job.into(), action: action.into(), repository: "mlgate/mlgate".into() };
        inputs(WORKFLOW, &step).map(|with| with.into_iter().map(|(k, v)| format!("{k}={v} ")).collect())
    }

    #[test]
    fn a_step_is_found_by_its_id_or_its_number() {
        assert_eq!(
            of("gate", "__mlgate_mlgate").unwrap(),
            "feature-ranges=age: { min: 0 } max-null-percent=5.5 min-rows=1000 "
        );
        assert_eq!(of("gate", "model").unwrap(), "gate=model ");
        assert_eq!(of("gate", "__mlgate_mlgate_2").unwrap(), "min-rows=7 ");
        assert_eq!(of("gate", "__mlgate_mlgate_3"), None);
        // Which of the three a job of another name was nobody can tell.
        assert_eq!(of("nowhere", "model"), None);
        let one = "jobs: { old: { steps: [{ uses: mlgate/mlgate@v1, with: { policy: base } }] } }";
        let step = Step { job: "new".into(), repository: "mlgate/mlgate".into(), ..Step::default() };
        assert_eq!(inputs(one, &step).unwrap()["policy"], "base");
    }

    #[test]
    fn what_is_no_workflow_has_no_step() {
        for text in ["", "[", "jobs: 3", "jobs: {gate: {steps: 3}}", "jobs: {gate: {uses: ./x.yml}}"] {
            assert_eq!(inputs(text, &Step { job: "gate".into(), ..Step::default() }), None, "{text}");
        }
    }
}
