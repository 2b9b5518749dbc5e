//! Ceilings on what a proposal's own config may ask of a machine and of servers; only inputs raise them.

use serde::de::DeserializeOwned;
use serde_yaml::Value;

use super::{Plan, PlannedEntry};
use crate::checks::check::Check;
use crate::checks::model::latency::Latency;
use crate::checks::model::serving::Serving;
use crate::cli::{self, CheckArgs};
use crate::runtime::endpoint;
use crate::support::limit::Finite;
use crate::support::problem::Problem;
use crate::support::words::{count, exact};

/// What a proposal may ask for at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ceilings {
    /// Requests a second to an endpoint (`max-serving-rps`).
    pub rps: f64,
    /// Bytes of a model's process (`max-model-memory`).
    pub memory: u64,
    /// Seconds for one answer of a model, and for all load tests together (`max-model-seconds`).
    pub seconds: f64,
}

impl Default for Ceilings {
    fn default() -> Self {
        Self { rps: 200.0, memory: 4_000_000_000, seconds: 600.0 }
    }
}

impl Ceilings {
    /// Reads the inputs.
    ///
    /// # Errors
    /// Every input that is not a positive number or a size.
    pub fn new(args: &CheckArgs) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut ceilings = Self::default();
        let number = |name: &str, text: &str| match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
            _ => Err(Problem::new(format!(
                "input {name}: {} is not a positive number",
                crate::support::words::code(text)
            ))),
        };
        for (name, text, place) in [
            ("max-serving-rps", &args.max_serving_rps, &mut ceilings.rps),
            ("max-model-seconds", &args.max_model_seconds, &mut ceilings.seconds),
        ] {
            let Some(text) = text else { continue };
            match number(name, text) {
                Ok(number) => *place = number,
                Err(problem) => problems.push(problem),
            }
        }
        match args.max_model_memory.as_deref().map(cli::size) {
            Some(Ok(bytes)) => ceilings.memory = bytes as u64,
            Some(Err(message)) => problems.push(Problem::new(format!("input max-model-memory: {message}"))),
            None => {}
        }
        if problems.is_empty() { Ok(ceilings) } else { Err(problems) }
    }

    /// Returns everything in the plan that is above a ceiling, each with the input that raises it.
    pub fn breaches(&self, plan: &Plan) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(run) = &plan.model.run {
            if run.memory > self.memory {
                let (asked, most) = (run.memory as f64 / 1e6, self.memory as f64 / 1e6);
                problems.push(above("model.run.memory_mb", asked, "MB", most, "max-model-memory"));
            }
            let seconds = run.timeout.as_secs_f64();
            if seconds > self.seconds {
                problems.push(above("model.run.timeout_seconds", seconds, "s", self.seconds, "max-model-seconds"));
            }
            let waits =
                run.endpoint.as_ref().map(|section| section.timeout_seconds.unwrap_or(Finite(endpoint::SECONDS)));
            if let Some(Finite(seconds)) = waits.filter(|Finite(seconds)| *seconds > self.seconds) {
                let path = "model.endpoint.timeout_seconds";
                problems.push(above(path, seconds, "s", self.seconds, "max-model-seconds"));
            }
        }
        problems.extend(self.of_loads(plan));
        problems
    }

    /// Load on the endpoint: the rate of each load test, the time of all, and the requests of everything together.
    fn of_loads(&self, plan: &Plan) -> Vec<Problem> {
        let mut problems = Vec::new();
        let (mut loads, mut requests): (Vec<(f64, f64)>, f64) = (Vec::new(), 0.0);
        for planned in &plan.entries {
            if let Some(serving) = read::<Serving>(planned) {
                let load = serving.load();
                if load.0 > self.rps {
                    let problem = above("serving: rps", load.0, "requests a second", self.rps, "max-serving-rps");
                    problems.push(problem.at(planned.entry.place.clone()));
                }
                // Entries that ask the same share one answer.
                if !loads.contains(&load) {
                    loads.push(load);
                }
            }
            let has_endpoint = plan.model.run.as_ref().is_some_and(|run| run.artifact.is_none());
            if let Some(latency) = read::<Latency>(planned).filter(|_| has_endpoint) {
                requests += latency.requests();
            }
        }
        let seconds: f64 = loads.iter().map(|(_, seconds)| seconds).sum();
        if seconds > self.seconds {
            problems.push(above("serving: seconds, together", seconds, "s", self.seconds, "max-model-seconds"));
        }
        requests += loads.iter().map(|(rps, seconds)| rps * seconds).sum::<f64>();
        let most = self.rps * self.seconds;
        if requests > most && problems.is_empty() {
            let said = format!(
                "latency and serving ask the endpoint for {} predictions; on a proposal they may ask for {}, which is \
                 `max-serving-rps` times `max-model-seconds`",
                count(requests as u64),
                count(most as u64)
            );
            problems.push(Problem::new(said).hint("raise one of these inputs, or ask for fewer `rows`"));
        }
        problems
    }
}

