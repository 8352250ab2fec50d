//! Frequencies that move in the loop: against the closed form of the reheat model, through trips, splits, closures and shedding.
//!
//! Lowest points and trip times are those of the table `ffr_latency.csv` (exact superposition of step responses): H 2.5, D 1, R 0.05, F_H 0.2,
//! T_R 10, K_m 0.95 and a loss of 0.12 with 0.08 against it, and H 4, F_H 0.3, T_R 8, a loss of 0.10 with 0.05.

use std::sync::Arc;

use harness::Cohort;
use harness::action::{Asked, AskedTensor};
use harness::candidate::{Candidate, Decisions};
use harness::live::{LoopConfig, live};
use harness::observation::{Observations, Observed, Tensor};
use harness::run::{Contender, Prepared, prepare};
use harness::trajectory::Trajectory;
use powerflow::{BranchIdx, Diagnostics, Index, Solver, UnitIdx};
use reports::EpisodeRecord;
use scenarios::{Event, Moment, Scenario, TimedEvent};

const NADIR_HZ: f64 = 0.002;
const TRIP_S: f64 = 0.005;

/// Demand at bus 3, a governed unit at bus 1, an infeed at bus 2, a battery at bus 4; no losses.
fn island(lost_mw: f64) -> String {
    let steam_mw = 100.0 - lost_mw;
    format!(
        "function mpc = island\nmpc.version = '2';\nmpc.baseMVA = 100;\nmpc.bus = [\n\
         1 3 0 0 0 0 1 1 0 110 1 1.1 0.9;\n2 2 0 0 0 0 1 1 0 110 1 1.1 0.9;\n\
         3 1 100 0 0 0 1 1 0 110 1 1.1 0.9;\n4 2 0 0 0 0 1 1 0 110 1 1.1 0.9;\n];\nmpc.gen = [\n\
         1 {steam_mw} 0 100 -100 1 100 1 200 0;\n2 {lost_mw} 0 20 -20 1 100 1 20 0;\n4 0 0 20 -20 1 100 1 10 -10;\n];\n\
         mpc.branch = [\n1 3 0 0.05 0 0 0 0 0 0 1 -360 360;\n2 3 0 0.05 0 0 0 0 0 0 1 -360 360;\n\
         4 3 0 0.05 0 0 0 0 0 0 1 -360 360;\n];\n"
    )
}

/// The governed unit of the table.
fn reheat(inertia_s: f64, share: f64, reheat_s: f64) -> String {
    format!(
        "[[frequency.unit]]\nrow = 1\ntechnology = \"steam\"\nrating_mva = 100\ninertia_s = {inertia_s}\ngovernor = \"reheat\"\n\
         droop_pu = 0.05\nhigh_pressure_share = {share}\nreheat_s = {reheat_s}\ngain_pu = 0.95\ndeadband_hz = 0\ngoverned_share = 1\n\
         [[frequency.unit]]\nrow = 2\ntechnology = \"inverter\"\n"
    )
}

const BATTERY: &str = "[[frequency.unit]]\nrow = 3\nfast = {}\n";
const NO_RELAYS: &str = "[protection]\nengine = \"none\"\n";
/// One stage, of relays and breakers that act at once.
const ONE_STAGE: &str = "[protection.overload]\non = false\n[protection.frequency]\n\
     stage = [{ below_hz = 59.5, delay_s = 0.3, share = 0.07 }]\n\
     [frequency]\nrelay_window_s = 0\nbreaker_s = 0\n";

fn try_prepared(grid: &str, step_s: f64, steps: u32, tables: &str) -> Result<Prepared, Diagnostics> {
    let folder = tempfile::tempdir().expect("a folder");
    let suite = format!(
        "schema = \"gridgate/suite/1\"\nname = \"f\"\nseed = 1\ngrid = \"grid.m\"\n[loop]\ntask = \"frequency_response\"\n\
         step_s = {step_s}\nsteps = {steps}\n{tables}[[population]]\nid = \"p\"\nhazards = []\nsize_max = 1\n"
    );
    std::fs::write(folder.path().join("grid.m"), grid).expect("a file");
    std::fs::write(folder.path().join("suite.toml"), suite).expect("a file");
    prepare(&folder.path().join("suite.toml"), Contender::Named("do_nothing".into()))
}

