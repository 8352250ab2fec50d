//! The flaws: each spoils a sound candidate in one way, by what it sees or by what it asks.

use std::sync::Arc;

use harness::action::{Asked, AskedTensor, Task};
use harness::candidate::{Candidate, Cause, Decisions, Failure, Source};
use harness::observation::{Observations, Observed, Tensor};
use powerflow::Diagnostics;
use reports::{CandidateRecord, Digest};

macro_rules! flaws {
    ($($(#[$doc:meta])* $flaw:ident,)+) => {
        /// One way to be wrong.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub(crate) enum Flaw { $($(#[$doc])* $flaw),+ }

        impl Flaw {
            /// All of them.
            const LIST: &'static [Flaw] = &[$(Flaw::$flaw),+];
        }
    };
}

flaws! {
    /// Moves every set-point the other way.
    SignFlip,
    /// Moves ten times as far.
    TooKeen,
    /// Moves a twentieth as far: does no harm, and no good.
    TooTimid,
    /// What is meant for one unit goes to the next.
    UnitsShifted,
    /// Asks in another unit: power in pu where MW are expected, voltage in kV.
    OutputUnits,
    /// Once it moves a unit, it moves it as far as it goes.
    Saturates,
    /// Asks for what it means at every even step, and for the opposite at every odd one.
    Hunts,
    /// Asks for a number that is none where the demand is high.
    NanInARegion,
    /// Throws an exception in one step of two hundred.
    Crashes,
    /// Adds a bias to everything it asks.
    Biased,
    /// Only the first unit of those it means.
    OneUnitOnly,
    /// Asks at random within the range it knows.
    Random,
    /// Adds the same correction again at every step, alarm or not.
    WindsUp,
    /// Rounds what it asks to what its own format holds.
    Coarse,
    /// Takes every unit down by a tenth and lets the others carry it.
    LeansOnTheSlack,
    /// Takes the most loaded branch out of service.
    OpensTheLine,
    /// Remembers what it asked in the last episode.
    Remembers,
    /// Draws from a clock instead of its seed.
    Unrepeatable,
    /// Sees what was there when the episode began, for ever.
    StaleForEver,
    /// Sees what was there five steps ago.
    Late,
    /// Sees the buses in another order.
    BusesShifted,
    /// Sees the branches in another order.
    BranchesShifted,
    /// Sees nothing wrong in one half of the grid.
    HalfBlind,
    /// Sees voltages on another base: 5 % higher than they are.
    WrongBase,
    /// Sees loadings of the emergency rating, and thinks that they are of the long-term one.
    WrongRating,
    /// Sees every branch in service, whatever is out.
    OneTopology,
    /// Does not see which way power flows.
    NoDirection,
    /// Sees in per unit what it was trained on in MW.
    InputUnits,
    /// Sees noise on every measurement.
    Noisy,
}

impl Flaw {
    /// Whether it can show in a task at all.
    fn shows_in(self, task: Task) -> bool {
        match self {
            Flaw::BranchesShifted
            | Flaw::WrongRating
            | Flaw::NoDirection
            | Flaw::InputUnits
            | Flaw::LeansOnTheSlack
            | Flaw::OpensTheLine => task == Task::Redispatch,
            Flaw::BusesShifted | Flaw::WrongBase => task == Task::VoltVar,
            _ => true,
        }
    }

    /// All of them that can show in a task.
    pub(crate) fn of(task: Task) -> impl Iterator<Item = Flaw> {
        Flaw::LIST.iter().copied().filter(move |flaw| flaw.shows_in(task))
    }
}

/// A sound candidate with a flaw.
pub(crate) struct Flawed {
    /// What it would be without.
    pub(crate) sound: Arc<dyn Source>,
    /// The flaw.
    pub(crate) flaw: Flaw,
}

impl Source for Flawed {
    fn record(&self) -> CandidateRecord {
        let sound = self.sound.record();
        let name = format!("{:?}", self.flaw);
        CandidateRecord { digest: Digest::of(format!("{} {name}", sound.digest.sha256)), name, ..sound }
    }

    fn start(&self) -> Result<Box<dyn Candidate>, Diagnostics> {
        let seeds = std::hash::RandomState::new();
        let chance = std::hash::BuildHasher::hash_one(&seeds, 0);
        Ok(Box::new(Spoiled {
            sound: self.sound.start()?,
            voltage: self.sound.record().task == Task::VoltVar.id(),
            flaw: self.flaw,
            rows: Vec::new(),
            chance,
            calls: 0,
        }))
    }

    fn batched(&self) -> bool {
        true
    }
}

/// What a flawed candidate keeps of one row.
#[derive(Clone, Default)]
struct Memory {
    seed: u64,
    /// What was seen so far, the oldest first; as many as are needed.
    seen: Vec<Vec<Vec<f64>>>,
    step: u32,
}

struct Spoiled {
    sound: Box<dyn Candidate>,
    /// Whether it sets voltages; powers otherwise.
    voltage: bool,
    flaw: Flaw,
    rows: Vec<Memory>,
    /// Differs from instance to instance.
    chance: u64,
    calls: u64,
}

/// A number in [0, 1) of a seed and a place.
fn draw(seed: u64, place: u64) -> f64 {
    let mut z = seed.wrapping_add(place.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

impl Spoiled {
    fn spoil_sight(&mut self, seen: &mut Observations) {
        let flaw = self.flaw;
        let turn = |tensor: &mut Tensor| {
            for row in 0..tensor.rows {
                tensor.row_mut(row).rotate_right(1);
            }
        };
        let each = |tensor: &mut Tensor, change: &dyn Fn(usize, f64) -> f64| {
            let cols = tensor.cols.max(1);
            for (at, value) in tensor.data.iter_mut().enumerate() {
                *value = change(at % cols, *value);
            }
        };
        let mut of =
            |quantity: Observed, change: &dyn Fn(&mut Tensor)| change(&mut seen.tensors[quantity as usize]);
        match flaw {
            Flaw::BusesShifted => {
                of(Observed::BusVm, &turn);
                of(Observed::BusVa, &turn);
            }
            Flaw::BranchesShifted => {
                of(Observed::BranchLoading, &turn);
                of(Observed::BranchPFrom, &turn);
                of(Observed::BranchQFrom, &turn);
            }
            Flaw::HalfBlind => {
                of(Observed::BusVm, &|t| {
                    let half = t.cols / 2;
                    each(t, &|at, v| if at < half { 1.0 } else { v });
                });
                of(Observed::BranchLoading, &|t| {
                    let half = t.cols / 2;
                    each(t, &|at, v| if at < half { 0.0 } else { v });
                });
            }
            Flaw::WrongBase => of(Observed::BusVm, &|t| each(t, &|_, v| 1.05 * v)),
            Flaw::WrongRating => of(Observed::BranchLoading, &|t| each(t, &|_, v| 0.7 * v)),
            Flaw::OneTopology => {
                of(Observed::BranchStatus, &|t| each(t, &|_, _| 1.0));
            }
            Flaw::NoDirection => of(Observed::BranchPFrom, &|t| each(t, &|_, v| v.abs())),
            Flaw::InputUnits => {
                for quantity in [Observed::UnitP, Observed::UnitPSet, Observed::UnitPMin, Observed::UnitPMax]
                {
                    of(quantity, &|t| each(t, &|_, v| 0.01 * v));
                }
            }
            Flaw::Noisy => {
                for quantity in [Observed::BusVm, Observed::BranchLoading] {
                    let tensor = &mut seen.tensors[quantity as usize];
                    for row in 0..tensor.rows {
                        let (seed, step) =
                            self.rows.get(row).map_or((0, 0), |memory| (memory.seed, memory.step));
                        let place = u64::from(step) << 20;
                        for (at, value) in tensor.row_mut(row).iter_mut().enumerate() {
                            *value *= 1.0 + 0.1 * (draw(seed, place + at as u64) - 0.5);
                        }
                    }
                }
            }
            Flaw::StaleForEver | Flaw::Late => {
                let kept = if flaw == Flaw::Late { 6 } else { 1 };
                for (row, memory) in self.rows.iter_mut().enumerate().take(seen.rows) {
                    let now = || seen.tensors.iter().map(|tensor| tensor.row(row).to_vec()).collect();
                    if memory.seen.len() < kept || flaw == Flaw::Late {
                        memory.seen.push(now());
                    }
                    if memory.seen.len() > kept {
                        memory.seen.remove(0);
                    }
                    // Its own clock runs on.
                    let clock = Observed::TimeS as usize;
                    let old = memory.seen[0].iter().enumerate().filter(|(quantity, _)| *quantity != clock);
                    for (quantity, old) in old {
                        seen.tensors[quantity].row_mut(row).copy_from_slice(old);
                    }
                }
            }
            _ => {}
        }
    }

    fn spoil_wish(&mut self, seen: &Observations, wish: &mut Decisions) {
        let flaw = self.flaw;
        let (asked, observed, scale) = match self.voltage {
            true => (Asked::UnitVSet, Observed::UnitVSet, 0.01),
            false => (Asked::UnitPSet, Observed::UnitPSet, 10.0),
        };
        let now = seen.of(observed);
        if matches!(flaw, Flaw::LeansOnTheSlack | Flaw::Biased | Flaw::Random) {
            // About every unit, in every row, whatever the others in the batch ask.
            let mut values = now.clone();
            for tensor in &wish.asked {
                for row in 0..seen.rows {
                    tensor.row(row).for_each(|(unit, value)| values.row_mut(row)[unit as usize] = value);
                }
            }
            let elements = (0..now.cols as u32).collect();
            wish.asked = vec![AskedTensor { quantity: asked, elements, values, given: None }];
        }
        if flaw == Flaw::OpensTheLine {
            let loading = seen.of(Observed::BranchLoading);
            let mut values = seen.of(Observed::BranchStatus).clone();
            let mut given = vec![false; values.data.len()];
            for row in 0..seen.rows {
                let worst = loading.row(row).iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
                if let Some((at, _)) = worst.filter(|(_, loading)| **loading > 1.0) {
                    values.row_mut(row)[at] = 0.0;
                    given[row * loading.cols + at] = true;
                }
            }
            let elements = (0..values.cols as u32).collect();
            wish.asked =
                vec![AskedTensor { quantity: Asked::BranchStatus, elements, values, given: Some(given) }];
            return;
        }
        for tensor in &mut wish.asked {
            let cols = tensor.values.cols;
            for row in 0..tensor.values.rows {
                let memory = self.rows.get(row).cloned().unwrap_or_default();
                let place = u64::from(memory.step) << 20;
                let given = tensor.given.as_mut().map(|given| &mut given[row * cols..(row + 1) * cols]);
                let values = tensor.values.row_mut(row);
                let was = now.row(row).to_vec();
                match flaw {
                    Flaw::UnitsShifted => {
                        values.rotate_right(1);
                        if let Some(given) = given {
                            given.rotate_right(1);
                        }
                    }
                    Flaw::OneUnitOnly => {
                        if let Some(given) = given {
                            let first = given.iter().position(|is| *is);
                            given.iter_mut().enumerate().for_each(|(at, is)| *is = first == Some(at));
                        }
                    }
                    Flaw::NanInARegion => {
                        let demand_mw: f64 = seen.of(Observed::BusPd).row(row).iter().sum();
                        if demand_mw > 4500.0 {
                            wish.failed[row] = Some(Failure {
                                cause: Cause::NotFinite,
                                message: format!("NaN at {demand_mw:.0} MW"),
                            });
                        }
                    }
                    _ => {
                        for (at, value) in values.iter_mut().enumerate() {
                            let by = *value - was[at];
                            *value = match flaw {
                                Flaw::SignFlip => was[at] - by,
                                Flaw::TooKeen => 10.0f64.mul_add(by, was[at]),
                                Flaw::TooTimid => 0.05f64.mul_add(by, was[at]),
                                Flaw::OutputUnits if self.voltage => 138.0 * *value,
                                Flaw::OutputUnits => 0.01 * *value,
                                Flaw::Saturates if by != 0.0 => was[at] + by.signum() * 1e4,
                                Flaw::Hunts if memory.step % 2 == 1 => was[at] - by - scale,
                                Flaw::Hunts => *value + scale,
                                Flaw::Biased => *value + scale,
                                Flaw::Random => {
                                    was[at] + 5.0 * scale * (draw(memory.seed, place + at as u64) - 0.5)
                                }
                                Flaw::Unrepeatable => {
                                    let any = self.chance ^ self.calls;
                                    *value + scale * (draw(any, place + at as u64) - 0.5)
                                }
                                Flaw::WindsUp => *value + by + 0.2 * scale * f64::from(memory.step),
                                Flaw::Coarse => (*value / (10.0 * scale)).round() * 10.0 * scale,
                                Flaw::LeansOnTheSlack => 0.9 * *value,
                                Flaw::Remembers => *value + 1e-3 * scale * self.calls as f64,
                                _ => *value,
                            };
                        }
                    }
                }
            }
        }
        if flaw == Flaw::Crashes {
            for row in 0..seen.rows {
                let memory = self.rows.get(row).cloned().unwrap_or_default();
                if draw(memory.seed, u64::from(memory.step)) < 0.005 {
                    let message = "index out of range".to_owned();
                    wish.failed[row] = Some(Failure { cause: Cause::Exception, message });
                }
            }
        }
    }
}

impl Candidate for Spoiled {
    fn reset(&mut self, seeds: &[u64]) {
        self.rows = seeds.iter().map(|seed| Memory { seed: *seed, ..Memory::default() }).collect();
        self.sound.reset(seeds);
    }

    fn decide_batch(&mut self, seen: &Observations) -> Decisions {
        let mut sight = seen.clone();
        self.rows.resize(self.rows.len().max(seen.rows), Memory::default());
        self.spoil_sight(&mut sight);
        let mut wish = self.sound.decide_batch(&sight);
        self.spoil_wish(seen, &mut wish);
        self.calls += 1;
        for memory in &mut self.rows {
            memory.step += 1;
        }
        wish
    }
}
