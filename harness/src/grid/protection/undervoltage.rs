//! Under-voltage load shedding: definite-time stages at every bus with demand, each once, timers that reset when the voltage
//! recovers.

use std::sync::Arc;

use powerflow::{BusIdx, Network};
use scenarios::Moment;

use crate::cascade::Cause;
use crate::grid::device::{Act, Device, Operation, Seen, Timers};

/// Stages at most: they are counted in the bits of a byte.
pub const STAGES_MAX: usize = 8;

/// One stage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// It picks up below this magnitude, pu.
    pub below_pu: f64,
    /// And operates after so long, s.
    pub delay_s: f64,
    /// Share of the demand that the bus wants.
    pub share: f64,
}

/// Settings of all under-voltage relays: the stages that every bus with demand has, at most [`STAGES_MAX`].
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// In the order of their use.
    pub stages: Vec<Stage>,
}

impl Default for Settings {
    /// Source: C. W. Taylor, "Concepts of undervoltage load shedding for voltage stability", IEEE Trans. Power Delivery 7(2),
    /// 1992. NERC PRC-010 requires coordination and fixes no settings.
    fn default() -> Self {
        let stage = |below_pu, delay_s| Stage { below_pu, delay_s, share: 0.05 };
        Settings { stages: vec![stage(0.90, 3.5), stage(0.92, 5.0), stage(0.92, 8.0)] }
    }
}

/// The relays of a network: one at every bus with demand in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Elements {
    settings: Settings,
    buses: Vec<BusIdx>,
    /// Square of the highest threshold.
    highest_squared: f64,
    /// Places of buses that had picked up before anything happened.
    blocked: Vec<u32>,
}

impl Elements {
    /// The relays of a network, none blocked.
    pub fn new(network: &Network, settings: Settings) -> Self {
        let demand = &network.buses.demand_p_pu;
        let buses = demand.iter().filter(|(_, p)| **p > 0.0).map(|(bus, _)| bus).collect();
        let highest = settings.stages.iter().map(|stage| stage.below_pu).fold(0.0, f64::max);
        Elements { settings, buses, highest_squared: highest * highest, blocked: Vec::new() }
    }

    /// Blocks what has picked up in a state, and names it.
    pub fn block(&mut self, seen: &Seen<'_>) -> Vec<BusIdx> {
        let low = |(place, bus): (usize, &BusIdx)| self.low(seen, *bus).map(|_| place as u32);
        self.blocked = self.buses.iter().enumerate().filter_map(low).collect();
        self.blocked.iter().map(|place| self.buses[*place as usize]).collect()
    }

    /// The magnitude of a live bus below the highest threshold, pu.
    fn low(&self, seen: &Seen<'_>, bus: BusIdx) -> Option<f64> {
        let v = seen.solution.voltage(bus)?;
        let squared = v.re * v.re + v.im * v.im;
        (squared < self.highest_squared && !seen.is_unsettled(bus)).then(|| squared.sqrt())
    }

    /// These relays, at rest.
    pub fn relays(self: &Arc<Self>) -> Undervoltage {
        Undervoltage {
            blocked: self.blocked.clone(),
            elements: Arc::clone(self),
            timers: Timers::default(),
            used: Vec::new(),
            low: Vec::new(),
        }
    }
}

/// The under-voltage relays of one grid.
#[derive(Clone, Debug)]
pub struct Undervoltage {
    elements: Arc<Elements>,
    timers: Timers,
    /// Stages that have operated, a bit each, by place; empty until one has.
    used: Vec<u8>,
    low: Vec<(u32, f64)>,
    blocked: Vec<u32>,
}

impl Device for Undervoltage {
    fn look(&mut self, seen: &Seen<'_>) {
        let Undervoltage { elements, timers, used, low, blocked } = self;
        low.clear();
        for (place, bus) in (0u32..).zip(&elements.buses) {
            let seen_low = elements.low(seen, *bus);
            if !blocked.is_empty()
                && let Ok(at) = blocked.binary_search(&place)
            {
                if seen_low.is_some() {
                    continue;
                }
                blocked.remove(at);
            }
            low.extend(seen_low.map(|vm_pu| (place, vm_pu)));
        }
        let stages = &elements.settings.stages;
        let picked = low.iter().flat_map(|&(place, vm_pu)| {
            let used = used.get(place as usize).copied().unwrap_or(0);
            stages.iter().enumerate().filter_map(move |(number, stage)| {
                let free = used & (1 << number) == 0;
                let key = place * STAGES_MAX as u32 + number as u32;
                (free && vm_pu < stage.below_pu).then_some((key, stage.delay_s, vm_pu))
            })
        });
        timers.pick_up(seen.now, picked);
    }

    fn next(&self) -> Option<Moment> {
        self.timers.next()
    }

    fn act(&mut self, now: Moment, asked: &mut Vec<Operation>) {
        let Undervoltage { elements, timers, used, .. } = self;
        timers.due(now, |timer| {
            let (place, number) = (timer.key as usize / STAGES_MAX, timer.key as usize % STAGES_MAX);
            let (stage, bus) = (elements.settings.stages[number], elements.buses[place]);
            used.resize(elements.buses.len(), 0);
            used[place] |= 1 << number;
            asked.push(Operation {
                act: Act::Shed(bus, stage.share),
                cause: Cause::Uvls,
                value: Some(timer.value),
                limit: Some(stage.below_pu),
            });
        });
    }
}
