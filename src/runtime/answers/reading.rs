//! What a model's outputs mean; told by type and shape, and where that does not tell, asked.

use std::sync::Arc;

use super::orders::Orders;
use super::{Labels, Predicted, usual_positive};
use crate::runtime::{Data, Output, Tensor};
use crate::support::problem::Problem;
use crate::support::words::{self, code, list};

/// What is known of a model beside its outputs.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The classes in the order of the scores, as the config names them.
    pub classes: Option<Vec<String>>,
    /// Lists of classes that the model itself holds.
    pub hints: Vec<Vec<String>>,
    /// What a row may be called, where that is known without `classes`: the labels of the table.
    pub labels: Option<Vec<String>>,
    /// The class that binary metrics are about.
    pub positive: Option<String>,
    /// The output that is the prediction, and the one that is the scores, as the config names them.
    pub prediction: Option<String>,
    pub scores: Option<String>,
}

/// How far sums of probabilities may be from 1: models compute in 32 bits.
const SUM: f64 = 1e-3;

/// Reads a model's answers, batch after batch.
#[derive(Debug, Clone, Default)]
pub struct Reader {
    pub known: Known,
    orders: Orders,
}

impl Reader {
    pub fn new(known: Known) -> Self {
        Self { known, orders: Orders::default() }
    }

    /// Reads the outputs of one batch.
    ///
    /// # Errors
    /// They say nothing that can be understood, not of each row one thing, or what no class is called.
    pub fn read(&mut self, outputs: &[Output], rows: usize) -> Result<Predicted, Problem> {
        let predicted = self.understood(outputs, rows)?;
        let known = &self.known;
        let Some(classes) = known.labels.as_ref().or(known.classes.as_ref()) else { return Ok(predicted) };
        match predicted.prediction.places(classes).iter().position(Option::is_none) {
            None => Ok(predicted),
            Some(row) => {
                let said = format!(
                    "the model says {}, which is none of the classes {}",
                    code(&words::cut(&predicted.prediction.name(row), 60)),
                    list(classes.iter().map(String::as_str).take(10))
                );
                Err(Problem::new(said).hint("name all that it may say: `model.classes: [first, second, …]`"))
            }
        }
    }

    fn understood(&mut self, outputs: &[Output], rows: usize) -> Result<Predicted, Problem> {
        let known = &self.known;
        let gathered = gathered(outputs, known);
        let outputs = gathered.as_deref().unwrap_or(outputs);
        for output in outputs {
            let (found, what) = match output {
                Output::Tensor(tensor) => (tensor.shape.first().copied().unwrap_or(1), "rows"),
                Output::Maps { keys, values, .. } => (values.len() / keys.len().max(1), "maps"),
            };
            if chosen(output, known) && found != rows {
                let said = format!("the model's output {} has {found} {what} for {rows} rows", code(output.name()));
                return Err(Problem::new(said).hint("a model that is judged answers once for every row"));
            }
        }
        let scores = scores(outputs, known)?;
        let labels = labels(outputs, known, scores)?;
        match (scores, labels) {
            (Some(Output::Maps { keys, values, .. }), labels) => {
                self.orders.classified(labels.map(own), values, keys.len(), std::slice::from_ref(keys))
            }
            (Some(Output::Tensor(tensor)), labels) => {
                let width = tensor.shape.get(1).copied().unwrap_or(1);
                let values = tensor.data.numbers().unwrap_or_default();
                if width == 1 {
                    return lone(tensor, values, labels, known);
                }
                sums_to_one(tensor, &values, width)?;
                let naming = naming(width, labels, known)?;
                self.orders.classified(labels.map(own), &values, width, &naming)
            }
            (None, Some(labels)) => {
                Ok(Predicted { prediction: own(labels), classes: Arc::default(), scores: Vec::new() })
            }
            (None, None) => {
                Err(Problem::new(format!("the model says nothing that is a prediction: {}", described(outputs)))
                    .hint("a prediction is a number, a class, or a row of probabilities"))
            }
        }
    }
}

/// scikit-learn's converter can give every class a column of its own, called by its type and its name: `i0`, `sgood`.
fn gathered(outputs: &[Output], known: &Known) -> Option<Vec<Output>> {
    if known.scores.is_some() || known.prediction.is_some() {
        return None;
    }
    let (columns, others): (Vec<&Output>, Vec<&Output>) = outputs.iter().partition(|output| is_float(output));
    let [Output::Tensor(labels)] = others.as_slice() else { return None };
    let letter = if matches!(labels.data, Data::Text(_)) { 's' } else { 'i' };
    let mut classes = Vec::new();
    let mut scores = Vec::new();
    for output in &columns {
        let Output::Tensor(Tensor { name, shape, data }) = output else { return None };
        let class = name.strip_prefix(letter).filter(|class| letter == 's' || class.parse::<i64>().is_ok())?;
        if shape.iter().skip(1).product::<usize>() != 1 {
            return None;
        }
        classes.push(class.to_owned());
        scores.push(data.numbers()?);
    }
    let rows = scores.first()?.len();
    if scores.len() < 2 || scores.iter().any(|scores| scores.len() != rows) {
        return None;
    }
    let values = (0..rows).flat_map(|row| scores.iter().map(move |scores| scores[row])).collect();
    let maps = Output::Maps { name: "scores".into(), keys: classes, values };
    Some(vec![Output::Tensor(labels.clone()), maps])
}

