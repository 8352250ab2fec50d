//! A state of a rollout as a record shows it.

use powerflow::security::{Harm, Security};
use powerflow::{Index, Network, Violation};
use reports::StepRecord;
use scenarios::Moment;

use crate::action::Asked;
use crate::cascade::{Cause, Tripped};
use crate::grid::device::Act;
use crate::grid::grant::{Grant, Grants};
use crate::grid::{Grid, Life, Logged, Moved};
use crate::observation::Axis;

/// Number of refusals that a step's record lists.
const REFUSALS_SHOWN: usize = 20;

/// What holds in a grid from `now` on.
pub(super) fn step_record(grid: &Grid, grants: &Grants, now: Moment) -> StepRecord {
    let network = grid.network();
    let unserved = grid.unserved();
    let demand_mw = grid.demand_mw();
    let solution = grid.solution();
    let mut record = StepRecord {
        time_s: now.seconds(),
        vm_pu: network.buses.id.indices().map(|bus| solution.and_then(|s| s.vm_pu(bus))).collect(),
        loading: network
            .branches
            .from
            .indices()
            .map(|branch| {
                let on = solution.is_some() && grid.state().branch_on[branch];
                let rating = grid.rating_pu(branch).filter(|_| on);
                rating.map(|rating| grid.flows().apparent_pu(branch) / rating)
            })
            .collect(),
        out: Some(
            grid.state()
                .branch_on
                .iter()
                .filter(|(_, on)| !**on)
                .map(|(branch, _)| branch.row() as u32)
                .collect(),
        ),
        served_mw: (grid.life() != Life::Unsolved).then(|| demand_mw - unserved.total_mw()),
        demand_mw,
        ..StepRecord::default()
    };
    let size = |quantity: Asked| match quantity.axis() {
        Axis::Scalar => 1,
        Axis::Bus => network.buses.id.len(),
        Axis::Unit => network.units.bus.len(),
        Axis::Branch => network.branches.from.len(),
        Axis::Shunt => network.shunts.bus.len(),
    };
    for grant in &grants.all {
        let id = grant.quantity.id();
        let columns = || vec![None; size(grant.quantity)];
        let at = grant.element as usize;
        record.asked.entry(id.into()).or_insert_with(columns)[at] = Some(grant.asked);
        record.granted.entry(id.into()).or_insert_with(columns)[at] = grant.granted;
        if let Some(reason) = grant.refusal
            && record.refused.len() < REFUSALS_SHOWN
        {
            record.refused.push((element_in_words(grid, grant), reason.id().into(), 1));
        }
    }
    if let Some(solution) = solution {
        let base = network.base;
        if !solution.at_limit.is_empty() {
            let first: Vec<String> =
                solution.at_limit.iter().take(6).map(|(bus, _)| network.buses.id[*bus].to_string()).collect();
            let more = solution.at_limit.len().saturating_sub(6);
            record.notes.push(format!(
                "{} buses at a reactive limit: {}{}",
                solution.at_limit.len(),
                first.join(", "),
                if more > 0 { format!(" and {more} more") } else { String::new() }
            ));
        }
        if !solution.unsettled.is_empty() {
            record.notes.push(format!(
                "{} buses turned between reactive limit and set-point without settling",
                solution.unsettled.len()
            ));
        }
        let dead = solution.status.iter().filter(|(_, s)| **s == powerflow::BusStatus::Dead).count();
        if dead > 0 {
            let buses = if dead == 1 { "1 bus is".to_owned() } else { format!("{dead} buses are") };
            record.notes.push(format!("{buses} dead, {:.1} MW not served", unserved.total_mw()));
        }
        if solution.unmet_pu() > 0.0 {
            record.notes.push(format!("{:.1} MW unmet balance", base.from_pu(solution.unmet_pu())));
        }
    }
    if let Some(divergence) = grid.divergence() {
        record.notes.push(divergence.to_string());
    }
    record
}