fn read<C: Check + DeserializeOwned>(planned: &PlannedEntry) -> Option<C> {
    let is_asked = planned.entry.check.id == C::ID;
    is_asked.then(|| serde_yaml::from_value(Value::Mapping(planned.entry.settings.clone())).ok()).flatten()
}

fn above(path: &str, asked: f64, unit: &str, most: f64, input: &str) -> Problem {
    let said =
        format!("{path} is {} {unit}, above the {} {unit} that a proposal may ask for", exact(asked), exact(most));
    Problem::new(said).hint(format!("raise the input `{input}`, or lower it in the config"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::config::document::Document;

    fn breaches(model: &str, checks: &str, change: impl Fn(&mut CheckArgs)) -> Vec<String> {
        let text = format!("data: {{ test: t.csv, target: y }}\nmodel:\n{model}\n  checks:\n{checks}");
        let (mut args, mut problems) = (CheckArgs::default(), Vec::new());
        change(&mut args);
        let config = Config::read(&Document::parse("mlgate.yml", &text).unwrap(), &mut problems);
        assert_eq!(problems, [], "{text}");
        let plan = crate::plan::plan(config, &args, 0).unwrap_or_else(|problems| panic!("{problems:?}"));
        let ceilings = Ceilings::new(&args).unwrap_or_else(|problems| panic!("{problems:?}"));
        ceilings.breaches(&plan).iter().map(ToString::to_string).collect()
    }

    const ENDPOINT: &str = "  endpoint: { url: 'http://h/invocations' }";

    #[test]
    fn defaults_are_within_the_ceilings() {
        let checks =
            "    - serving: { p99_ms: 50 }\n    - latency: { p99_ms: 50 }\n    - metric: { name: rmse, max: 1 }\n";
        assert_eq!(breaches(ENDPOINT, checks, |_| ()), Vec::<String>::new());
        let model = "  artifact: m.onnx\n  run: { memory_mb: 4000, timeout_seconds: 600 }";
        assert_eq!(breaches(model, "    - latency: { p99_ms: 50, rows: 1000000 }\n", |_| ()), Vec::<String>::new());
    }

    #[test]
    fn what_is_above_a_ceiling_names_the_input_that_raises_it() {
        let check = |model: &str, checks: &str, said: &str, input: &str, raise: &dyn Fn(&mut CheckArgs)| {
            let all = breaches(model, checks, |_| ());
            assert!(all.len() == 1 && all[0].contains(said) && all[0].contains(input), "{all:?}");
            assert_eq!(breaches(model, checks, raise), Vec::<String>::new());
        };
        let metric = "    - metric: { name: rmse, max: 1 }\n";
        check(
            "  artifact: m.onnx\n  run: { memory_mb: 4001 }",
            metric,
            "model.run.memory_mb is 4001 MB, above the 4000 MB",
            "`max-model-memory`",
            &|args| args.max_model_memory = Some("5GB".into()),
        );
        let seconds = |args: &mut CheckArgs| args.max_model_seconds = Some("90000".into());
        let model = "  artifact: m.onnx\n  run: { timeout_seconds: 86400 }";
        check(model, metric, "model.run.timeout_seconds is 86400 s", "`max-model-seconds`", &seconds);
        let endpoint = "  endpoint: { url: 'http://h/invocations', timeout_seconds: 601 }";
        check(endpoint, metric, "model.endpoint.timeout_seconds is 601 s", "`max-model-seconds`", &seconds);
        let slow = "    - serving: { rps: 1, seconds: 400 }\n    - serving: { rps: 2, seconds: 300 }\n      name: b\n";
        check(ENDPOINT, slow, "serving: seconds, together is 700 s", "`max-model-seconds`", &seconds);
        let fast = "    - serving: { rps: 20000, seconds: 1 }\n";
        check(ENDPOINT, fast, "serving: rps is 20000 requests a second", "`max-serving-rps`", &|args| {
            args.max_serving_rps = Some("20000".into());
        });
        let many = "    - latency: { p99_ms: 50, rows: 1000000 }\n";
        check(ENDPOINT, many, "ask the endpoint for 1,000,100 predictions", "`max-serving-rps`", &|args| {
            args.max_serving_rps = Some("2000".into());
        });
    }

    #[test]
    fn entries_that_ask_the_same_count_once() {
        let same = "    - serving: { rps: 1, seconds: 400 }\n    - serving: { rps: 1, seconds: 400, p99_ms: 5 }\n      name: b\n";
        assert_eq!(breaches(ENDPOINT, same, |_| ()), Vec::<String>::new());
    }

    #[test]
    fn a_ceiling_is_a_positive_number() {
        for text in ["many", "0", "-1", "inf", "NaN"] {
            let args = CheckArgs { max_serving_rps: Some(text.into()), ..CheckArgs::default() };
            assert!(Ceilings::new(&args).unwrap_err()[0].message.contains("not a positive number"), "{text}");
        }
    }
}
