//! The process that runs a model: mlgate itself, started for nothing else, with little memory and no environment.
//!
//! It reads frames from its standard input and answers on its standard output. Whatever the model or the library does to
//! it costs the run one verdict.
#![expect(clippy::disallowed_methods, reason = "edge: reads the model, measures time and memory")]

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::Instant;

use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::{DynMapValueType, DynValue, Shape, TensorElementType, ValueType};
use rustix::process::{Resource, Rlimit, setrlimit};

use super::file;
#[cfg(target_os = "linux")]
use super::sandbox::Sandbox;
use super::wire::{self, Ask, Frame, Told};
use crate::cli::RunModelArgs;
use crate::runtime::{Data, Element, Output, Port, PortKind, Tensor};

/// Values of one request.
const MOST_BYTES: u64 = 4_000_000_000;

/// Serves until nobody asks any more.
///
/// # Errors
/// Nobody listens.
pub fn serve(args: &RunModelArgs) -> io::Result<()> {
    let meter = Meter::open();
    limit(args.memory, &meter);
    let model = PathBuf::from(&args.model);
    #[cfg(target_os = "linux")]
    let sandbox = Some(Sandbox::enter(&model, &args.library, std::env::var("LD_LIBRARY_PATH").ok().as_deref()));
    let (mut from, mut to) = (BufReader::new(io::stdin()), BufWriter::new(io::stdout()));
    let mut runner = Runner {
        model,
        library: args.library.clone(),
        external: Vec::new(),
        loaded: None,
        meter,
        before: 0,
        #[cfg(target_os = "linux")]
        sandbox,
    };
    loop {
        let frame: Frame<Ask> = match wire::read(&mut from, MOST_BYTES) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            frame => frame?,
        };
        let (head, outputs) = match runner.answer(frame.head, frame.outputs) {
            Ok(answer) => answer,
            Err(why) => (Told::Failed(why), Vec::new()),
        };
        let grown = runner.meter.peak().saturating_sub(runner.before);
        wire::write(&mut to, &Frame { head, outputs, grown })?;
    }
}

struct Runner {
    model: PathBuf,
    library: String,
    /// Files beside it that it keeps values in.
    external: Vec<String>,
    loaded: Option<Loaded>,
    meter: Meter,
    /// Bytes in memory before the model was loaded.
    before: u64,
    /// Until the model is loaded.
    #[cfg(target_os = "linux")]
    sandbox: Option<Sandbox>,
}

struct Loaded {
    session: Session,
    outputs: Vec<Port>,
}

type Answer = Result<(Told, Vec<Output>), String>;

impl Runner {
    fn answer(&mut self, ask: Ask, values: Vec<Output>) -> Answer {
        match ask {
            Ask::Inspect => {
                let bytes = std::fs::read(&self.model).map_err(|error| format!("it could not be read: {error}"))?;
                let inspected = file::inspect(bytes)?;
                self.external.clone_from(&inspected.external);
                Ok((Told::Inspected(inspected), Vec::new()))
            }
            Ask::Load { threads } => self.load(threads),
            Ask::Predict => {
                let loaded = self.loaded.as_mut().ok_or("it was not loaded")?;
                let inputs = values.into_iter().map(input).collect::<Result<_, _>>()?;
                Ok((Told::Predicted, loaded.predict(inputs)?))
            }
            Ask::Time { rows, warmup } => {
                let loaded = self.loaded.as_mut().ok_or("it was not loaded")?;
                Ok((Told::Timed(loaded.time(&values, rows, warmup)?), Vec::new()))
            }
        }
    }

