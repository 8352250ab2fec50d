//! Planted causes are found: circuits in parallel are needed together, stages in series each suffice, and bystanders are left alone.

use std::path::Path;

use gridgate_tests::Dice;
use harness::explain::{Options, explain};
use harness::run::{self, Contender, Silent};
use proptest::prelude::*;
use reports::Explanation;
use reports::explanation::{AttributionMethod, FactorKind};

use super::grid::cases;

/// A load centre at the end of stages, each of so many circuits, and buses beside the source whose demand nobody would miss. Branches are
/// in the order of `order`; answers each branch's stage, or `None` for that of a bystander.
fn plant(stages: &[usize], bystanders: usize, dice: &mut Dice) -> (String, Vec<Option<usize>>) {
    let mut circuits: Vec<Option<usize>> =
        stages.iter().enumerate().flat_map(|(stage, n)| vec![Some(stage); *n]).collect();
    circuits.resize(circuits.len() + bystanders, None);
    for place in (1..circuits.len()).rev() {
        circuits.swap(place, dice.below(place + 1));
    }
    let load = stages.len() + 1;
    let mut bus = String::new();
    for id in 1..=load + bystanders {
        let (kind, p) = match id {
            1 => (3, 0.0),
            id if id == load => (1, 80.0),
            id if id > load => (1, 0.1),
            _ => (1, 0.0),
        };
        bus.push_str(&format!("\t{id}\t{kind}\t{p}\t0\t0\t0\t1\t1\t0\t110\t1\t1.1\t0.9;\n"));
    }
    let (mut branch, mut next) = (String::new(), load);
    for circuit in &circuits {
        let (from, to) = match circuit {
            Some(stage) => (stage + 1, stage + 2),
            None => {
                next += 1;
                (1, next)
            }
        };
        branch.push_str(&format!("\t{from}\t{to}\t0\t0.05\t0\t500\t500\t500\t0\t0\t1\t-360\t360;\n"));
    }
    let case = format!(
        "function mpc = planted\nmpc.version = '2';\nmpc.baseMVA = 100;\nmpc.bus = [\n{bus}];\n\
         mpc.gen = [\n\t1\t80\t0\t200\t-200\t1\t100\t1\t300\t0;\n];\nmpc.branch = [\n{branch}];\n"
    );
    (case, circuits)
}

/// Runs one episode in which every branch is lost, and explains the blackout.
fn explained(folder: &Path, case: &str, lost: usize, seed: u64, open_loop: bool, pairs: u32) -> Explanation {
    let suite = format!(
        "schema = \"gridgate/suite/1\"\nname = \"planted\"\nseed = {}\ngrid = \"planted.m\"\n\
         [loop]\ntask = \"volt_var\"\nstep_s = 60\nsteps = 4\n\
         [[population]]\nid = \"all\"\nsize_max = 1\n\
         hazards = [{{ kind = \"line_trip\", k = {lost}, at_s = 1, spread_s = 200 }}]\n\
         [[gate]]\nid = \"dark\"\npopulation = \"all\"\nmetric = \"blackout\"\nkind = \"value\"\nmax = 0\n\
         [protection]\nengine = \"none\"\n",
        seed % (1 << 53)
    );
    std::fs::write(folder.join("planted.m"), case).expect("a written case");
    std::fs::write(folder.join("suite.toml"), suite).expect("a written suite");
    let prepared = run::prepare(&folder.join("suite.toml"), Contender::Named("do_nothing".into()));
    let prepared = prepared.unwrap_or_else(|wrong| panic!("{wrong}"));
    let out = folder.join("run");
    let options = prepared.options(Some(out.clone()), Some(1)).unwrap_or_else(|wrong| panic!("{wrong}"));
    run::run(&prepared, &options, &Silent).unwrap_or_else(|wrong| panic!("{wrong}"));
    let options = Options { gate: Some("dark"), candidate: None, open_loop, pairs, threads: 1 };
    explain(&out, "all/0", &options, &Silent).unwrap_or_else(|wrong| panic!("{wrong}")).explanation
}

/// The branch that an event is about: documents name it by its row.
fn branch(explanation: &Explanation, id: &str) -> usize {
    let words = &explanation.factor(id).expect("a factor").words;
    let row = words.strip_prefix("branch ").and_then(|rest| rest.split(' ').next());
    row.and_then(|row| row.parse::<usize>().ok()).unwrap_or_else(|| panic!("{words}")) - 1
}