/// Whether the config leaves this output in.
fn chosen(output: &Output, known: &Known) -> bool {
    match (&known.prediction, &known.scores) {
        (None, None) => true,
        (prediction, scores) => [prediction, scores].into_iter().flatten().any(|name| name == output.name()),
    }
}

fn is_float(output: &Output) -> bool {
    match output {
        Output::Tensor(tensor) => {
            matches!(tensor.data, Data::Float32(_) | Data::Float64(_)) && matches!(tensor.shape.len(), 1 | 2)
        }
        Output::Maps { .. } => true,
    }
}

/// The output with a number for each class, or one number.
fn scores<'a>(outputs: &'a [Output], known: &Known) -> Result<Option<&'a Output>, Problem> {
    if let Some(name) = &known.scores {
        let found = outputs.iter().find(|output| output.name() == name);
        return match found {
            Some(output) if is_float(output) => Ok(Some(output)),
            Some(_) => Err(Problem::new(format!("the model's output {} holds no scores", code(name)))),
            None => Err(no_output(name, outputs)),
        };
    }
    // Who names the prediction alone wants nothing else.
    if known.prediction.is_some() {
        return Ok(None);
    }
    let all: Vec<&Output> = outputs.iter().filter(|output| is_float(output)).collect();
    let is_wide = |output: &&Output| match output {
        Output::Maps { .. } => true,
        Output::Tensor(tensor) => tensor.shape.get(1).is_some_and(|width| *width > 1),
    };
    let wide: Vec<&Output> = all.iter().copied().filter(is_wide).collect();
    match (wide.as_slice(), all.as_slice()) {
        ([one], _) | ([], [one]) => Ok(Some(one)),
        ([], []) => Ok(None),
        _ => {
            let named: Vec<&Output> =
                all.iter().copied().filter(|output| output.name().to_lowercase().contains("prob")).collect();
            match named.as_slice() {
                [one] => Ok(Some(one)),
                _ => Err(Problem::new(format!(
                    "the model has several outputs that may be scores: {}",
                    described(outputs)
                ))
                .hint("say which: `model.outputs: { scores: … }`")),
            }
        }
    }
}

/// The output that names a class or a whole number for each row.
fn labels<'a>(outputs: &'a [Output], known: &Known, scores: Option<&Output>) -> Result<Option<&'a Tensor>, Problem> {
    let is_column = |tensor: &Tensor| tensor.shape.len() <= 1 || tensor.shape.len() == 2 && tensor.shape[1] == 1;
    if let Some(name) = &known.prediction {
        return match outputs.iter().find(|output| output.name() == name) {
            Some(Output::Tensor(tensor)) if is_column(tensor) => Ok(Some(tensor)),
            Some(_) => Err(Problem::new(format!("the model's output {} is no column of predictions", code(name)))),
            None => Err(no_output(name, outputs)),
        };
    }
    let found: Vec<&Tensor> = outputs
        .iter()
        .filter(|output| scores.is_none_or(|scores| scores.name() != output.name()))
        .filter_map(|output| match output {
            Output::Tensor(tensor) if !is_float(output) && is_column(tensor) => Some(tensor),
            _ => None,
        })
        .collect();
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => {
            Err(Problem::new(format!("the model has several outputs that may be predictions: {}", described(outputs)))
                .hint("say which: `model.outputs: { prediction: … }`"))
        }
    }
}

/// The lists of classes that the scores may be in the order of, the likeliest first.
fn naming(width: usize, labels: Option<&Tensor>, known: &Known) -> Result<Vec<Vec<String>>, Problem> {
    if let Some(classes) = &known.classes {
        return if classes.len() == width {
            Ok(vec![classes.clone()])
        } else {
            let said = format!("the model has {width} scores a row, and `model.classes` names {}", classes.len());
            Err(Problem::new(said))
        };
    }
    let mut fitting: Vec<Vec<String>> = known.hints.iter().filter(|hint| hint.len() == width).cloned().collect();
    if fitting.is_empty() {
        if labels.is_some_and(|labels| matches!(labels.data, Data::Text(_))) {
            let said = format!("the model has {width} scores a row, and does not say whose");
            return Err(Problem::new(said).hint("name the classes in their order: `model.classes: [first, second, …]`"));
        }
        fitting.push((0..width).map(|class| class.to_string()).collect());
    }
    Ok(fitting)
}