fn prepared(grid: &str, step_s: f64, steps: u32, tables: &str) -> Prepared {
    try_prepared(grid, step_s, steps, tables).unwrap_or_else(|wrong| panic!("{wrong}"))
}

struct Scripted<F: FnMut(&Observations) -> Option<(Asked, u32, f64)>>(F);

impl<F: FnMut(&Observations) -> Option<(Asked, u32, f64)>> Candidate for Scripted<F> {
    fn reset(&mut self, _seeds: &[u64]) {}

    fn decide_batch(&mut self, seen: &Observations) -> Decisions {
        let mut decisions = Decisions::none(seen.rows);
        if let Some((quantity, element, value)) = (self.0)(seen) {
            let values = Tensor { rows: seen.rows, cols: 1, data: vec![value; seen.rows] };
            decisions.asked.push(AskedTensor { quantity, elements: vec![element], values, given: None });
        }
        decisions
    }
}

fn nobody() -> Scripted<impl FnMut(&Observations) -> Option<(Asked, u32, f64)>> {
    Scripted(|_: &Observations| None)
}

fn scenario(events: Vec<(f64, Event)>) -> Arc<Scenario> {
    let at = |(at, event)| TimedEvent { at: Moment::from_seconds(at), event };
    let timeline = events.into_iter().map(at).collect();
    Arc::new(Scenario { population: "p".into(), index: 0, timeline, log_likelihood: None })
}

fn lives_all(
    prepared: &Prepared,
    config: &LoopConfig,
    all: Vec<Arc<Scenario>>,
    candidate: &mut dyn Candidate,
) -> Vec<Trajectory> {
    let mut solver = Solver::new(&prepared.network);
    let (count, drawn) = (all.len(), all.into_iter().map(|scenario| (scenario, 1)).collect());
    let mut cohort = Cohort::new(&mut solver, config, "candidate", drawn, count, true);
    live(&mut cohort, candidate)
}

fn lives(prepared: &Prepared, events: Vec<(f64, Event)>, candidate: &mut dyn Candidate) -> EpisodeRecord {
    let lived = lives_all(prepared, &prepared.config, vec![scenario(events)], candidate).pop();
    lived.and_then(|lived| lived.record).expect("a recorded rollout")
}

fn unit_out(row: usize) -> Event {
    Event::UnitOut { unit: UnitIdx::from_row(row - 1) }
}

fn branch_out(row: usize) -> Event {
    Event::BranchOut { branch: BranchIdx::from_row(row - 1) }
}

fn metric(record: &EpisodeRecord, id: &str) -> f64 {
    record.metrics.get(id).copied().flatten().unwrap_or_else(|| panic!("no {id}: {:?}", record.metrics))
}

fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} is not {b}");
}

