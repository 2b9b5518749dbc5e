//! What a [PromQL](https://prometheus.io/docs/prometheus/latest/querying/basics/) query reads: every selector in it, by a
//! parser of the whole language.

use std::time::Duration;

use promql_parser::label::{MatchOp, Matcher as ParsedMatcher};
use promql_parser::parser::token::{T_DIV, T_MUL, T_SUM};
use promql_parser::parser::{self, AtModifier, Call, Expr, LabelModifier, Offset, VectorSelector};
use regex::Regex;

/// The longest query that is parsed: the parser recurses.
const LONGEST: usize = 10_000;
const NAME: &str = "__name__";

/// A matcher of a label: `code=~"5.."`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matcher {
    pub label: String,
    pub operator: &'static str,
    pub value: String,
}

impl Matcher {
    pub fn text(&self) -> String {
        format!("{}{}{}", self.label, self.operator, quoted(&self.value))
    }

    /// Whether a value of the label matches; a regular expression that is not one matches nothing.
    pub fn matches(&self, value: &str) -> bool {
        let is_like = || Regex::new(&format!("^(?:{})$", self.value)).is_ok_and(|regex| regex.is_match(value));
        match self.operator {
            "=" => self.value == value,
            "!=" => self.value != value,
            "=~" => is_like(),
            _ => !is_like(),
        }
    }
}

/// A selector of series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// The metric's name, where one is given.
    pub name: Option<String>,
    /// All others.
    pub matchers: Vec<Matcher>,
    /// ` offset 5m`, ` @ 1700000000`.
    pub modifiers: String,
}

impl Selector {
    /// As a query holds it.
    pub fn text(&self) -> String {
        format!("{}{}", self.series(), self.modifiers)
    }

    /// Without offset and time: what names series.
    pub fn series(&self) -> String {
        let is_plain = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
        };
        let plain = self.name.as_deref().filter(|name| is_plain(name));
        let quoted_name = self.name.as_deref().filter(|name| !is_plain(name));
        let mut matchers: Vec<String> =
            quoted_name.map(|name| format!("{NAME}={}", quoted(name))).into_iter().collect();
        matchers.extend(self.matchers.iter().map(Matcher::text));
        match (plain, matchers.is_empty()) {
            (Some(name), true) => name.to_owned(),
            (name, _) => format!("{}{{{}}}", name.unwrap_or_default(), matchers.join(",")),
        }
    }
}

/// `factor · histogram_quantile(quantile, sum by (le) (rate(buckets[…])))`.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramQuantile {
    pub quantile: f64,
    /// From the buckets' unit to the query's: 1000 of a query in milliseconds.
    pub factor: f64,
    /// Which of the query's selectors has the buckets.
    pub buckets: usize,
}

/// What a query reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// Every selector, in the query's order.
    pub selectors: Vec<Selector>,
    /// Where the query is a quantile of a histogram and nothing else.
    pub quantile: Option<HistogramQuantile>,
    /// The longest range that it looks back over.
    pub window: Duration,
    /// Whether it is one selector, or the sum of one over all labels.
    pub is_sum: bool,
}

/// Parses a query.
///
/// # Errors
/// It is not valid, in the parser's words.
pub fn parse(query: &str) -> Result<Parsed, String> {
    if query.len() > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    let expr = parser::parse(query)?;
    let mut found = Found::default();
    found.visit(&expr, None, 0)?;
    let quantile = quantile(&expr, 1.0).filter(|_| found.selectors.len() == 1);
    Ok(Parsed { selectors: found.selectors, quantile, window: found.window, is_sum: is_sum(&expr) })
}

#[derive(Default)]
struct Found {
    selectors: Vec<Selector>,
    window: Duration,
}

