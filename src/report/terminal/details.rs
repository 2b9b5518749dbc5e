//! Below a row: columns, classes, slices, examples, waiver and rule.

use std::fmt::Write;

use super::{Columns, LONGEST, OFFENDERS, QUIET, foreign};
use crate::report::verdict::{Status, Verdict};
use crate::support::words;

impl Columns {
    /// What drifted, drawn as it was and as it is.
    fn drifts(&self, out: &mut String, verdict: &Verdict) {
        let drifted: Vec<_> = verdict.drifts().filter(|drift| drift.drifted).collect();
        for drift in drifted.iter().take(OFFENDERS) {
            let [before, now] = drift.shares.each_ref().map(|shares| words::sparkline(shares));
            let effect = drift.effect.map(|effect| format!("  {} by {}", words::metric(effect, &[]), drift.method));
            self.sentence(
                out,
                &format!("{before} → {now}  {}{}", words::code(drift.column), effect.unwrap_or_default()),
            );
        }
        if drifted.len() > OFFENDERS {
            self.sentence(out, &format!("and {} more", words::count((drifted.len() - OFFENDERS) as u64)));
        }
    }

    pub(super) fn details(&self, out: &mut String, verdict: &Verdict) {
        let measured = |(name, value): &(&str, f64)| {
            let value = words::observed(*value, verdict.limit.as_ref(), verdict.unit);
            format!("{} {value}", words::code(name))
        };
        let offenders = verdict.offenders();
        if offenders.len() > 1 {
            let mut named = offenders.iter().take(OFFENDERS).map(measured).collect::<Vec<_>>().join(", ");
            if offenders.len() > OFFENDERS {
                let _ = write!(named, " and {} more", words::count((offenders.len() - OFFENDERS) as u64));
            }
            self.sentence(out, &named);
        }
        self.drifts(out, verdict);
        let classes = verdict.classes();
        if !classes.is_empty() {
            let (shown, more) = classes.split_at(classes.len().min(words::BARS));
            let bars = words::sparkline(&shown.iter().map(|(_, share)| *share).collect::<Vec<_>>());
            let named = shown.iter().take(OFFENDERS).map(measured).collect::<Vec<_>>().join(", ");
            let more = more.len() + shown.len().saturating_sub(OFFENDERS);
            let more = if more > 0 { format!(" and {} more", words::count(more as u64)) } else { String::new() };
            self.sentence(out, &format!("{bars} {named}{more}"));
        }
        let slices = verdict.slices();
        for slice in slices.iter().take(OFFENDERS) {
            let measured = slice.measured.iter().filter_map(|(_, value, interval)| {
                let limits: Vec<f64> =
                    verdict.limit.iter().flat_map(|limit| [limit.min, limit.max]).flatten().collect();
                let interval = interval.map(|ends| format!(" ({})", words::range(ends))).unwrap_or_default();
                Some(format!("{}{interval}", words::metric((*value)?, &limits)))
            });
            let mut parts = vec![words::code(slice.name)];
            parts.extend(measured);
            parts.extend(slice.rows.map(words::rows));
            parts.extend(slice.status.filter(|status| *status != Status::Pass).map(|status| status.word().to_owned()));
            parts.extend(slice.why.map(ToOwned::to_owned));
            self.sentence(out, &parts.join("  "));
        }
        if slices.len() > OFFENDERS {
            self.sentence(out, &format!("and {} more", words::count((slices.len() - OFFENDERS) as u64)));
        }
        if !verdict.examples.is_empty() {
            let examples: Vec<_> =
                verdict.examples.iter().take(OFFENDERS).map(|example| words::code(example)).collect();
            self.sentence(out, &format!("for example {}", examples.join(", ")));
        }
        if let Some(waiver) = &verdict.waiver {
            let state = if verdict.status.blocks() { "was waived" } else { "is waived" };
            self.sentence(out, &format!("{state} until {} by {}: {}", waiver.until, waiver.owner, waiver.reason));
        }
        if let Some(rule) = verdict.rule() {
            let rule = words::cut(&foreign(&rule), LONGEST);
            let _ = writeln!(out, "{}{QUIET}{rule}{QUIET:#}", " ".repeat(self.indent));
        }
    }
}