/// A loss at 1 s of steps that are far longer than what happens in them.
#[test]
fn the_loop_falls_as_deep_as_the_closed_form() {
    for (h, share, reheat_s, lost, nadir_hz, at_s, settles) in [
        (2.5, 0.2, 10.0, 12.0, 58.9375, 1.9597, -0.12 * 0.05 / 1.0),
        (4.0, 0.3, 8.0, 10.0, 59.3501, 2.3688, -0.10 * 0.05 / 1.0),
    ] {
        let tables = format!("{NO_RELAYS}[frequency]\n{}{BATTERY}", reheat(h, share, reheat_s));
        let run = prepared(&island(lost), 15.0, 4, &tables);
        let record = lives(&run, vec![(1.0, unit_out(2))], &mut nobody());
        close(metric(&record, "frequency.nadir_hz"), nadir_hz, NADIR_HZ);
        close(metric(&record, "frequency.settling_hz"), 60.0 * (1.0 + settles), NADIR_HZ);
        assert_eq!(metric(&record, "ufls.stages"), 0.0);
        let curve = &record.frequency[0];
        let lowest = curve.frequency_hz.iter().zip(&curve.time_s).min_by(|a, b| a.0.total_cmp(b.0));
        close(*lowest.expect("points").1, 1.0 + at_s, 0.05);
        // Averaged over half a second, the slope stays below that of the first moment: f0 dP / 2 H.
        let first = 60.0 * lost / 100.0 / (2.0 * h);
        let rocof = metric(&record, "frequency.rocof_hz_per_s");
        assert!(rocof < first && rocof > 0.6 * first, "{rocof} against {first}");
        assert!(record.trips.is_empty());
    }
}

#[test]
fn a_stage_sheds_when_the_table_says_and_the_books_close() {
    let tables = format!("{ONE_STAGE}{}{BATTERY}", reheat(2.5, 0.2, 10.0));
    let run = prepared(&island(12.0), 30.0, 2, &tables);
    let record = lives(&run, vec![(1.0, unit_out(2))], &mut nobody());
    let shed: Vec<_> = record.trips.iter().filter(|trip| trip.cause == "ufls").collect();
    assert_eq!((shed.len(), shed[0].row, shed[0].limit), (1, 3, Some(59.5)));
    close(shed[0].time_s, 1.7272, TRIP_S);
    close(shed[0].lost_mw, 7.0, 1e-9);
    assert_eq!(metric(&record, "ufls.stages"), 1.0);
    // 7 MW from then to the end of the minute.
    close(metric(&record, "ens_mwh"), 7.0 * (60.0 - shed[0].time_s) / 3600.0, 1e-9);
    close(metric(&record, "shed.ufls_mwh"), metric(&record, "ens_mwh"), 1e-12);
    for step in &record.steps {
        let served = if step.time_s < shed[0].time_s { 100.0 } else { 93.0 };
        close(step.served_mw.expect("known"), served, 1e-9);
    }
    // 5 MW are missing of 93 that still have their damping: 0.05 / (0.93 + 19).
    close(metric(&record, "frequency.settling_hz"), 60.0 * (1.0 - 0.05 / (0.93 + 19.0)), NADIR_HZ);
}

#[test]
fn a_battery_that_fires_by_itself_or_is_told_to_holds_the_table_s_frequency() {
    for (h, share, reheat_s, lost, mw, crossed_s, delay_s, nadir_hz) in [
        (2.5, 0.2, 10.0, 12.0, 8.0, 0.1099, 0.25, 59.5601),
        (2.5, 0.2, 10.0, 12.0, 8.0, 0.1099, 0.5, 59.3474),
        (4.0, 0.3, 8.0, 10.0, 5.0, 0.2193, 0.5, 59.6012),
    ] {
        let fires = format!(
            "[[frequency.unit]]\nrow = 3\nfast = {{ trigger_hz = 59.85, delay_s = {delay_s}, power_mw = {mw} }}\n"
        );
        let tables = format!("{NO_RELAYS}[frequency]\n{}{fires}", reheat(h, share, reheat_s));
        let run = prepared(&island(lost), 10.0, 1, &tables);
        let record = lives(&run, vec![(1.0, unit_out(2))], &mut nobody());
        close(metric(&record, "frequency.nadir_hz"), nadir_hz, NADIR_HZ);

        // The same by a decision at that very moment.
        let tables = format!("{NO_RELAYS}[frequency]\n{}{BATTERY}", reheat(h, share, reheat_s));
        let step_s = crossed_s + delay_s;
        let run = prepared(&island(lost), step_s, (10.0 / step_s) as u32, &tables);
        let mut told = Scripted(|seen: &Observations| {
            let now = seen.of(Observed::TimeS).data[0];
            Some((Asked::UnitPSet, 2, if now > 0.0 { mw } else { 0.0 }))
        });
        let record = lives(&run, vec![(0.0, unit_out(2))], &mut told);
        close(metric(&record, "frequency.nadir_hz"), nadir_hz, NADIR_HZ);
    }
}

