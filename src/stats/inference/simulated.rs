//! Seeded draws for the tests that count how often an interval covers.

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

pub struct Draw(Pcg64Mcg);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self(Pcg64Mcg::seed_from_u64(seed))
    }

    /// In [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Standard normal, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// How often `happens`, of so many tries.
pub fn share(tries: u32, mut happens: impl FnMut(&mut Draw) -> bool) -> f64 {
    let mut draw = Draw::new(20_261_125);
    f64::from((0..tries).filter(|_| happens(&mut draw)).count() as u32) / f64::from(tries)
}