/// One number a row: the positive class's score where there are classes, else the prediction itself.
fn lone(tensor: &Tensor, values: Vec<f64>, labels: Option<&Tensor>, known: &Known) -> Result<Predicted, Problem> {
    let classes = known.classes.clone().or_else(|| known.hints.iter().find(|hint| hint.len() == 2).cloned());
    let positive =
        known.positive.clone().or_else(|| classes.as_deref().and_then(usual_positive).map(ToOwned::to_owned));
    if labels.is_none() && positive.is_none() {
        return Ok(Predicted { prediction: Labels::Number(values), classes: Arc::default(), scores: Vec::new() });
    }
    if let Some(value) = values.iter().find(|value| !(0.0..=1.0).contains(*value) && !value.is_nan()) {
        let said = format!("the model's output {} is {value} in some row, which is no probability", code(&tensor.name));
        return Err(Problem::new(said)
            .hint("end the model with a sigmoid; if it predicts numbers, leave out `model.predictions.positive`"));
    }
    let other = |positive: &str| match positive {
        "1" => Some("0".to_owned()),
        "true" => Some("false".to_owned()),
        positive => classes.as_ref()?.iter().find(|class| *class != positive).cloned(),
    };
    let Some(positive) = positive.or_else(|| labels.map(|_| "1".to_owned())) else {
        return Err(Problem::new("nothing says which class the score is of").hint("set `model.predictions.positive`"));
    };
    let prediction = match (labels, other(&positive)) {
        (Some(labels), _) => own(labels),
        (None, Some(other)) => {
            Labels::of(&[other, positive.clone()], values.iter().map(|value| usize::from(*value >= 0.5)))
        }
        (None, None) => {
            return Err(Problem::new(format!("nothing says what a row is that is not {}", code(&positive)))
                .hint("name both classes: `model.classes`"));
        }
    };
    Ok(Predicted { prediction, classes: Arc::new(vec![positive]), scores: vec![values] })
}

fn sums_to_one(tensor: &Tensor, values: &[f64], width: usize) -> Result<(), Problem> {
    for (row, scores) in values.chunks_exact(width).enumerate() {
        let sum: f64 = scores.iter().sum();
        let is_share = |score: &f64| (-SUM..=1.0 + SUM).contains(score);
        if !sum.is_nan() && ((sum - 1.0).abs() > SUM || !scores.iter().all(is_share)) {
            let why = match scores.iter().find(|score| !is_share(score)) {
                Some(score) => format!("one of row {} is {score}", row + 1),
                None => format!("those of row {} add up to {sum}", row + 1),
            };
            let said = format!("the model's output {} holds no probabilities: {why}", code(&tensor.name));
            return Err(Problem::new(said).hint(
                "are they logits? end the model with a softmax, or take its classes alone: `model.outputs: { prediction: … }`",
            ));
        }
    }
    Ok(())
}

fn own(labels: &Tensor) -> Labels {
    match &labels.data {
        Data::Float32(values) => Labels::Number(values.iter().map(|value| f64::from(*value)).collect()),
        Data::Float64(values) => Labels::Number(values.clone()),
        Data::Int32(values) => Labels::Integer(values.iter().map(|value| i64::from(*value)).collect()),
        Data::Int64(values) => Labels::Integer(values.clone()),
        Data::Boolean(values) => Labels::Boolean(values.clone()),
        Data::Text(values) => Labels::Text(values.clone()),
    }
}

fn no_output(name: &str, outputs: &[Output]) -> Problem {
    Problem::new(format!("the model has no output {}", code(name))).hint(format!("it has {}", described(outputs)))
}