proptest! {
    #![proptest_config(cases(10))]

    #[test]
    fn planted_causes_are_found(
        stages in proptest::collection::vec(1_usize..=3, 1..=3), bystanders in 0_usize..=2, seed in any::<u64>(),
    ) {
        prop_assume!(stages.iter().sum::<usize>() + bystanders <= 8);
        let (case, circuits) = plant(&stages, bystanders, &mut Dice(seed));
        let folder = tempfile::tempdir().expect("a folder");
        let explanation = explained(folder.path(), &case, circuits.len(), seed, false, 2);
        // Who did nothing is no factor.
        prop_assert!(explanation.factors.iter().all(|factor| factor.kind == FactorKind::Event));
        prop_assert_eq!(explanation.factors.len(), circuits.len());
        prop_assert!(explanation.factual.broken);
        let stage = |id: &String| circuits[branch(&explanation, id)];

        // The least is one whole stage.
        let least: Vec<Option<usize>> = explanation.minimal.factors.iter().map(stage).collect();
        let first = least[0].expect("no bystander");
        prop_assert!(least.iter().all(|stage| *stage == Some(first)));
        prop_assert_eq!(least.len(), stages[first]);

        // Without one circuit the gate holds where it is of the only stage; alone it breaks where its stage has no other.
        for factor in &explanation.factors {
            let own = stage(&factor.id);
            prop_assert_eq!(!factor.without.broken, stages.len() == 1 && own.is_some());
            prop_assert_eq!(factor.alone.broken, own.is_some_and(|own| stages[own] == 1));
        }

        // A cause takes one circuit of each stage, and all such choices are listed.
        let mut causes: Vec<Vec<usize>> = Vec::new();
        for cause in &explanation.causes {
            let mut of: Vec<usize> = cause.factors.iter().map(|id| stage(id).expect("no bystander")).collect();
            of.sort_unstable();
            prop_assert_eq!(&of, &(0..stages.len()).collect::<Vec<_>>());
            prop_assert!(cause.minimal && !cause.trial.broken && cause.witness.is_none());
            causes.push(cause.factors.iter().map(|id| branch(&explanation, id)).collect());
        }
        causes.sort();
        causes.dedup();
        prop_assert_eq!(causes.len(), stages.iter().product::<usize>());

        // Shares: none for bystanders, equal for circuits of stages that are alike, and the whole in sum.
        let attribution = &explanation.attribution;
        prop_assert_eq!(attribution.method, AttributionMethod::Exact);
        prop_assert!(attribution.efficiency_gap < 1e-12);
        let sum: f64 = attribution.shares.iter().map(|share| share.broken).sum();
        prop_assert!((sum - 1.0).abs() < 1e-12);
        for a in &attribution.shares {
            let own = stage(&a.factor);
            prop_assert_eq!(a.broken > 1e-12, own.is_some());
            for b in &attribution.shares {
                if own.map(|own| stages[own]) == stage(&b.factor).map(|other| stages[other]) {
                    prop_assert!((a.broken - b.broken).abs() < 1e-12);
                }
            }
        }
        // Each answer is a run that is listed.
        prop_assert!(explanation.runs.contains_key(&explanation.factual.run));
        prop_assert!(explanation.lives <= 2 * (1 << circuits.len()) + 8);

        // Repeating what was asked, which was nothing, answers the same.
        let again = explained(folder.path(), &case, circuits.len(), seed, true, 2);
        prop_assert_eq!(&again.minimal.factors, &explanation.minimal.factors);
        prop_assert_eq!(&again.attribution, &explanation.attribution);
    }
}

/// More events than coalitions can be tried for: shares are bounded, and sum to the whole all the same.
#[test]
fn drawn_orders_bound_what_every_coalition_would_say() {
    let stages = [1, 1];
    let (case, circuits) = plant(&stages, 11, &mut Dice(5));
    let folder = tempfile::tempdir().expect("a folder");
    let explanation = explained(folder.path(), &case, circuits.len(), 5, false, 40);
    let attribution = &explanation.attribution;
    assert_eq!((attribution.method, attribution.pairs), (AttributionMethod::Permutations, Some(40)));
    assert!(attribution.efficiency_gap < 1e-12, "{}", attribution.efficiency_gap);
    for share in &attribution.shares {
        let (low, high) = share.interval.expect("bounds");
        // Either of two suffices, so each has a half; the others have nothing.
        let exact = if circuits[branch(&explanation, &share.factor)].is_some() { 0.5 } else { 0.0 };
        assert!(low < exact && exact < high && low < share.broken && share.broken < high, "{share:?}");
    }
    // The same seed draws the same orders.
    let again = explained(folder.path(), &case, circuits.len(), 5, false, 40);
    assert_eq!(again.attribution, explanation.attribution);
}
