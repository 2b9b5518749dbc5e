use super::*;
use crate::rollout::Traffic;
use crate::rollout::policy::GaugeLimit;
use crate::rollout::request::{Pause, Request, RequestKind};
use crate::rollout::state::{Ended, Stratum};

pub fn message(event: Event) -> Notification {
    let counts = |requests, errors| Stratum { candidate: Counts { requests, errors }, ..Stratum::default() };
    let state = State {
        stage: 1,
        said: "5.2 % of 250 requests failed".into(),
        current: counts(250, 13),
        earlier: vec![counts(150, 2)],
        ..State::default()
    };
    let entry = Entry {
        version: "8".into(),
        previous_version: Some("7".into()),
        stages: [5, 25, 100].map(Traffic::weight).to_vec(),
        state,
        ..Entry::unknown("canary", "risk", "a test", 1_764_517_200.0)
    };
    let source = Source {
        repository: "octo/risk".into(),
        run_url: Some("https://github.com/octo/risk/actions/runs/1".into()),
        options: "--config rollout.yml".into(),
    };
    let limits = Limits { max_error_rate: Some(0.01), max_ratio: Some(2.0), ..Limits::default() };
    Notification::of(event, &entry, &limits, Some(25), 1_764_517_400.0, &source)
}

#[test]
fn a_message_tells_what_happened_who_is_affected_and_what_to_type() {
    let held = message(Event::Held);
    assert_eq!(held.title(), "risk 8: held at 25 %");
    let expected = [
        ("Reason", "5.2 % of 250 requests failed"),
        ("Traffic", "candidate 25 %, stable 75 % (canary, step 2 of 3)"),
        ("Affected", "400 requests were answered by the candidate, 15 failed (3.75 %), in 3 min 20 s"),
        ("Limits", "error rate at most 1 %, at most 2 times stable's"),
        ("Version before", "7"),
        ("Time", "2025-11-30 15:43:20 UTC, started 2025-11-30 15:40:00 UTC"),
    ];
    assert_eq!(held.facts(), expected.map(|(name, said)| (name, said.to_owned())));
    let next = held.next().into_iter().map(|(command, _)| command).collect::<Vec<_>>();
    assert_eq!(next, ["mlgate status --config rollout.yml", "mlgate abort --config rollout.yml"]);
}

#[test]
fn what_could_not_be_done_is_in_the_title_and_rollback_is_next() {
    let failed = Pulled { lever: "traffic", is_done: false, said: "no answer".into(), is_final: false };
    let ended = Notification { actions: vec![failed], ..message(Event::Ended(Outcome::RolledBack)) };
    assert_eq!(ended.title(), "risk 8: rolled back, and NOT everything could be done");
    assert!(ended.facts().contains(&("Actions", "traffic: FAILED, no answer".to_owned())));
    assert_eq!(ended.next()[0].0, "mlgate rollback --config rollout.yml");
    assert_eq!((ended.icon(), issue::closes(&ended)), ("🔴", None));
    let settled = message(Event::Ended(Outcome::RolledBack));
    assert_eq!((settled.icon(), issue::closes(&settled)), ("⏪", Some(issue::Closing::NotPlanned)));
}