    fn load(&mut self, threads: usize) -> Answer {
        let said = |error: ort::Error| plain(&error.to_string());
        let sandbox = self.close_sandbox();
        let environment = environment(&self.library)?;
        self.before = self.meter.resident();
        let session = Session::builder(&environment)
            .map_err(said)?
            .with_intra_threads(threads)
            .map_err(|error| plain(&error.to_string()))?
            .with_inter_threads(1)
            .map_err(|error| plain(&error.to_string()))?
            .with_optimization_level(GraphOptimizationLevel::All)
            .map_err(|error| plain(&error.to_string()))?
            .commit_from_file(&self.model)
            .map_err(said)?;
        let ports = |outlets: &[ort::value::Outlet]| {
            outlets.iter().map(|outlet| Port { name: outlet.name().to_owned(), kind: kind(outlet.dtype()) }).collect()
        };
        let (inputs, outputs): (Vec<Port>, Vec<Port>) = (ports(session.inputs()), ports(session.outputs()));
        self.loaded = Some(Loaded { session, outputs: outputs.clone() });
        Ok((Told::Loaded { inputs, outputs, sandbox }, Vec::new()))
    }

    /// From here on the process reads the model's files and the libraries, and nothing else.
    #[cfg(target_os = "linux")]
    fn close_sandbox(&mut self) -> Vec<String> {
        let folder = self.model.parent().map(Path::to_owned).unwrap_or_default();
        let beside = self.external.iter().map(|location| folder.join(location));
        let files: Vec<PathBuf> = std::iter::once(self.model.clone()).chain(beside).collect();
        self.sandbox.take().map(|sandbox| sandbox.close(&files)).unwrap_or_default()
    }

    #[cfg(not(target_os = "linux"))]
    fn close_sandbox(&mut self) -> Vec<String> {
        vec!["sandbox: not in force (Linux has one)".to_owned()]
    }
}

