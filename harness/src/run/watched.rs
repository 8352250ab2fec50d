//! A candidate that is watched: what the first row shows each time that it is asked is written down.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use powerflow::{BranchIdx, Diagnostics, Index, Network, ShuntIdx, UnitIdx};
use reports::CandidateRecord;
use reports::playback::SeenRecord;

use crate::action::Asked;
use crate::candidate::{Candidate, Decisions, Source};
use crate::observation::{Axis, Observations, Observed};

/// What was seen, in order of time.
type Seen = Arc<Mutex<Vec<SeenRecord>>>;

/// Makes watched instances of another source; they write into one list.
pub(super) struct Watched {
    inner: Arc<dyn Source>,
    rated: Arc<Vec<bool>>,
    seen: Seen,
}

impl Watched {
    pub(super) fn new(inner: &Arc<dyn Source>, network: &Network) -> Self {
        let rated = network.branches.rating_pu.iter().map(|(_, rating)| rating.is_some()).collect();
        Watched { inner: Arc::clone(inner), rated: Arc::new(rated), seen: Seen::default() }
    }

    /// What was seen since it was last asked for this.
    pub(super) fn take(&self) -> Vec<SeenRecord> {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Source for Watched {
    fn record(&self) -> CandidateRecord {
        self.inner.record()
    }

    fn start(&self) -> Result<Box<dyn Candidate>, Diagnostics> {
        let inner = self.inner.start()?;
        Ok(Box::new(Watching { inner, rated: Arc::clone(&self.rated), seen: Arc::clone(&self.seen) }))
    }

    fn batched(&self) -> bool {
        self.inner.batched()
    }
}

struct Watching {
    inner: Box<dyn Candidate>,
    rated: Arc<Vec<bool>>,
    seen: Seen,
}

impl Candidate for Watching {
    fn reset(&mut self, seeds: &[u64]) {
        self.inner.reset(seeds);
    }

    fn decide_batch(&mut self, seen: &Observations) -> Decisions {
        if seen.alive.first() == Some(&true) {
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(record(seen, &self.rated));
        }
        self.inner.decide_batch(seen)
    }
}

/// The first row as a record has it.
fn record(seen: &Observations, rated: &[bool]) -> SeenRecord {
    let of = |quantity: Observed| seen.of(quantity).row(0);
    let first = |quantity: Observed| of(quantity).first().copied().unwrap_or(0.0);
    let energised: Vec<bool> = of(Observed::BusEnergised).iter().map(|live| *live > 0.0).collect();
    let live = |values: &[f64]| -> Vec<Option<f64>> {
        values.iter().zip(&energised).map(|(value, live)| live.then_some(*value)).collect()
    };
    let connected: Vec<bool> = of(Observed::BranchStatus).iter().map(|status| *status > 0.0).collect();
    let loading = of(Observed::BranchLoading).iter().zip(&connected).zip(rated);
    let frequency = live(of(Observed::Frequency)).into_iter().flatten();
    let holds = Asked::LIST.iter().filter_map(|asked| {
        let shown = match asked {
            Asked::UnitVSet => Observed::UnitVSet,
            Asked::UnitPSet => Observed::UnitPSet,
            Asked::BranchTap => Observed::BranchTap,
            Asked::ShuntStep => Observed::ShuntStep,
            Asked::BranchStatus => Observed::BranchStatus,
            // What has been shed is not observed.
            Asked::LoadShed => return None,
        };
        Some((asked.id().to_owned(), of(shown).to_vec()))
    });
    SeenRecord {
        time_s: first(Observed::TimeS),
        age_s: first(Observed::Age),
        vm_pu: live(of(Observed::BusVm)),
        loading: loading.map(|((share, on), rated)| (*on && *rated).then_some(*share)).collect(),
        out: (0..).zip(&connected).filter(|(_, on)| !**on).map(|(row, _)| row).collect(),
        demand_mw: of(Observed::BusPd).iter().map(|mw| mw.max(0.0)).sum(),
        frequency_hz: frequency.fold(None, |range: Option<(f64, f64)>, hz| match range {
            None => Some((hz, hz)),
            Some((low, high)) => Some((low.min(hz), high.max(hz))),
        }),
        holds: holds.collect(),
    }
}

/// Names of the elements that something can be asked of, by quantity.
pub(super) fn elements(network: &Network) -> BTreeMap<String, Vec<String>> {
    let names = |asked: &Asked| -> Vec<String> {
        match asked.axis() {
            Axis::Unit => {
                (0..network.units.bus.len()).map(|row| network.unit_name(UnitIdx::from_row(row))).collect()
            }
            Axis::Branch => {
                let branches = 0..network.branches.from.len();
                branches.map(|row| network.branch_name(BranchIdx::from_row(row))).collect()
            }
            Axis::Bus => network.buses.id.iter().map(|(_, id)| format!("bus {id}")).collect(),
            Axis::Shunt => (0..network.shunts.bus.len())
                .map(|row| {
                    let bus = network.shunts.bus[ShuntIdx::from_row(row)];
                    format!("shunt {} at bus {}", row + 1, network.buses.id[bus])
                })
                .collect(),
            Axis::Scalar => Vec::new(),
        }
    };
    Asked::LIST.iter().map(|asked| (asked.id().to_owned(), names(asked))).collect()
}
