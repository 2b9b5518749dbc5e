//! The preflight, as it is printed and as it ends a command.

use crate::commands::say;
use crate::rollout::driver::World;
use crate::rollout::plan::RolloutPlan;
use crate::rollout::preflight::{self, Fault, Subject, Writes};
use crate::support::problem::{Exit, Failure, Problem};
use crate::support::words::one_line;

/// Tries everything that the rollout needs, and says what came of it.
///
/// # Errors
/// Usage where the config is wrong, unmeasured where something cannot be read or moved.
pub async fn preflight(world: &World, plan: &RolloutPlan, subject: Subject<'_>, writes: Writes) -> Result<(), Failure> {
    let mut exit = Exit::Unmeasured;
    let mut problems = Vec::new();
    say("preflight\n");
    for finding in preflight::check(world, plan, subject, writes).await {
        let subject = finding.subject;
        match finding.result {
            Ok(said) => say(&format!("  ok      {subject}: {}\n", one_line(&said))),
            Err(Fault::Warning(problem)) => say(&format!("  warning {subject}: {}\n", one_line(&problem.to_string()))),
            Err(fault) => {
                let problem = match fault {
                    Fault::Config(problem) => {
                        exit = Exit::Usage;
                        problem
                    }
                    Fault::Unmeasured(problem) | Fault::Warning(problem) => problem,
                };
                say(&format!("  failed  {subject}: {}\n", one_line(&problem.message)));
                // Both variants' queries are often wrong in the same way.
                let is_told = problems.iter().any(|told: &Problem| told.message.ends_with(&problem.message));
                if is_told {
                    continue;
                }
                problems.push(Problem { message: format!("{subject}: {}", problem.message), ..problem });
            }
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Failure { exit, problems }) }
}
