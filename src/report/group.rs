//! Verdicts that say the same: one unreadable table makes an error of every check on it.

use crate::report::verdict::{Status, Verdict};

/// A verdict, and the errors with the same message.
#[derive(Debug, Clone)]
pub struct Group<'a> {
    pub first: &'a Verdict,
    pub others: Vec<&'a Verdict>,
}

impl Group<'_> {
    pub fn size(&self) -> usize {
        1 + self.others.len()
    }
}

/// The verdicts in their order, each error together with the later ones of the same message and hint.
pub fn grouped<'a>(verdicts: &[&'a Verdict]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group> = Vec::new();
    for verdict in verdicts.iter().copied() {
        let is_same = |group: &&mut Group| {
            let both_errors = [group.first.status, verdict.status] == [Status::Error; 2];
            both_errors && (&group.first.message, &group.first.hint) == (&verdict.message, &verdict.hint)
        };
        match groups.iter_mut().find(is_same) {
            Some(group) => group.others.push(verdict),
            None => groups.push(Group { first: verdict, others: Vec::new() }),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn errors_of_one_message_are_one_group_and_nothing_else_is() {
        let error = |message: &str| Verdict { message: message.into(), ..sample::verdict("check", Status::Error) };
        let fail = || Verdict { message: "gone".into(), ..sample::verdict("check", Status::Fail) };
        let all = [error("gone"), error("other"), error("gone"), fail(), fail(), error("gone")];
        let sizes: Vec<usize> = grouped(&all.iter().collect::<Vec<_>>()).iter().map(Group::size).collect();
        assert_eq!(sizes, [3, 1, 1, 1]);
    }
}
