//! The part of an ONNX file that is read before the library sees it: where values lie, and the names of classes.
//!
//! Field numbers are those of [onnx.proto](https://github.com/onnx/onnx/blob/main/onnx/onnx.proto); what is not named here
//! is skipped unread.

use prost::Message;
use prost::bytes::Bytes;

use super::wire::Inspected;

#[derive(Clone, PartialEq, Message)]
struct Model {
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
    #[prost(message, repeated, tag = "20")]
    training: Vec<Training>,
    #[prost(message, repeated, tag = "25")]
    functions: Vec<Function>,
}

#[derive(Clone, PartialEq, Message)]
struct Graph {
    #[prost(message, repeated, tag = "1")]
    nodes: Vec<Node>,
    #[prost(message, repeated, tag = "5")]
    initializers: Vec<Values>,
    #[prost(message, repeated, tag = "15")]
    sparse: Vec<Sparse>,
}

#[derive(Clone, PartialEq, Message)]
struct Training {
    #[prost(message, optional, tag = "1")]
    initialization: Option<Graph>,
    #[prost(message, optional, tag = "2")]
    algorithm: Option<Graph>,
}

#[derive(Clone, PartialEq, Message)]
struct Function {
    #[prost(message, repeated, tag = "7")]
    nodes: Vec<Node>,
    #[prost(message, repeated, tag = "11")]
    attributes: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(string, repeated, tag = "1")]
    inputs: Vec<String>,
    #[prost(string, optional, tag = "4")]
    operator: Option<String>,
    #[prost(message, repeated, tag = "5")]
    attributes: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(message, optional, tag = "5")]
    value: Option<Values>,
    #[prost(message, optional, tag = "6")]
    graph: Option<Graph>,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    integers: Vec<i64>,
    #[prost(bytes = "bytes", repeated, tag = "9")]
    texts: Vec<Bytes>,
    #[prost(message, repeated, tag = "10")]
    values: Vec<Values>,
    #[prost(message, repeated, tag = "11")]
    graphs: Vec<Graph>,
    #[prost(message, optional, tag = "22")]
    sparse: Option<Sparse>,
    #[prost(message, repeated, tag = "23")]
    sparses: Vec<Sparse>,
}

#[derive(Clone, PartialEq, Message)]
struct Sparse {
    #[prost(message, optional, tag = "1")]
    values: Option<Values>,
    #[prost(message, optional, tag = "2")]
    indices: Option<Values>,
}

/// A `TensorProto`.
#[derive(Clone, PartialEq, Message)]
struct Values {
    #[prost(int32, optional, tag = "2")]
    element: Option<i32>,
    #[prost(bytes = "bytes", repeated, tag = "6")]
    texts: Vec<Bytes>,
    #[prost(int64, repeated, tag = "7")]
    integers: Vec<i64>,
    #[prost(string, optional, tag = "8")]
    name: Option<String>,
    #[prost(bytes = "bytes", optional, tag = "9")]
    raw: Option<Bytes>,
    #[prost(message, repeated, tag = "13")]
    external: Vec<Entry>,
    #[prost(int32, optional, tag = "14")]
    place: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(string, optional, tag = "1")]
    key: Option<String>,
    #[prost(string, optional, tag = "2")]
    value: Option<String>,
}

/// `TensorProto.DataType.INT64`, the type of classes that are numbers.
const INT64: i32 = 7;
/// `TensorProto.DataLocation.EXTERNAL`.
const EXTERNAL: i32 = 1;
/// More classes than a classifier has.
const MOST_CLASSES: usize = 100_000;

/// What a model says of itself.
#[derive(Default)]
struct Found {
    external: Vec<String>,
    classes: Vec<Vec<String>>,
    /// A tensor with two entries of one key: of two locations each reader takes the one that it likes.
    ambiguous: Option<String>,
}

/// # Errors
/// It is no ONNX model, or one that two readers would read differently.
pub fn inspect(bytes: Vec<u8>) -> Result<Inspected, String> {
    if bytes.is_empty() {
        return Err("it is empty".into());
    }
    let model = Model::decode(Bytes::from(bytes)).map_err(|error| format!("it is no ONNX model: {error}"))?;
    let Some(graph) = &model.graph else { return Err("it is no ONNX model: it has no graph".into()) };
    let mut found = Found::default();
    look(graph, &mut found);
    for graph in model.training.iter().flat_map(|part| part.initialization.iter().chain(&part.algorithm)) {
        look(graph, &mut found);
    }
    for function in &model.functions {
        function.attributes.iter().for_each(|attribute| look_at(attribute, &mut found));
        function.nodes.iter().flat_map(|node| &node.attributes).for_each(|attribute| look_at(attribute, &mut found));
    }
    if let Some(tensor) = found.ambiguous {
        return Err(format!("its tensor {tensor:?} has two `location` entries"));
    }
    found.external.sort();
    found.external.dedup();
    Ok(Inspected { external: found.external, classes: found.classes })
}

/// Decoding has bounded how deep graphs nest.
fn look(graph: &Graph, found: &mut Found) {
    for values in &graph.initializers {
        outside(values, found);
    }
    for sparse in &graph.sparse {
        sparse.values.iter().chain(&sparse.indices).for_each(|values| outside(values, found));
    }
    for node in &graph.nodes {
        for attribute in &node.attributes {
            look_at(attribute, found);
            classes_in(attribute, found);
        }
        // scikit-learn's converters pick the predicted class out of a list of all.
        if node.operator.as_deref() == Some("ArrayFeatureExtractor")
            && let Some(input) = node.inputs.first()
            && let Some(values) = graph.initializers.iter().find(|values| values.name.as_ref() == Some(input))
        {
            add(named(values), found);
        }
    }
}