fn described(outputs: &[Output]) -> String {
    if outputs.is_empty() {
        return "it has no output".to_owned();
    }
    let one = |output: &Output| match output {
        Output::Tensor(tensor) => {
            let shape: Vec<String> = tensor.shape.iter().map(ToString::to_string).collect();
            format!("{} ({} [{}])", code(&tensor.name), tensor.data.element().word(), shape.join(", "))
        }
        Output::Maps { name, .. } => format!("{} (maps)", code(name)),
    };
    let mut all: Vec<String> = outputs.iter().take(8).map(one).collect();
    if outputs.len() > 8 {
        all.push(format!("{} more", outputs.len() - 8));
    }
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(name: &str, shape: &[usize], data: Data) -> Output {
        Output::Tensor(Tensor { name: name.into(), shape: shape.to_vec(), data })
    }

    fn floats(name: &str, shape: &[usize], values: &[f32]) -> Output {
        tensor(name, shape, Data::Float32(values.to_vec()))
    }

    fn known(positive: Option<&str>) -> Known {
        Known { positive: positive.map(ToOwned::to_owned), ..Known::default() }
    }

    fn read(outputs: &[Output], rows: usize, known: &Known) -> Result<Predicted, Problem> {
        Reader::new(known.clone()).read(outputs, rows)
    }

    fn wrong(outputs: &[Output], known: &Known) -> String {
        read(outputs, 2, known).unwrap_err().message
    }

    #[test]
    fn labels_and_probabilities_are_told_by_type_and_shape() {
        let labels = tensor("anything", &[2], Data::Int64(vec![0, 1]));
        let outputs = [floats("else", &[2, 2], &[0.75, 0.25, 0.25, 0.75]), labels];
        let predicted = read(&outputs, 2, &Known::default()).unwrap();
        assert_eq!(predicted.prediction, Labels::Integer(vec![0, 1]));
        assert_eq!(*predicted.classes, ["0", "1"]);
        assert_eq!(predicted.scores, [vec![0.75, 0.25], vec![0.25, 0.75]]);
        assert_eq!(predicted.level(None).unwrap(), [0.25, 0.75]);
    }

    #[test]
    fn maps_name_their_classes() {
        let maps = Output::Maps {
            name: "p".into(),
            keys: vec!["bad".into(), "good".into()],
            values: vec![0.9, 0.1, 0.2, 0.8],
        };
        let labels = tensor("l", &[2], Data::Text(vec!["bad".into(), "good".into()]));
        let predicted = read(&[labels, maps], 2, &Known::default()).unwrap();
        assert_eq!(*predicted.classes, ["bad", "good"]);
        assert!(predicted.level(None).is_err());
        assert_eq!(predicted.level(Some("good")).unwrap(), [0.1, 0.8]);
    }

    #[test]
    fn a_wrong_order_of_classes_is_no_luck() {
        // Labels 5 and 7 where nobody names the scores.
        let labels = tensor("l", &[2], Data::Int64(vec![5, 7]));
        let outputs = [labels, floats("p", &[2, 2], &[0.75, 0.25, 0.25, 0.75])];
        assert!(wrong(&outputs, &Known::default()).contains("where its score number 1 is the largest"));
        let hinted = Known { hints: vec![vec!["5".into(), "7".into()]], ..Known::default() };
        assert_eq!(*read(&outputs, 2, &hinted).unwrap().classes, ["5", "7"]);
    }

    #[test]
    fn a_threshold_is_no_contradiction_and_swapped_scores_are() {
        let known = Known { hints: vec![vec!["0".into(), "1".into()]], ..Known::default() };
        let says = |labels: [i64; 2]| {
            let labels = tensor("l", &[2], Data::Int64(labels.to_vec()));
            read(&[labels, floats("p", &[2, 2], &[0.75, 0.25, 0.625, 0.375])], 2, &known)
                .map_err(|problem| problem.message)
        };
        assert_eq!(says([0, 1]).unwrap().prediction, Labels::Integer(vec![0, 1]));
        assert_eq!(says([1, 1]).unwrap().prediction, Labels::Integer(vec![1, 1]));
        assert!(says([1, 0]).unwrap_err().contains("its scores are not those of `0`, `1`"));
    }

    #[test]
    fn one_number_is_the_prediction_or_the_positive_score() {
        let output = [floats("y", &[2, 1], &[0.25, 0.75])];
        assert_eq!(read(&output, 2, &Known::default()).unwrap().prediction, Labels::Number(vec![0.25, 0.75]));
        let predicted = read(&output, 2, &known(Some("1"))).unwrap();
        assert_eq!(predicted.prediction, Labels::Integer(vec![0, 1]));
        assert_eq!(predicted.scores, [vec![0.25, 0.75]]);
        assert!(wrong(&output, &known(Some("good"))).contains("not `good`"));
        assert!(wrong(&[floats("y", &[2, 1], &[0.25, 3.0])], &known(Some("1"))).contains("no probability"));
    }

    #[test]
    fn what_lies_about_its_shape_or_sums_is_refused() {
        assert_eq!(
            wrong(&[floats("y", &[1], &[0.5])], &Known::default()),
            "the model's output `y` has 1 rows for 2 rows"
        );
        assert!(wrong(&[floats("p", &[2, 2], &[3.0, 1.0, 2.0, 2.0])], &Known::default()).contains("one of row 1 is 3"));
        let two = [floats("a", &[2], &[0.0, 0.0]), floats("b", &[2], &[0.0, 0.0])];
        assert!(wrong(&two, &Known::default()).contains("several outputs that may be scores"));
        assert!(wrong(&[], &Known::default()).contains("it has no output"));
    }
}
