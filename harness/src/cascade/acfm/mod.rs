//! The AC cascade model of Noebels, Preece and Panteli ("AC Cascading Failure Model for Resilience Analysis in Power
//! Networks", IEEE Systems Journal, 2020), to be compared with: generations of solve, judge and trip, without time.
//!
//! Each generation of an island solves its power flow, shares the imbalance, judges the frequency, and only where that is borne lets
//! the relays look: reactive limits, smallest power, under-voltage, overload, all at once. Islands go on alone. The optimal
//! power flow by which the published program gives up demand is replaced by continuation, see `collapse`; what is
//! reproduced and what is not is in `docs/physics/cascade-acfm.md`.

mod balance;
mod collapse;
mod flow;
mod grid;
mod record;
mod relays;
mod settings;
mod table;
mod walk;

pub use record::{Counts, Margins, Status};
pub use settings::Settings;
pub use table::{csv_header, csv_row};

use std::sync::Arc;

use powerflow::{BusId, Column, Network};

use self::flow::Flow;
use self::grid::Grid;
use self::record::Record;
use self::walk::Walk;
use super::{Account, Cascade, Outage};

/// The model on one network. One per thread: it holds the solver's memory.
#[derive(Debug)]
pub struct Acfm {
    settings: Settings,
    network: Arc<Network>,
    flow: Flow,
    before: Grid,
}

/// One cascade, with what the tables of the published program count.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// How it went.
    pub cascade: Cascade,
    /// The last generation in which anything tripped, 0 where nothing did.
    pub depth: u32,
    /// The first generation in which demand was given up for want of a power flow, where there was one: from there on the
    /// published program, which has an optimal power flow, goes its own way.
    pub first_collapse: Option<u32>,
    /// How often each rule acted.
    pub counts: Counts,
    /// How near to its thresholds it came.
    pub margins: Margins,
    /// Power flows of the model, failed ones included; those in search of what demand can stay are not among them.
    pub pf_count: u64,
    /// Whether it came to its end.
    pub status: Status,
    /// Buses that were lost with their island, by their number, with the generation.
    pub buses_lost: Vec<(BusId, u32)>,
}

impl Acfm {
    /// The model on a network.
    pub fn new(network: &Arc<Network>, settings: &Settings) -> Self {
        // A bus whose units hold no voltage in the file may be given one later: the grid says which do.
        let mut holding = Network::clone(network);
        holding.units.regulates = Column::filled(true, holding.units.bus.len());
        let holding = Arc::new(holding);
        let flow = Flow::new(&holding, settings);
        let before = Grid::of(network);
        Acfm { settings: settings.clone(), network: holding, flow, before }
    }

    /// What an outage sets off from the file's operating point.
    pub fn cascade(&mut self, outage: &Outage) -> Run {
        let searched = self.flow.searched;
        let load_mw = |grid: &Grid| grid.demand_mw.as_slice().iter().sum::<f64>();
        let mut walk = Walk {
            settings: &self.settings,
            network: &self.network,
            flow: &mut self.flow,
            grid: self.before.clone(),
            record: Record::default(),
        };
        walk.run(outage);
        let Walk { grid, mut record, .. } = walk;
        let depth = record.depth();
        record.trips.sort_by_key(|trip| (trip.generation, trip.what));
        let account =
            Account { initial_load_mw: load_mw(&self.before), served_mw: load_mw(&grid), shed: record.shed };
        let stopped = (record.status == Status::DepthLimit).then(|| {
            format!("an island went on beyond the depth limit of {}", self.settings.max_recursion_depth)
        });
        Run {
            cascade: Cascade {
                account,
                trips: record.trips,
                solves: record.solves + self.flow.searched - searched,
                rungs: record.rungs,
                numerically_doubtful: record.doubtful,
                stopped,
            },
            depth,
            first_collapse: record.first_collapse,
            counts: record.counts,
            margins: record.margins,
            pf_count: record.solves,
            status: record.status,
            buses_lost: record.buses_lost,
        }
    }
}