impl Found {
    /// A subquery's offset and time are those of what is in it.
    fn visit(&mut self, expr: &Expr, at: Option<&AtModifier>, offset: i128) -> Result<(), String> {
        match expr {
            Expr::VectorSelector(selector) => self.add(selector, at, offset)?,
            Expr::MatrixSelector(matrix) => {
                self.window = self.window.max(matrix.range);
                self.add(&matrix.vs, at, offset)?;
            }
            Expr::Subquery(subquery) => {
                self.window = self.window.max(subquery.range);
                let offset = offset + subquery.offset.as_ref().map_or(0, milliseconds);
                self.visit(&subquery.expr, subquery.at.as_ref().or(at), offset)?;
            }
            Expr::Aggregate(aggregate) => {
                if let Some(param) = &aggregate.param {
                    self.visit(param, at, offset)?;
                }
                self.visit(&aggregate.expr, at, offset)?;
            }
            Expr::Unary(unary) => self.visit(&unary.expr, at, offset)?,
            Expr::Binary(binary) => {
                self.visit(&binary.lhs, at, offset)?;
                self.visit(&binary.rhs, at, offset)?;
            }
            Expr::Paren(paren) => self.visit(&paren.expr, at, offset)?,
            Expr::Call(call) => {
                for argument in &call.args.args {
                    self.visit(argument, at, offset)?;
                }
            }
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
        }
        Ok(())
    }

    fn add(&mut self, parsed: &VectorSelector, at: Option<&AtModifier>, offset: i128) -> Result<(), String> {
        if !parsed.matchers.or_matchers.is_empty() {
            return Err("matchers joined by `or` are not PromQL".to_owned());
        }
        let mut name = parsed.name.clone();
        let mut matchers = Vec::new();
        for matcher in &parsed.matchers.matchers {
            if matcher.name == NAME && matches!(matcher.op, MatchOp::Equal) && name.is_none() {
                name = Some(matcher.value.clone());
            } else {
                matchers.push(own(matcher));
            }
        }
        let offset = offset + parsed.offset.as_ref().map_or(0, milliseconds);
        let mut modifiers = match parsed.at.as_ref().or(at) {
            Some(at) => format!(" {at}"),
            None => String::new(),
        };
        if offset != 0 {
            modifiers.push_str(&format!(" offset {}{}ms", if offset < 0 { "-" } else { "" }, offset.abs()));
        }
        self.selectors.push(Selector { name, matchers, modifiers });
        Ok(())
    }
}

fn own(matcher: &ParsedMatcher) -> Matcher {
    let operator = match matcher.op {
        MatchOp::Equal => "=",
        MatchOp::NotEqual => "!=",
        MatchOp::Re(_) => "=~",
        MatchOp::NotRe(_) => "!~",
    };
    Matcher { label: matcher.name.clone(), operator, value: matcher.value.clone() }
}

fn milliseconds(offset: &Offset) -> i128 {
    match offset {
        Offset::Pos(by) => by.as_millis().try_into().unwrap_or(i128::MAX / 4),
        Offset::Neg(by) => -by.as_millis().try_into().unwrap_or(i128::MAX / 4),
    }
}

/// A text in quotes, as a query holds it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