#[test]
fn what_a_bus_measures_lags_behind_its_island() {
    let tables = format!("{NO_RELAYS}[frequency]\n{}{BATTERY}", reheat(2.5, 0.2, 10.0));
    let run = prepared(&island(12.0), 0.02, 100, &tables);
    let mut seen_hz = Vec::new();
    let mut watches = Scripted(|seen: &Observations| {
        let row = |quantity| seen.of(quantity).row(0).to_vec();
        seen_hz.push((row(Observed::TimeS)[0], row(Observed::Frequency), row(Observed::Rocof)));
        None
    });
    let record = lives(&run, vec![(0.5, branch_out(2))], &mut watches);
    let curve = &record.frequency[0];
    let island_hz = |at: f64| {
        let k = curve.time_s.partition_point(|t| *t <= at).max(1) - 1;
        curve.frequency_hz[k]
    };
    for (at, hz, rocof) in &seen_hz {
        if *at <= 0.5 {
            assert!(
                hz.iter().all(|hz| *hz == 60.0) && rocof.iter().all(|slope| *slope == 0.0),
                "{at}: {hz:?}"
            );
            continue;
        }
        // Bus 2 is cut off and dead, and shows no frequency.
        assert_eq!((hz[1], rocof[1]), (0.0, 0.0));
        if *at > 0.62 && *at < 1.5 {
            // While the frequency falls, a mean over what was is above what is; by half a window of the slope.
            let lag = hz[2] - island_hz(*at);
            assert!(lag > 0.0 && lag < 0.12, "{at}: {lag}");
            assert!(rocof[2] < 0.0);
            close(hz[0], hz[2], 1e-9);
        }
    }
    // Just after the loss the buses' own angles turn against the rotor, which no centre of inertia does.
    let early = seen_hz.iter().find(|(at, ..)| *at > 0.53).expect("a step");
    assert!((early.1[0] - early.1[2]).abs() > 1e-3, "{:?}", early.1);
    let lost: Vec<_> = record.trips.iter().map(|trip| (trip.row, trip.cause.as_str())).collect();
    assert_eq!(lost, [(2, "no_inertia")]);
}

#[test]
fn tasks_devices_and_energy_have_their_limits() {
    let fast = "[[frequency.unit]]\nrow = 3\nfast = { energy_mwh = 0.01 }\n";
    let tables = format!("{NO_RELAYS}[frequency]\n{}{fast}", reheat(2.5, 0.2, 10.0));
    let run = prepared(&island(12.0), 1.0, 20, &tables);
    let mut greedy = Scripted(|_: &Observations| Some((Asked::UnitPSet, 2, 50.0)));
    let lived = lives_all(&run, &run.config, vec![scenario(vec![(0.0, unit_out(2))])], &mut greedy);
    let episode = &lived[0].episode;
    let ids: Vec<_> = episode.refusals.iter().map(|(reason, count)| (reason.id(), *count)).collect();
    // 10 MW for 3.6 s, from the first decision on; afterwards there is nothing left to give.
    assert_eq!(ids, [("range", 4), ("energy", 16)]);
    let record = lived[0].record.as_ref().expect("recorded");
    assert!(record.steps.iter().any(|step| step.between && (step.time_s - 3.6).abs() < 1e-6));

    let mut wrong = Scripted(|_: &Observations| Some((Asked::UnitPSet, 0, 90.0)));
    let lived = lives_all(&run, &run.config, vec![scenario(vec![])], &mut wrong);
    let ids: Vec<_> = lived[0].episode.refusals.keys().map(|reason| reason.id()).collect();
    assert_eq!(ids, ["not_fast"]);

    let mut sheds = Scripted(|_: &Observations| Some((Asked::LoadShed, 2, 0.12)));
    let record = lives(&run, vec![(1.0, unit_out(2))], &mut sheds);
    // 12 MW less from the first moment on: a second above nominal, and then just what is missing.
    close(metric(&record, "shed.manual_mwh"), 12.0 * 20.0 / 3600.0, 1e-9);
    assert_eq!(record.trips.iter().filter(|trip| trip.cause == "manual").count(), 1);
    assert!(metric(&record, "frequency.peak_hz") > 60.5 && metric(&record, "frequency.nadir_hz") > 59.7);
}