#[test]
fn what_happens_is_news_once() {
    let of = |stage, is_set, hold_since| State { stage, is_set, hold_since, ..State::default() };
    let request = Request { kind: RequestKind::Pause, by: "alice".into(), at: 7.0, reason: None, step: None };
    let paused = State { paused: Some(Pause { request, since: 7.0 }), ..of(0, true, None) };
    let ended = State { ended: Some(Ended { outcome: Outcome::Aborted, reason: String::new() }), ..of(0, true, None) };
    let awaiting = State { awaits_approval: Some(115.0), ..of(0, true, None) };
    let check = |before: &State, after: &State| event((before, 100.0), (after, 115.0), 15.0);
    let rows = vec![
        (of(0, false, None), of(0, true, None), Some(Event::Step)),
        (of(0, true, None), of(1, false, None), None),
        (of(1, false, None), of(1, true, None), Some(Event::Step)),
        (of(1, true, None), of(1, true, None), None),
        // One evaluation that cannot see is no news.
        (of(1, true, None), of(1, true, Some(115.0)), None),
        (of(1, true, Some(85.0)), of(1, true, Some(85.0)), Some(Event::Held)),
        (of(1, true, Some(40.0)), of(1, true, Some(40.0)), None),
        (of(1, true, Some(40.0)), of(1, true, None), Some(Event::Recovered)),
        (of(1, true, Some(99.0)), of(1, true, None), None),
        (of(0, true, None), paused.clone(), Some(Event::Paused)),
        (paused, of(0, true, None), Some(Event::Resumed)),
        (of(0, true, None), ended, None),
        (of(0, true, None), awaiting.clone(), Some(Event::AwaitingApproval)),
        (awaiting.clone(), awaiting, None),
    ];
    for (before, after, expected) in rows {
        assert_eq!(check(&before, &after), expected, "{before:?} {after:?}");
    }
}

#[test]
fn hostile_text_is_only_text() {
    let hostile = "<!channel> <https://evil|x> [a](https://b) | **b** @octocat\n::error::x";
    let message = Notification { model: hostile.into(), reason: hostile.into(), ..message(Event::Held) };
    // What is plain text to Slack is not looked through for mentions and links.
    let mut slack = slack::body(&message);
    assert_eq!(slack["blocks"][0]["text"]["type"], "plain_text");
    slack["blocks"][0] = Value::Null;
    let slack = slack.to_string();
    assert!(!slack.contains("<!channel>") && !slack.contains("<https://evil"), "{slack}");
    let markdown = issue::body(&message);
    for bad in ["](https://b", "<!channel", "@octocat", "\n::error"] {
        assert!(!markdown.contains(bad), "{bad}: {markdown}");
    }
    // Only text runs, in which Markdown is not supported.
    let card = &teams::body(&message)["attachments"][0]["content"];
    for block in card["body"].as_array().unwrap() {
        assert_eq!(block["type"], "RichTextBlock");
        assert!(block["inlines"].as_array().unwrap().iter().all(|inline| inline["type"] == "TextRun"));
    }
}

#[test]
fn the_longest_message_fits_into_every_channel() {
    let long = "x\u{1f600} & < ".repeat(5_000);
    let failed = Pulled { lever: "traffic", is_done: false, said: long.clone(), is_final: false };
    let message = Notification {
        model: long.clone(),
        version: long.clone(),
        reason: long.clone(),
        previous_version: Some(long.clone()),
        limits: vec![long.clone(); 30],
        actions: vec![failed; 4],
        problems: vec![long; 40],
        ..message(Event::Ended(Outcome::RolledBack))
    };
    let slack = slack::body(&message);
    assert!(slack["blocks"][0]["text"]["text"].as_str().unwrap().chars().count() <= 150);
    for field in slack["blocks"][1]["fields"].as_array().unwrap() {
        assert!(field["text"].as_str().unwrap().chars().count() <= 2_000);
    }
    assert!(teams::body(&message).to_string().len() < 28_000, "{}", teams::body(&message).to_string().len());
    assert!(issue::body(&message).chars().count() < 65_536 && issue::title(&message).chars().count() <= 256);
}

#[test]
fn limits_are_words() {
    let gauge = GaugeLimit {
        name: "accuracy".into(),
        min: Some(0.9),
        max: None,
        max_ratio: None,
        min_samples: 100,
        window_seconds: 60.0,
    };
    assert_eq!(described(&Limits { gauges: vec![gauge], ..Limits::default() }), ["accuracy at least 0.9"]);
    assert_eq!(described(&Limits::default()), [""; 0]);
}
