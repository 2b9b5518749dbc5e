//! A query of one variant, and what it reads: with the variant, and of all of them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::promql::{self, HistogramQuantile, Matcher, Parsed, Selector};

/// What becomes the variant's name.
pub const VARIANT: &str = "{{arm}}";
/// The same, as the field calls it.
const ALIAS: &str = "{{variant}}";
/// Stands for it where the template is parsed: a name of metrics and labels, and no variant's.
const ANY: &str = "mlgate_any_variant_";

/// A query of one variant.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub text: String,
    /// What it reads; why it cannot be parsed.
    pub sources: Result<Vec<Source>, String>,
    /// Where it is a quantile of a histogram.
    pub quantile: Option<HistogramQuantile>,
    /// The longest range that it looks back over.
    pub window: Duration,
    pub target: Target,
    is_sum: bool,
}

/// What a query names, where it is more than its text.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Target {
    #[default]
    Text,
    /// A number in a JSON document, and where its time is.
    Document { url: String, pointer: String, time_pointer: Option<String> },
    /// A metric of CloudWatch.
    Metric { namespace: String, name: String, dimensions: BTreeMap<String, String>, statistic: String },
}

/// One selector of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub selector: Selector,
    /// Without what names the variant.
    pub family: Selector,
    /// What names the variant.
    pub variant: Vec<Matcher>,
}

impl Query {
    pub fn new(template: &str, variant: &str) -> Self {
        let text = named(template, variant);
        let parsed = promql::parse(&text).and_then(|own| Ok((own, promql::parse(&named(template, ANY))?)));
        let (own, any) = match parsed {
            Ok(parsed) => parsed,
            Err(why) => return Self { sources: Err(why), ..Self::of(text, Target::Text, Duration::ZERO) },
        };
        let Parsed { selectors, quantile, window, is_sum } = own;
        let pairs = selectors.into_iter().zip(any.selectors);
        let sources = pairs.map(|(selector, any)| source(selector, any)).collect();
        Self { sources: Ok(sources), quantile, is_sum, ..Self::of(text, Target::Text, window) }
    }

    /// A query of another source than Prometheus.
    pub fn of(text: String, target: Target, window: Duration) -> Self {
        Self { text, sources: Ok(Vec::new()), quantile: None, window, target, is_sum: false }
    }

    /// The same counter by the values of a label; none where it is not one counter, or the sum of one.
    pub fn grouped(&self, label: &str) -> Option<String> {
        let source = self.sources.as_ref().ok().filter(|_| self.is_sum)?.first()?;
        Some(format!("sum by ({label}) ({})", source.selector.text()))
    }
}

/// A template with a variant's name in it.
pub fn named(template: &str, variant: &str) -> String {
    template.replace(ALIAS, VARIANT).replace(VARIANT, variant)
}

/// Whether a template names the variant.
pub fn names_variant(template: &str) -> bool {
    template.contains(VARIANT) || template.contains(ALIAS)
}

fn source(selector: Selector, any: Selector) -> Source {
    let names_variant = |matcher: &Matcher| matcher.value.contains(ANY) || matcher.label.contains(ANY);
    let is_own: Vec<bool> = any.matchers.iter().map(names_variant).collect();
    let variant = selector.matchers.iter().zip(&is_own).filter(|(_, own)| **own).map(|(matcher, _)| matcher.clone());
    let variant = variant.collect();
    let mut family = any;
    family.matchers.retain(|matcher| !names_variant(matcher));
    if let Some(name) = family.name.take_if(|name| name.contains(ANY)) {
        let value = regex::escape(&name).replace(ANY, ".+");
        family.matchers.push(Matcher { label: "__name__".into(), operator: "=~", value });
    }
    Source { selector, family, variant }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_the_selector_without_its_variant() {
        let check = |template: &str, wanted: &[(&str, &str)]| {
            let query = Query::new(template, "new");
            let found: Vec<(String, String)> =
                query.sources.unwrap().iter().map(|source| (source.selector.text(), source.family.series())).collect();
            let found: Vec<(&str, &str)> = found.iter().map(|(one, other)| (one.as_str(), other.as_str())).collect();
            assert_eq!(found, wanted, "{template}");
        };
        check(r#"sum(a{server="{{arm}}",code="5xx"})"#, &[(r#"a{server="new",code="5xx"}"#, r#"a{code="5xx"}"#)]);
        check(r#"a{server=~"{{arm}}-.*"} + b"#, &[(r#"a{server=~"new-.*"}"#, "a"), ("b", "b")]);
        check("{{arm}}_errors_total", &[("new_errors_total", r#"{__name__=~".+_errors_total"}"#)]);
        assert!(Query::new("sum(", "new").sources.is_err());
        let grouped = |template: &str| Query::new(template, "new").grouped("region");
        assert_eq!(grouped(r#"sum(a{s="{{arm}}"})"#).as_deref(), Some(r#"sum by (region) (a{s="new"})"#));
        assert_eq!(grouped(r#"a{s="{{arm}}"}"#).as_deref(), Some(r#"sum by (region) (a{s="new"})"#));
        assert_eq!([grouped("sum by (x) (a)"), grouped("a + b"), grouped("sum(rate(a[5m]))")], [None, None, None]);
        let query = Query::new(r#"a{server="{{variant}}",code="5xx"}"#, "new");
        assert_eq!(query.sources.unwrap()[0].variant[0].text(), r#"server="new""#);
    }
}
