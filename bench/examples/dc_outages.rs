//! Linear outages per second of CPU on one thread, for a case file, as one JSON line.
//!
//! `cargo run --release -p gridgate-bench --example dc_outages -- CASE [--rounds N] [--flows FILE] [--pairs]`
//!
//! With `--flows` flows are written too, little-endian f64 in pu, a number for each branch of the file: a row of those before
//! any outage, then one for the outage of each branch, NaN where it has no flows. `dc_outages_against_gridoxide.py` reads them.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use powerflow::{
    Balance, BranchIdx, LinearModel, Network, NewtonConfig, OutageStatus, PairFlows, PairSummary, Plan,
    Slack, Solver, solve_linear,
};

/// CPU time of this thread, s (Linux: the scheduler's account; elsewhere wall time).
fn cpu_s() -> f64 {
    let account = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let ns = account.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    ns.map_or_else(|| START.get_or_init(std::time::Instant::now).elapsed().as_secs_f64(), |ns| ns * 1e-9)
}

/// Median and minimum of seconds a round, the work repeated until a round takes long enough to be measured.
fn timed(rounds: usize, mut work: impl FnMut()) -> (f64, f64) {
    work();
    let start = cpu_s();
    work();
    let repeats = ((0.1 / (cpu_s() - start).max(1e-7)) as usize).clamp(1, 10_000);
    let mut seconds: Vec<f64> = (0..rounds.max(1))
        .map(|_| {
            let start = cpu_s();
            (0..repeats).for_each(|_| work());
            (cpu_s() - start) / repeats as f64
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    (seconds[seconds.len() / 2], seconds[0])
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = PathBuf::from(arguments.next().ok_or("which case file?")?);
    let (mut rounds, mut out, mut with_pairs) = (7, None, false);
    while let Some(flag) = arguments.next() {
        match flag.as_str() {
            "--rounds" => rounds = arguments.next().ok_or("how many rounds?")?.parse()?,
            "--flows" => out = Some(PathBuf::from(arguments.next().ok_or("which file of flows?")?)),
            "--pairs" => with_pairs = true,
            _ => return Err(format!("unknown option {flag}").into()),
        }
    }
    let network = Network::build(powerflow::case::read(&file)?)?;
    let state = network.initial_state();
    let plan = Arc::new(Plan::new(&network, &state.topology));
    let model = LinearModel::new(&network, &plan, &state, Slack::Single)?;
    let config = NewtonConfig { slack: Slack::Single, ..NewtonConfig::default() };
    let base = solve_linear(&network, &state, &config)?.branch_p_pu;
    let every: Vec<BranchIdx> = network.branches.from.indices().collect();
    let outages: Vec<BranchIdx> =
        every.iter().copied().filter(|b| model.carries(*b) && !model.is_bridge(*b)).collect();

    if let Some(path) = out {
        let mut rows = std::io::BufWriter::new(std::fs::File::create(path)?);
        let write = |rows: &mut dyn Write, flows: &[f64]| {
            flows.iter().try_for_each(|flow| rows.write_all(&flow.to_le_bytes()))
        };
        write(&mut rows, &base)?;
        let mut failed = None;
        let mut flows = Vec::new();
        model.outages(&base, &every, &mut |_, outage| {
            if !outage.copy_into(&mut flows) {
                flows.clear();
                flows.resize(every.len(), f64::NAN);
            }
            failed = write(&mut rows, &flows).err().or(failed.take());
        })?;
        rows.flush()?;
        if let Some(error) = failed {
            return Err(error.into());
        }
    }

    let mut seen = 0usize;
    let single = timed(rounds, || {
        model
            .outages(&base, &outages, &mut |_, outage| {
                seen += usize::from(outage.status == OutageStatus::Connected);
            })
            .expect("flows of the grid");
    });
    let rate = |(median, best): (f64, f64), count: usize| {
        format!("{{\"median\":{:.0},\"best\":{:.0}}}", count as f64 / median, count as f64 / best)
    };
    print!(
        "{{\"case\":{:?},\"buses\":{},\"branches\":{},\"outages\":{},\"outages_per_s\":{}",
        network.name,
        network.buses.id.len(),
        every.len(),
        outages.len(),
        rate(single, outages.len())
    );
    let rows = timed(rounds, || {
        model.transfer_rows(&every, Balance::Reference, &mut |_, row| seen += row.len()).expect("no weights");
    });
    print!(",\"ptdf_rows_per_s\":{}", rate(rows, every.len()));
    let rebuilt = timed(rounds, || {
        seen += usize::from(LinearModel::new(&network, &plan, &state, Slack::Single).is_ok());
    });
    print!(",\"model_us\":{:.1}", rebuilt.0 * 1e6);
    let mut solver = Solver::new(&network);
    if let Ok(solution) = solver.solve(&state, None, &NewtonConfig::default()) {
        let flows = solver.flows(&state, &solution);
        let ranked = timed(rounds, || {
            seen += model.rank(&flows, &outages, 0.9).expect("flows of the grid").len();
        });
        print!(",\"rank_us\":{:.1}", ranked.0 * 1e6);
    }
    if with_pairs {
        let limit = 1.2 * base_loading(&network, &base).max(1.0);
        let mut summary = PairSummary::default();
        let (seconds, _) = timed(1, || {
            let visit = &mut |_: &PairFlows<'_>| seen += 1;
            summary = model.outage_pairs(&base, &outages, Some(limit), visit).expect("flows of the grid");
        });
        print!(
            ",\"pairs\":{},\"pair_limit\":{limit:.3},\"pairs_harmless\":{},\"pairs_splitting\":{},\"pairs_per_s\":{:.0}",
            summary.pairs,
            summary.harmless,
            summary.splitting,
            summary.pairs as f64 / seconds
        );
    }
    println!(",\"visits\":{}}}", seen > 0);
    Ok(())
}

/// Highest loading before any outage.
fn base_loading(network: &Network, base_pu: &[f64]) -> f64 {
    let rated = network.branches.rating_pu.iter();
    rated
        .filter_map(|(branch, rating)| Some(base_pu[powerflow::Index::row(branch)].abs() / (*rating)?))
        .fold(0.0, f64::max)
}