type Inputs = Vec<(String, SessionInputValue<'static>)>;

impl Loaded {
    fn predict(&mut self, inputs: Inputs) -> Result<Vec<Output>, String> {
        let answers = self.session.run(inputs).map_err(|error| plain(&error.to_string()))?;
        // By position: two outputs may share a name.
        answers.iter().zip(&self.outputs).map(|((name, value), port)| output(name, &value, port)).collect()
    }

    /// Nanoseconds of each of `rows` predictions of one row.
    fn time(&mut self, values: &[Output], rows: usize, warmup: usize) -> Result<Vec<u64>, String> {
        let there = values.iter().map(rows_of).min().unwrap_or(0);
        if there == 0 {
            return Err("there is no row to predict".into());
        }
        let mut times = Vec::with_capacity(rows);
        for turn in 0..warmup + rows {
            let row = turn % there;
            let inputs: Inputs = values.iter().map(|value| input(one_row(value, row))).collect::<Result<_, _>>()?;
            let start = Instant::now();
            let answers = self.session.run(inputs).map_err(|error| plain(&error.to_string()))?;
            let took = start.elapsed();
            drop(answers);
            if turn >= warmup {
                times.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
            }
        }
        Ok(times)
    }
}

/// The library, loaded once a process.
fn environment(library: &str) -> Result<Environment, String> {
    // What it logs is for its developers; what is wrong comes back as an error.
    let builder =
        ort::init_from(Path::new(library)).map_err(|error| format!("{LIBRARY}{}", plain(&error.to_string())))?;
    let environment = builder.with_telemetry(false).build().map_err(|error| plain(&error.to_string()))?;
    environment.set_log_level(LogLevel::Fatal);
    Ok(environment)
}

/// How a failure begins that is not the model's.
pub const LIBRARY: &str = "ONNX Runtime could not be loaded: ";

fn rows_of(value: &Output) -> usize {
    match value {
        Output::Tensor(tensor) => tensor.shape.first().copied().unwrap_or(0),
        Output::Maps { .. } => 0,
    }
}

fn one_row(value: &Output, row: usize) -> Output {
    fn part<T: Clone>(values: &[T], row: usize, width: usize) -> Vec<T> {
        values[row * width..(row + 1) * width].to_vec()
    }
    let Output::Tensor(tensor) = value else { return value.clone() };
    let width = tensor.shape.get(1).copied().unwrap_or(1);
    let data = match &tensor.data {
        Data::Float32(values) => Data::Float32(part(values, row, width)),
        Data::Float64(values) => Data::Float64(part(values, row, width)),
        Data::Int32(values) => Data::Int32(part(values, row, width)),
        Data::Int64(values) => Data::Int64(part(values, row, width)),
        Data::Boolean(values) => Data::Boolean(part(values, row, width)),
        Data::Text(values) => Data::Text(part(values, row, width)),
    };
    let mut shape = tensor.shape.clone();
    shape[0] = 1;
    Output::Tensor(Tensor { name: tensor.name.clone(), shape, data })
}

fn input(value: Output) -> Result<(String, SessionInputValue<'static>), String> {
    let Output::Tensor(Tensor { name, shape, data }) = value else { return Err("maps are no input".into()) };
    let shape: Vec<i64> = shape.into_iter().map(|size| size as i64).collect();
    let said = |error: ort::Error| plain(&error.to_string());
    let tensor: DynValue = match data {
        Data::Float32(values) => ort::value::Tensor::from_array((shape, values)).map_err(said)?.into_dyn(),
        Data::Float64(values) => ort::value::Tensor::from_array((shape, values)).map_err(said)?.into_dyn(),
        Data::Int32(values) => ort::value::Tensor::from_array((shape, values)).map_err(said)?.into_dyn(),
        Data::Int64(values) => ort::value::Tensor::from_array((shape, values)).map_err(said)?.into_dyn(),
        Data::Boolean(values) => ort::value::Tensor::from_array((shape, values)).map_err(said)?.into_dyn(),
        Data::Text(values) => {
            ort::value::Tensor::from_string_array((shape, values.as_slice())).map_err(said)?.into_dyn()
        }
    };
    Ok((name, SessionInputValue::from(tensor)))
}

fn output(name: &str, value: &DynValue, port: &Port) -> Result<Output, String> {
    match value.dtype() {
        ValueType::Tensor { ty, shape, .. } => tensor(name, value, *ty, shape),
        ValueType::Sequence(inner) => match inner.as_ref() {
            ValueType::Map { key, .. } => maps(name, value, *key),
            _ => Err(format!("its output {name:?} is a sequence, and no prediction")),
        },
        _ => Err(format!("its output {name:?} is {}, and no prediction", said_of(&port.kind))),
    }
}

fn said_of(kind: &PortKind) -> &str {
    match kind {
        PortKind::Tensor { .. } => "a tensor",
        PortKind::Maps => "maps",
        PortKind::Other(what) => what,
    }
}

fn tensor(name: &str, value: &DynValue, element: TensorElementType, shape: &Shape) -> Result<Output, String> {
    let said = |error: ort::Error| plain(&error.to_string());
    macro_rules! values {
        ($type:ty) => {
            value.try_extract_tensor::<$type>().map_err(said)?.1
        };
    }
    let data = match element {
        TensorElementType::Float32 => Data::Float32(values!(f32).to_vec()),
        TensorElementType::Float64 => Data::Float64(values!(f64).to_vec()),
        TensorElementType::Int32 => Data::Int32(values!(i32).to_vec()),
        TensorElementType::Int64 => Data::Int64(values!(i64).to_vec()),
        TensorElementType::Int8 => Data::Int32(values!(i8).iter().map(|value| i32::from(*value)).collect()),
        TensorElementType::Uint8 => Data::Int32(values!(u8).iter().map(|value| i32::from(*value)).collect()),
        TensorElementType::Int16 => Data::Int32(values!(i16).iter().map(|value| i32::from(*value)).collect()),
        TensorElementType::Bool => Data::Boolean(values!(bool).to_vec()),
        TensorElementType::String => Data::Text(value.try_extract_strings().map_err(said)?.1),
        other => return Err(format!("its output {name:?} holds {other}, which mlgate does not read")),
    };
    let shape: Vec<usize> = shape.iter().map(|size| usize::try_from(*size).unwrap_or(0)).collect();
    if shape.iter().product::<usize>() != data.len() {
        return Err(format!("its output {name:?} has {} values, and not as many as its shape says", data.len()));
    }
    Ok(Output::Tensor(Tensor { name: name.to_owned(), shape, data }))
}

/// One number for each row and class; every row has the same classes.
fn maps(name: &str, value: &DynValue, key: TensorElementType) -> Result<Output, String> {
    let said = |error: ort::Error| plain(&error.to_string());
    let rows = value.try_extract_sequence::<DynMapValueType>().map_err(said)?;
    let mut keys: Vec<String> = Vec::new();
    let mut values = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let mut pairs: Vec<(String, f64)> = if key == TensorElementType::String {
            let pairs = row.try_extract_key_values::<String, f32>().map_err(said)?;
            pairs.into_iter().map(|(key, value)| (key, f64::from(value))).collect()
        } else {
            let mut pairs = row.try_extract_key_values::<i64, f32>().map_err(said)?;
            pairs.sort_unstable_by_key(|(key, _)| *key);
            pairs.into_iter().map(|(key, value)| (key.to_string(), f64::from(value))).collect()
        };
        if key == TensorElementType::String {
            pairs.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        }
        if at == 0 {
            keys = pairs.iter().map(|(key, _)| key.clone()).collect();
        } else if !pairs.iter().map(|(key, _)| key).eq(&keys) {
            return Err(format!("its output {name:?} names other classes in row {} than in the first", at + 1));
        }
        values.extend(pairs.into_iter().map(|(_, value)| value));
    }
    Ok(Output::Maps { name: name.to_owned(), keys, values })
}