fn look_at(attribute: &Attribute, found: &mut Found) {
    attribute.value.iter().chain(&attribute.values).for_each(|values| outside(values, found));
    let sparse = attribute.sparse.iter().chain(&attribute.sparses);
    sparse.flat_map(|sparse| sparse.values.iter().chain(&sparse.indices)).for_each(|values| outside(values, found));
    attribute.graph.iter().chain(&attribute.graphs).for_each(|graph| look(graph, found));
}

fn outside(values: &Values, found: &mut Found) {
    if values.place == Some(EXTERNAL) || !values.external.is_empty() {
        let mut keys: Vec<&str> =
            values.external.iter().map(|entry| entry.key.as_deref().unwrap_or_default()).collect();
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            found.ambiguous.get_or_insert_with(|| values.name.clone().unwrap_or_default());
        }
        let is_location = |entry: &&Entry| entry.key.as_deref() == Some("location");
        let location = values.external.iter().find(is_location).and_then(|entry| entry.value.clone());
        found.external.push(location.unwrap_or_default());
    }
}

fn classes_in(attribute: &Attribute, found: &mut Found) {
    match attribute.name.as_deref() {
        Some("classlabels_int64s" | "classlabels_ints") => {
            add(attribute.integers.iter().map(ToString::to_string).collect(), found);
        }
        Some("classlabels_strings") => add(attribute.texts.iter().map(text).collect(), found),
        _ => {}
    }
}

fn named(values: &Values) -> Vec<String> {
    if !values.texts.is_empty() {
        return values.texts.iter().map(text).collect();
    }
    match &values.raw {
        Some(raw) if values.element == Some(INT64) => {
            let (chunks, _) = raw.as_chunks::<8>();
            chunks.iter().map(|chunk| i64::from_le_bytes(*chunk).to_string()).collect()
        }
        _ => values.integers.iter().map(ToString::to_string).collect(),
    }
}

fn add(classes: Vec<String>, found: &mut Found) {
    if (1..=MOST_CLASSES).contains(&classes.len()) && !found.classes.contains(&classes) {
        found.classes.push(classes);
    }
}

fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_model_is_said() {
        assert_eq!(inspect(vec![]).unwrap_err(), "it is empty");
        assert!(inspect(b"<html>".to_vec()).unwrap_err().starts_with("it is no ONNX model"));
        assert_eq!(inspect(vec![8, 8]).unwrap_err(), "it is no ONNX model: it has no graph");
    }

    #[test]
    fn values_outside_are_found_wherever_they_are() {
        let location = Entry { key: Some("location".into()), value: Some("../w.bin".into()) };
        let values = Values { place: Some(EXTERNAL), external: vec![location], ..Values::default() };
        let inner = Graph { initializers: vec![values.clone()], ..Graph::default() };
        let attribute = Attribute { graph: Some(inner), ..Attribute::default() };
        let node = Node { attributes: vec![attribute], ..Node::default() };
        let graph = Graph { nodes: vec![node], ..Graph::default() };
        let model = Model { graph: Some(graph), ..Model::default() };
        assert_eq!(inspect(model.encode_to_vec()).unwrap().external, ["../w.bin"]);
        let attribute = Attribute { value: Some(values), ..Attribute::default() };
        let function = Function { attributes: vec![attribute], ..Function::default() };
        let model = Model { graph: Some(Graph::default()), functions: vec![function], ..Model::default() };
        assert_eq!(inspect(model.encode_to_vec()).unwrap().external, ["../w.bin"]);
    }

    #[test]
    fn a_tensor_that_names_two_places_is_refused() {
        let entry = |key: &str, value: &str| Entry { key: Some(key.into()), value: Some(value.into()) };
        let model = |external: Vec<Entry>| {
            let values = Values { name: Some("w".into()), place: Some(EXTERNAL), external, ..Values::default() };
            let graph = Graph { initializers: vec![values], ..Graph::default() };
            inspect(Model { graph: Some(graph), ..Model::default() }.encode_to_vec())
        };
        for key in ["location", "offset"] {
            let twice = vec![entry(key, "a"), entry("length", "4"), entry(key, "b")];
            assert!(model(twice).unwrap_err().starts_with("its tensor \"w\" has two `location`"), "{key}");
        }
        assert_eq!(model(vec![entry("location", "a"), entry("offset", "0")]).unwrap().external, ["a"]);
    }

    #[test]
    fn classes_are_found_in_attributes_and_lists() {
        let names = Attribute {
            name: Some("classlabels_strings".into()),
            texts: vec![Bytes::from_static(b"bad"), Bytes::from_static(b"good")],
            ..Attribute::default()
        };
        let tree = Node { attributes: vec![names], ..Node::default() };
        let pick = Node {
            inputs: vec!["classes".into(), "best".into()],
            operator: Some("ArrayFeatureExtractor".into()),
            ..Node::default()
        };
        let raw: Vec<u8> = [3_i64, 5].iter().flat_map(|class| class.to_le_bytes()).collect();
        let list =
            Values { name: Some("classes".into()), element: Some(INT64), raw: Some(raw.into()), ..Values::default() };
        let graph = Graph { nodes: vec![tree, pick], initializers: vec![list], ..Graph::default() };
        let found = inspect(Model { graph: Some(graph), ..Model::default() }.encode_to_vec()).unwrap();
        assert_eq!(found.classes, [vec!["bad", "good"], vec!["3", "5"]]);
    }
}