/// Two areas over one tie of 12 MW, each with its own unit.
const TWO_AREAS: &str = "function mpc = two\nmpc.version = '2';\nmpc.baseMVA = 100;\nmpc.bus = [\n\
     1 3 50 0 0 0 1 1 0 110 1 1.1 0.9;\n2 2 100 0 0 0 1 1 0 110 1 1.1 0.9;\n];\nmpc.gen = [\n\
     1 62 0 100 -100 1 100 1 120 0;\n2 88 0 100 -100 1 100 1 110 0;\n];\n\
     mpc.branch = [\n1 2 0 0.1 0 0 0 0 0 0 1 -360 360;\n];\n";

#[test]
fn a_split_leaves_each_part_with_its_own_imbalance_and_its_own_relays() {
    let stages =
        "[protection.overload]\non = false\n[frequency]\n[frequency.default]\ntechnology = \"steam\"\n";
    let run = prepared(TWO_AREAS, 10.0, 6, stages);
    let record = lives(&run, vec![(1.0, branch_out(1))], &mut nobody());
    let [first, second] = &record.frequency[..] else { panic!("{:?}", record.frequency.len()) };
    assert_eq!((first.first_bus.as_str(), second.first_bus.as_str()), ("1", "2"));
    assert!(first.frequency_hz.iter().all(|hz| *hz >= 60.0));
    assert!(second.frequency_hz[1] < 60.0);
    assert!(metric(&record, "frequency.nadir_hz") < 59.5 && metric(&record, "frequency.peak_hz") > 60.5);
    assert!(record.trips.iter().filter(|trip| trip.cause == "ufls").all(|trip| trip.row == 2));
    let shed: f64 = record.trips.iter().map(|trip| trip.lost_mw).sum();
    let last = record.steps.last().expect("steps");
    close(last.served_mw.expect("known") + shed, 150.0, 1e-6);

    // Closed again they are not synchronous, which is flagged; without the split nothing moves.
    let back = Event::BranchBack { branch: BranchIdx::from_row(0) };
    let record = lives(&run, vec![(1.0, branch_out(1)), (8.0, back)], &mut nobody());
    let flagged: Vec<_> = record.trips.iter().filter(|trip| trip.cause == "unsynchronised").collect();
    assert!(flagged.len() == 1 && flagged[0].time_s == 8.0 && flagged[0].limit == Some(0.1));
    assert!(metric(&record, "frequency.settling_hz") > 59.0);
    let record = lives(&run, vec![], &mut nobody());
    assert!(record.frequency.is_empty() && metric(&record, "frequency.nadir_hz") == 60.0);
}

#[test]
fn an_island_that_cannot_be_held_dies_and_is_booked() {
    // Three quarters of the power are lost, and relays may take off 28 % at most.
    let tables =
        format!("[protection.overload]\non = false\n[frequency]\n{}{BATTERY}", reheat(2.5, 0.2, 10.0));
    let grid = island(75.0).replace("1 200 0;", "1 30 0;");
    let run = prepared(&grid, 10.0, 3, &tables);
    let record = lives(&run, vec![(1.0, unit_out(2))], &mut nobody());
    assert_eq!(record.outcome, "collapse");
    assert!(record.trips.iter().any(|trip| trip.kind == "gen" && trip.cause == "under_frequency"));
    let lost: f64 = record.trips.iter().map(|trip| trip.lost_mw).sum();
    close(lost, 100.0, 1e-6);
    close(record.steps.last().expect("steps").served_mw.expect("known"), 0.0, 1e-9);
    // Nobody knows a settling frequency of a grid in the dark.
    assert_eq!(record.metrics.get("frequency.settling_hz"), None);
}