fn quantile(expr: &Expr, factor: f64) -> Option<HistogramQuantile> {
    match expr {
        Expr::Paren(paren) => quantile(&paren.expr, factor),
        Expr::Binary(binary) => match (&*binary.lhs, &*binary.rhs, binary.op.id()) {
            (Expr::NumberLiteral(number), other, T_MUL) | (other, Expr::NumberLiteral(number), T_MUL) => {
                quantile(other, factor * number.val)
            }
            (other, Expr::NumberLiteral(number), T_DIV) => quantile(other, factor / number.val),
            _ => None,
        },
        Expr::Call(Call { func, args }) if func.name == "histogram_quantile" => match args.args.as_slice() {
            [level, buckets] => match &**level {
                Expr::NumberLiteral(level)
                    if (0.0..1.0).contains(&level.val) && factor > 0.0 && factor.is_finite() && is_rate(buckets) =>
                {
                    Some(HistogramQuantile { quantile: level.val, factor, buckets: 0 })
                }
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

fn is_sum(expr: &Expr) -> bool {
    match expr {
        Expr::Paren(paren) => is_sum(&paren.expr),
        Expr::Aggregate(sum) => sum.op.id() == T_SUM && sum.modifier.is_none() && is_sum(&sum.expr),
        Expr::VectorSelector(_) => true,
        _ => false,
    }
}

/// Whether it is a rate of buckets, or their sum by `le`: what counting the buckets themselves says as well.
fn is_rate(expr: &Expr) -> bool {
    match expr {
        Expr::Paren(paren) => is_rate(&paren.expr),
        Expr::Aggregate(sum) => {
            let by_le = matches!(&sum.modifier, Some(LabelModifier::Include(labels)) if labels.labels == ["le"]);
            sum.op.id() == T_SUM && by_le && is_rate(&sum.expr)
        }
        Expr::Call(Call { func, args }) if matches!(func.name, "rate" | "irate" | "increase") => {
            matches!(args.args.as_slice(), [matrix] if matches!(&**matrix, Expr::MatrixSelector(matrix)
                if matrix.vs.name.as_ref().is_some_and(|name| name.ends_with("_bucket"))))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_selector_is_found() {
        let check = |query: &str, wanted: &[&str]| {
            let found: Vec<String> = parse(query).unwrap().selectors.iter().map(Selector::text).collect();
            assert_eq!(found, wanted, "{query}");
        };
        check(r#"sum(a_total{server="x"})"#, &[r#"a_total{server="x"}"#]);
        check("sum(a_total) or vector(0)", &["a_total"]);
        check(r#"{__name__="a_total"}"#, &["a_total"]);
        check(r#"{__name__="a.total",code=~"5.."}"#, &[r#"{__name__="a.total",code=~"5.."}"#]);
        check(r#"{__name__=~"a|b",code!="200"}"#, &[r#"{__name__=~"a|b",code!="200"}"#]);
        check("max_over_time(rate(a_total[1m])[10m:30s])", &["a_total"]);
        check("avg by (le) (rate(a[5m] offset 1m)) / on () group_left sum(b)", &["a offset 60000ms", "b"]);
        check("sum_over_time((a offset 1m)[5m:] offset 2m)", &["a offset 180000ms"]);
        check("-topk(scalar(k), a) + time()", &["k", "a"]);
        check(r#"label_replace(up{job="a\"b\\c"}, "x", "$1", "y", "{z}")"#, &[r#"up{job="a\"b\\c"}"#]);
        check(r#"1000 * histogram_quantile(0.99, sum by (le) (rate(b:c{arm="}"}[1m])))"#, &[r#"b:c{arm="}"}"#]);
        check("vector(1)", &[]);
        check("a @ 1700000000", &["a @ 1700000000.000"]);
    }

    #[test]
    fn what_is_no_promql_is_an_error() {
        for wrong in ["sum(a", "a{b=\"", "a{b}", "sum(a) by", "no_such_function(a)", "", "a{b=~\"(\"}"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse(&"(".repeat(20_000)).is_err());
    }

    #[test]
    fn a_quantile_of_a_histogram_is_one_and_others_are_not() {
        let check = |query: &str, wanted: Option<(f64, f64)>| {
            let found = parse(query).unwrap().quantile.map(|found| (found.quantile, found.factor));
            assert_eq!(found, wanted, "{query}");
        };
        check("1000 * histogram_quantile(0.99, sum by (le) (rate(a_bucket[1m])))", Some((0.99, 1000.0)));
        check("histogram_quantile(0.5, sum(increase(a_bucket{x=\"y\"}[1m])) by (le)) / 1000", Some((0.5, 0.001)));
        check("(histogram_quantile(0.9, rate(a_bucket[5m])) * 10)", Some((0.9, 10.0)));
        check("histogram_quantile(0.99, sum by (le, arm) (rate(a_bucket[1m])))", None);
        check("histogram_quantile(0.99, sum by (le) (rate(a[1m])))", None);
        check("histogram_quantile(0.99, sum by (le) (rate(a_bucket[1m]))) - b", None);
        check("histogram_quantile(0.99, sum by (le) (rate(a_bucket[1m]))) or vector(0)", None);
        check("quantile(0.99, a)", None);
        assert_eq!(parse("max_over_time(rate(a[1m])[10m:30s])").unwrap().window, Duration::from_mins(10));
    }

    #[test]
    fn values_match_as_in_prometheus() {
        let check = |operator, pattern: &str, value: &str| {
            Matcher { label: "code".into(), operator, value: pattern.into() }.matches(value)
        };
        assert!(check("=~", "5..", "503") && !check("=~", "5.", "503") && check("!~", "5..", "200"));
        assert!(check("=", "5xx", "5xx") && !check("=", "500", "5xx") && check("!=", "500", "5xx"));
    }
}