fn kind(value: &ValueType) -> PortKind {
    match value {
        ValueType::Tensor { ty, shape, .. } => {
            let element = match ty {
                TensorElementType::Float32 => Element::Float32,
                TensorElementType::Float64 => Element::Float64,
                TensorElementType::Int32 => Element::Int32,
                TensorElementType::Int64 => Element::Int64,
                TensorElementType::Bool => Element::Boolean,
                TensorElementType::String => Element::Text,
                other => return PortKind::Other(format!("tensors of {other}")),
            };
            PortKind::Tensor { element, shape: shape.to_vec() }
        }
        ValueType::Sequence(inner) if matches!(inner.as_ref(), ValueType::Map { .. }) => PortKind::Maps,
        other => PortKind::Other(other.to_string()),
    }
}

/// One line, without the library's places in its own source: `/onnxruntime_src/…/arena.cc:360 void* Arena::Allocate(size_t) `.
fn plain(message: &str) -> String {
    let mut said = String::new();
    let mut rest = message;
    while let Some((before, after)) = rest.split_once("/onnxruntime_src/") {
        said.push_str(before);
        rest = after.split_once(") ").map_or("", |(_, rest)| rest);
    }
    said.push_str(rest);
    crate::support::words::cut(&crate::support::words::one_line(&said), 500)
}

/// No core, no files, no more memory than that, and no life after the run.
fn limit(memory: u64, meter: &Meter) {
    let only = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    // What cannot be limited is still watched by the run, which waits only so long.
    let _ = setrlimit(Resource::Core, only(0));
    let _ = setrlimit(Resource::Fsize, only(0));
    let _ = setrlimit(Resource::Data, only(memory.saturating_add(meter.read("VmData:"))));
    // Elsewhere it ends with its standard input, as soon as the model lets it.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
}

/// The process's memory, from `/proc/self/status` (`man 5 proc`), which is opened before the sandbox closes.
struct Meter(Option<File>);

impl Meter {
    fn open() -> Self {
        Self(File::open("/proc/self/status").ok())
    }

    fn peak(&self) -> u64 {
        self.read("VmHWM:")
    }

    fn resident(&self) -> u64 {
        self.read("VmRSS:")
    }

    /// Bytes of a line; 0 where there is none.
    fn read(&self, name: &str) -> u64 {
        let mut text = String::new();
        let Some(mut file) = self.0.as_ref() else { return 0 };
        let is_read = file.rewind().and_then(|()| file.read_to_string(&mut text)).is_ok();
        let line = text.lines().filter(|_| is_read).find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok())
            .map_or(0, |kilobytes| kilobytes * 1024)
    }
}
