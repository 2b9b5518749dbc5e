//! What a model's outputs mean: classes, their scores, numbers.

mod orders;
mod reading;

pub use reading::{Known, Reader};

pub use crate::data::answer::{Labels, Predicted, usual_positive};
