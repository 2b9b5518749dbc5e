//! CloudWatch, held against AWS' published description; an emulator is tests/rollout/integrations.sh's.

use serde_json::{Value, json};

use crate::described::{by_shape, described};
use crate::endpoint::{Answer, Request, Served};
use crate::rollout::{Toy, rollout};
use crate::sources::world;

pub const METRICS: &str = "requests: { namespace: AWS/SageMaker, metric: Invocations, dimensions: { EndpointName: risk, VariantName: '{{arm}}' }, statistic: Sum }
errors: { namespace: AWS/SageMaker, metric: Invocation5XXErrors, dimensions: { EndpointName: risk, VariantName: '{{arm}}' } }
p99: { namespace: AWS/SageMaker, metric: ModelLatency, dimensions: { EndpointName: risk, VariantName: '{{arm}}' }, statistic: p99 }
";

/// As the description says, or a panic.
fn cloudwatch(request: &Request, status: &str) -> Answer {
    let api = described("aws-cloudwatch");
    let head = request.head.to_lowercase();
    assert!(head.contains("x-amz-target: graniteserviceversion20100801.getmetricdata"), "{head}");
    assert!(head.contains("authorization: aws4-hmac-sha256 credential=not-a-secret/"), "{head}");
    assert!(head.contains("/eu-central-1/monitoring/aws4_request"), "{head}");
    let asked: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(by_shape(&api, "GetMetricDataInput", &asked), [""; 0]);
    let (from, to) = (asked["StartTime"].as_i64().unwrap(), asked["EndTime"].as_i64().unwrap());
    assert!(from < to && from % 60 == 0 && to % 60 == 0, "{asked}");
    let results = asked["MetricDataQueries"].as_array().unwrap().iter().map(|query| {
        let metric = &query["MetricStat"]["Metric"];
        let is_candidate = metric["Dimensions"][1]["Value"] == "candidate";
        let values = if is_candidate { json!([]) } else { json!([3.0, 2.0]) };
        let times = if is_candidate { json!([]) } else { json!([from, from + 60]) };
        json!({ "Id": query["Id"], "Label": "l", "Timestamps": times, "Values": values, "StatusCode": status })
    });
    let answer = json!({ "MetricDataResults": results.collect::<Vec<_>>(), "Messages": [] });
    assert_eq!(by_shape(&api, "GetMetricDataOutput", &answer), [""; 0]);
    Answer::json(&answer.to_string())
}

#[test]
fn cloudwatch_is_asked_as_its_description_says() {
    let signals = |url: &str| {
        format!(
            "cloudwatch: {{ region: eu-central-1, url: '{url}', access_key_id_env: MLGATE_KEY, secret_access_key_env: MLGATE_OTHER }}\n{METRICS}"
        )
    };
    let check = |answer: fn(&Request) -> Answer, exit: i32, said: &[&str]| {
        let toy = Toy::start([0.0, 0.0]);
        let served = Served::start(answer);
        let url = served.url().replace("/invocations", "");
        let mut ran = rollout(&world(&toy, "canary", &signals(&url)), &["--dry-run"]).exits(exit);
        for said in said {
            ran = ran.saying(said);
        }
        let from = |request: &Request| serde_json::from_str::<Value>(&request.body).unwrap()["StartTime"].as_i64();
        assert!(exit != 0 || served.requests().iter().any(|request| from(request).unwrap() % 86_400 == 0));
    };
    check(
        |request| cloudwatch(request, "Complete"),
        0,
        &["stable requests: 5", "stable errors: 5", "stable p99: 2.5", "candidate requests: none now"],
    );
    check(|request| cloudwatch(request, "Forbidden"), 3, &["answers `Forbidden`"]);
    check(
        |_| {
            Answer::of(
                "400 Bad Request",
                "application/json",
                r#"{"__type": "com.amazon#ExpiredTokenException", "message": "old"}"#,
            )
        },
        3,
        &["answers 400: ExpiredTokenException: old"],
    );
    check(
        |_| {
            Answer::of(
                "400 Bad Request",
                "application/json",
                r#"{"__type": "InvalidParameterValue", "message": "the Period"}"#,
            )
        },
        2,
        &["InvalidParameterValue: the Period"],
    );
    check(|_| Answer::json(r#"{"MetricDataResults": []}"#), 3, &["leaves metrics out"]);
    check(|_| Answer::json(r#"{"MetricDataResults": [], "NextToken": "more"}"#), 3, &["more than 10 pages"]);
}
