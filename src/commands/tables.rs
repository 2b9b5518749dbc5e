//! The tables of a run, opened one by one.

use std::collections::BTreeMap;

use crate::data::profile;
use crate::data::table::{Role, TableInfo, files};
use crate::engine::{self, Footers, Opened};
use crate::plan::CsvForm;
use crate::plan::baseline::{self, Predictions};
use crate::report::TableSummary;
use crate::support::problem::{Failure, Problem};
use crate::support::words::code;
use crate::support::workspace::Workspace;

/// A table that the run names.
pub struct NamedTable {
    pub role: Role,
    path: String,
    /// As the report names it.
    shown: String,
    workspace: Workspace,
}

/// Returns the tables of the plan, and that of the baseline's predictions where it has some.
pub fn named(
    tables: &BTreeMap<Role, String>,
    baseline: Option<&Predictions>,
    workspace: &Workspace,
) -> Vec<NamedTable> {
    let here = |role: Role, path: &String| NamedTable {
        role,
        path: path.clone(),
        shown: path.clone(),
        workspace: workspace.clone(),
    };
    let mut named: Vec<NamedTable> = tables.iter().map(|(role, path)| here(*role, path)).collect();
    match baseline {
        Some(Predictions::Here(path)) => named.push(here(Role::Baseline, path)),
        Some(Predictions::Fetched(path)) => named.push(NamedTable {
            role: Role::Baseline,
            path: path.to_string_lossy().into_owned(),
            shown: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            // Where it was put is nobody's business, and need not lie in the workspace.
            workspace: Workspace::command_line(),
        }),
        None => {}
    }
    named
}

/// What the report says of a table that was not opened.
pub fn unread(shown: &str) -> TableSummary {
    TableSummary { path: shown.to_owned(), rows: None, columns: None, fingerprint: None, sha256: None }
}

impl NamedTable {
    pub fn summary(&self, info: Option<&TableInfo>) -> TableSummary {
        let rows = info.map(|info| info.rows);
        let columns = info.map(|info| info.columns.len() as u64);
        TableSummary { rows, columns, ..unread(&self.shown) }
    }

    /// Opens it. The inner error is the table's own.
    ///
    /// # Errors
    /// What ends the run: a path that may not be read.
    pub fn open(&self, csv: &CsvForm, footers: Footers) -> Result<Result<Opened, Problem>, Failure> {
        let path = self.path.as_str();
        if path.ends_with(profile::ENDING) {
            if self.role != Role::Reference {
                let said = format!("the {} table {} is a profile and has no rows", self.role, code(path));
                return Ok(Err(Problem::new(said).hint("a profile can only be the `reference`")));
            }
            let profile = super::profile::read(path, &self.workspace)?;
            return Ok(profile.map(|profile| Opened::Profile(Box::new(profile))));
        }
        let files = match files::find(path, &self.workspace) {
            Ok(files) => files,
            Err(failure) => return baseline::problem_of(failure, path).map(Err),
        };
        super::name_unread(&files);
        let csv = csv.clone().for_files(&files);
        Ok(engine::open(files, csv).map(|source| Opened::Table(Box::new(source.with_footers(footers)))))
    }
}