/// What the loss of one branch would do, in words; `None` where it would do no harm.
pub(super) fn insecurity(network: &Network, security: &Security) -> Option<String> {
    let (branch, harm) = security.insecure.first()?;
    let mw = |pu: f64| network.base.from_pu(pu);
    let harm = match *harm {
        Harm::NoSolution => "no solution".to_owned(),
        Harm::LostDemand(pu) => format!("{:.1} MW of demand without voltage", mw(pu)),
        Harm::Unmet(pu) => format!("{:.1} MW unmet balance", mw(pu)),
        Harm::Broken(Violation::Overload(other, loading)) => {
            format!("{} at {:.0} % of its rating", network.branch_name(other), 100.0 * loading)
        }
        Harm::Broken(Violation::LowVoltage(bus, pu) | Violation::HighVoltage(bus, pu)) => {
            format!("bus {} at {pu:.4} pu", network.buses.id[bus])
        }
    };
    let more = security.insecure.len() - 1;
    let more = if more > 0 { format!("; so would the loss of {more} others") } else { String::new() };
    Some(format!("not N-1 secure: the loss of {} would leave {harm}{more}", network.branch_name(*branch)))
}

fn element_in_words(grid: &Grid, grant: &Grant) -> String {
    let network = grid.network();
    let row = grant.element as usize;
    match grant.quantity.axis() {
        Axis::Unit => network.unit_name(powerflow::UnitIdx::from_row(row)),
        Axis::Branch => network.branch_name(powerflow::BranchIdx::from_row(row)),
        Axis::Bus => format!("bus {}", network.buses.id[powerflow::BusIdx::from_row(row)]),
        Axis::Shunt => {
            let bus = network.shunts.bus[powerflow::ShuntIdx::from_row(row)];
            format!("shunt {} at bus {}", row + 1, network.buses.id[bus])
        }
        Axis::Scalar => grant.quantity.id().into(),
    }
}

/// What happened by itself, for people: what, why, and what it cost.
pub(super) fn in_words(network: &Network, logged: &Logged) -> String {
    let trip = &logged.trip;
    let what = element_name(network, trip.what);
    let happened = match trip.what {
        Tripped::Unit(_) if trip.cause == Cause::MomentaryCessation => format!("{what} stops its current"),
        Tripped::Branch(_) | Tripped::Unit(_) => format!("{what} trips"),
        Tripped::Bus(_) if trip.lost_mw > 0.0 => format!("{what} loses {:.1} MW", trip.lost_mw),
        Tripped::Bus(_) => what,
    };
    let cause = trip.cause.id().replace('_', " ");
    match (trip.value, trip.limit) {
        (Some(value), Some(limit)) => format!("{happened}: {cause}, {value:.4} against {limit:.4}"),
        _ => format!("{happened}: {cause}"),
    }
}

/// What a control moved, for people.
pub(super) fn move_in_words(network: &Network, moved: &Moved) -> String {
    let (from, to) = (moved.from, moved.to);
    match moved.act {
        Act::Tap(branch, _) => {
            format!("the tap changer of {} moves from {from:.4} to {to:.4}", network.branch_name(branch))
        }
        Act::ShuntStep(shunt, _) => {
            let bus = network.buses.id[network.shunts.bus[shunt]];
            format!("shunt {} at bus {bus} switches from step {from} to {to}", shunt.row() + 1)
        }
        Act::Resume(unit) => format!("{} is back", network.unit_name(unit)),
        other => format!("{other:?}"),
    }
}

/// An element as people name it.
pub(super) fn element_name(network: &Network, what: Tripped) -> String {
    match what {
        Tripped::Branch(branch) => network.branch_name(branch),
        Tripped::Unit(unit) => network.unit_name(unit),
        Tripped::Bus(bus) => format!("bus {}", network.buses.id[bus]),
    }
}