#[test]
fn neighbours_in_the_cohort_change_nothing() {
    let tables = format!("{ONE_STAGE}{}{BATTERY}", reheat(2.5, 0.2, 10.0));
    let run = prepared(&island(12.0), 2.0, 5, &tables);
    let all: Vec<Arc<Scenario>> = [0.3, 1.0, 2.0, 4.7]
        .into_iter()
        .map(|at| scenario(vec![(at, unit_out(2))]))
        .chain([scenario(vec![]), scenario(vec![(0.5, branch_out(2))])])
        .collect();
    let digests = |order: &[usize]| -> Vec<String> {
        let asked = order.iter().map(|i| Arc::clone(&all[*i])).collect();
        let lived = lives_all(&run, &run.config, asked, &mut nobody());
        lived.iter().map(|trajectory| format!("{:?}", trajectory.episode)).collect()
    };
    let forwards = digests(&[0, 1, 2, 3, 4, 5]);
    let mut backwards = digests(&[5, 4, 3, 2, 1, 0]);
    backwards.reverse();
    assert_eq!(forwards, backwards);
    assert_eq!(digests(&[3]), [forwards[3].clone()]);
}

#[test]
fn steps_of_any_length_see_the_same_frequency() {
    let tables = format!("{ONE_STAGE}{}{BATTERY}", reheat(2.5, 0.2, 10.0));
    let of = |step_s: f64| {
        let run = prepared(&island(12.0), step_s, (20.0 / step_s).round() as u32, &tables);
        let record = lives(&run, vec![(1.0, unit_out(2))], &mut nobody());
        (metric(&record, "frequency.nadir_hz"), record.trips[0].time_s)
    };
    let (hz, at_s) = of(20.0);
    for step_s in [0.05, 0.37, 2.0] {
        let (other_hz, other_at_s) = of(step_s);
        // Integration steps end where the loop's do.
        close(hz, other_hz, 1e-6);
        close(at_s, other_at_s, 1e-6);
    }
}

#[test]
fn what_cannot_be_is_refused_at_its_line() {
    let codes = |tables: &str| -> Vec<String> {
        let wrong = try_prepared(&island(12.0), 1.0, 1, tables).err().expect("it should be refused");
        wrong.0.iter().map(|d| d.code.to_string()).collect()
    };
    assert_eq!(codes(""), ["suite.frequency"]);
    assert_eq!(codes("[frequency]\nmode = \"static\"\n"), ["suite.frequency"]);
    assert_eq!(codes("[frequency]\ninertia = 4\n"), ["suite.frequency.unknown-key"]);
    assert_eq!(codes("[frequency]\n[[frequency.unit]]\nrow = 9\n"), ["suite.frequency.row"]);
    assert_eq!(codes("[frequency]\n[[frequency.unit]]\nrow = 1\ninertia_s = 0\n"), ["suite.frequency.unit"]);
    assert_eq!(
        codes("[frequency]\n[[frequency.unit]]\nrow = 1\n[[frequency.unit]]\nrow = 1\n"),
        ["suite.frequency.duplicate-row"]
    );
    assert_eq!(
        codes("[protection.frequency]\nbalance = \"droop\"\n[frequency]\n"),
        ["suite.frequency.balance"]
    );
    assert_eq!(codes("[frequency]\nride_through = \"estern\"\n"), ["suite.frequency.unknown-choice"]);
}
