use powerflow::*;
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let network = Network::build(case::read(std::path::Path::new(&path)).unwrap()).unwrap();
    let mut solver = Solver::new(&network);
    let mut state = network.initial_state();
    let configs = [
        ("enforce distributed", NewtonConfig::default()),
        ("enforce single", NewtonConfig { slack: Slack::Single, ..Default::default() }),
        ("ignore distributed", NewtonConfig { reactive_limits: ReactiveLimits::Ignore, ..Default::default() }),
        ("ignore single", NewtonConfig { reactive_limits: ReactiveLimits::Ignore, slack: Slack::Single, ..Default::default() }),
    ];
    for (name, config) in configs {
        let mut prev: Option<Solution> = None;
        let mut its = 0;
        let start = std::time::Instant::now();
        let n = 2000;
        for i in 0..n {
            let f = 1.0 + 0.01 * ((i % 17) as f64 - 8.0) / 8.0;
            for bus in network.buses.id.indices() {
                state.demand_p_pu[bus] = network.buses.demand_p_pu[bus] * f;
                state.demand_q_pu[bus] = network.buses.demand_q_pu[bus] * f;
            }
            match solver.solve(&state, prev.as_ref(), &config) {
                Ok(s) => { its += s.iterations; prev = Some(s); }
                Err(d) => { println!("{d}"); break; }
            }
        }
        println!("{name}: {:.2} iterations, {:.1} us", its as f64 / n as f64, start.elapsed().as_secs_f64() * 1e6 / n as f64);
    }
}
