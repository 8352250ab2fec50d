//! The HTML page: self-contained, in the right order, escaped, and drawn from a real network.

mod sample;

use std::collections::BTreeMap;

use reports::render::{html, layout, network_picture, time_plot};
use reports::*;

fn network() -> NetworkRecord {
    read(include_bytes!("data/pglib_118.json")).unwrap()
}

/// An evening on the 118-bus network, made up for the eye: a voltage dip that spreads from bus 76 and recovers, a line
/// out, an island without source. No number here is a power flow, and no test reads one as such.
fn episode(population: &str, index: u64, steps: usize) -> EpisodeRecord {
    let network = network();
    let places = layout::layout(&network);
    let near = |row: usize, other: usize| {
        let (dx, dy) = (places[row].0 - places[other].0, places[row].1 - places[other].1);
        1.0 / (1.0 + (dx * dx + dy * dy) / 12_000.0)
    };
    let wave = |row: usize| ((row * 37 + index as usize * 11) % 23) as f64 / 22.0 - 0.5;
    let record = |at: usize| {
        let phase = at as f64 / (steps.max(2) - 1) as f64;
        let depth = (phase * 4.0).min(1.0) * (1.0 - phase) * 1.6;
        let vm_pu: Vec<Option<f64>> = (0..network.bus_ids.len())
            .map(|row| {
                let voltage =
                    1.01 + 0.05 * wave(row) - 0.2 * depth * near(row, 75) + 0.09 * depth * near(row, 9);
                (phase < 0.5 || !(112..115).contains(&row)).then_some(voltage)
            })
            .collect();
        let out: Vec<u32> = if phase > 0.15 { vec![117, 120, 17] } else { vec![] };
        let loading = network.branches.iter().enumerate().map(|(row, &(from, to))| {
            let stress = near(from as usize, 75) + near(to as usize, 75);
            let value = 0.25 + 0.3 * (wave(row * 3) + 0.5) + 0.32 * depth * stress;
            (!out.contains(&(row as u32))).then_some(value)
        });
        let asked: Vec<Option<f64>> = network
            .unit_buses
            .iter()
            .map(|&bus| Some(1.02 + 0.05 * depth + 0.03 * wave(bus as usize)))
            .collect();
        let granted = asked.iter().map(|value| value.map(|v| v.min(1.06))).collect();
        StepRecord {
            time_s: 60.0 * at as f64,
            between: false,
            vm_pu,
            loading: loading.collect(),
            out: Some(out),
            served_mw: Some(4242.0 * (1.0 + 0.1 * phase) - if phase > 0.5 { 96.0 } else { 0.0 }),
            demand_mw: 4242.0 * (1.0 + 0.1 * phase),
            asked: BTreeMap::from([("act.gen.v_set".to_owned(), asked)]),
            granted: BTreeMap::from([("act.gen.v_set".to_owned(), granted)]),
            handling: None,
            refused: if phase > 0.3 {
                vec![("v_set of unit at bus 12".into(), "range".into(), 1)]
            } else {
                vec![]
            },
            notes: if phase > 0.5 { vec!["buses 113 to 115 dead: no source".into()] } else { vec![] },
        }
    };
    EpisodeRecord {
        schema: EPISODE_SCHEMA.into(),
        population: population.into(),
        index,
        outcome: "survived".into(),
        events: vec![
            (0.0, "demand starts to rise by 10 %".into()),
            (300.0, "line 118 (bus 76 to 118) trips <b>".into()),
            (310.0, "line 121 (bus 77 to 80) trips".into()),
            (900.0, "transformer 18 trips".into()),
        ],
        trips: Vec::new(),
        steps: (0..steps).map(record).collect(),
        metrics: BTreeMap::from([
            ("voltage.violation_pu_min".to_owned(), Some(14.25)),
            ("ens_mwh".to_owned(), None),
        ]),
        ..EpisodeRecord::default()
    }
}

fn page() -> String {
    let episodes = vec![episode("outages", 7, 30), episode("outages", 11, 2)];
    let report = compose(sample::evidence(), Some(sample::run()), Some(network()), episodes);
    html::render(&report).unwrap()
}

/// Kept where a person can open it, below the build folder: `tmp/report.html`.
#[test]
fn the_page_holds_everything_in_order() {
    let page = page();
    std::fs::write(std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("report.html"), &page).unwrap();
    let at = |what: &str| page.find(what).unwrap_or_else(|| panic!("{what} is not on the page"));
    let order = [
        "<h1>",
        "1 required gate could not be evaluated",
        "id=\"judged\"",
        "id=\"gates\"",
        "id=\"gate-1\"",
        "id=\"gate-2-more\"",
        "id=\"scenario-1\"",
        "gridgate replay RUN outages&#x2f;7",
        "id=\"measurements\"",
        "id=\"not-judged\"",
        "id=\"inputs\"",
    ];
    assert!(order.map(at).is_sorted(), "{:?}", order.map(at));
    for gate in sample::evidence().gates {
        at(&format!("<strong>{}</strong>", gate.id));
        at(gate.claim.rsplit('>').next().unwrap().split('|').next_back().unwrap());
    }
    for digest in ["candidate", "suite", "grid"].map(Digest::of) {
        at(&digest.sha256);
    }
    // Verdicts are words, not only colours.
    for word in ["ERROR", "this is not a pass", "> pass<", "> fail<", "> undecided<", "> skipped<"] {
        at(word);
    }
}

#[test]
fn the_page_loads_nothing_and_runs_nothing() {
    let page = page();
    let foreign = page.replace("http://www.w3.org/2000/svg", "");
    for forbidden in
        ["http:", "https:", "//cdn", "src=", "@import", "url(", "<script", "<link", "<iframe", "onload="]
    {
        assert!(!foreign.contains(forbidden), "{forbidden} is on the page");
    }
    assert!(page.contains("&lt;script&gt;") && page.contains("trips &lt;b&gt;"));
}

#[test]
fn ids_are_unique_and_every_reference_has_its_target() {
    let page = page();
    let all = |attribute: &str| -> Vec<String> {
        let start = format!(" {attribute}=\"");
        let parts = page.split(start.as_str()).skip(1);
        parts.map(|part| part.split('"').next().unwrap().to_owned()).collect()
    };
    let mut ids = all("id");
    ids.sort();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count);
    let labels = all("aria-labelledby");
    let anchors = all("href");
    let targets =
        labels.iter().flat_map(|l| l.split(' ')).chain(anchors.iter().map(|a| a.trim_start_matches('#')));
    for target in targets {
        assert!(ids.iter().any(|id| id == target), "{target} is nowhere");
    }
    // Every element that was opened is closed.
    for tag in
        ["section", "table", "tr", "td", "th", "svg", "g", "text", "dl", "article", "figure", "ol", "li"]
    {
        let opened = page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "<{tag}>");
    }
}

#[test]
fn the_same_evidence_gives_the_same_page() {
    assert_eq!(page(), page());
}

#[test]
fn pictures_work_without_episodes_without_network_and_at_any_length() {
    for (network, episodes) in [
        (None, vec![]),
        (Some(network()), vec![]),
        (None, vec![episode("outages", 7, 5)]),
        (Some(NetworkRecord::default()), vec![episode("outages", 7, 5)]),
        (
            Some(network()),
            vec![EpisodeRecord { population: "outages".into(), index: 7, ..Default::default() }],
        ),
    ] {
        assert!(html::render(&compose(sample::evidence(), None, network, episodes)).is_ok());
    }
    for steps in [1, 2, 30, 500] {
        let plot = time_plot::render(Some(&network()), &episode("outages", 7, steps), "plot").unwrap();
        assert!(!plot.contains("NaN") && !plot.contains("inf"));
    }
}

/// The page holds a dozen of them and has to open quickly.
#[test]
fn pictures_stay_small() {
    let network = network();
    let step = &episode("outages", 7, 30).steps[10];
    let small = network_picture::render(&network, &layout::layout(&network), step, "net");
    assert!(small.len() < 60_000, "{}", small.len());
    assert!(small.contains("class=\"out\"") && small.contains("bus 76: 0."));

    let (wide, high) = (60_u32, 40_u32);
    let right = (0..wide * high).filter(|bus| bus % wide + 1 < wide).map(|bus| (bus, bus + 1));
    let down = (0..wide * (high - 1)).map(|bus| (bus, bus + wide));
    let large = NetworkRecord {
        bus_ids: (0..u64::from(wide * high)).collect(),
        branches: right.chain(down).collect(),
        limits_pu: vec![(0.9, 1.1); (wide * high) as usize],
        ..NetworkRecord::default()
    };
    let step = StepRecord {
        vm_pu: (0..wide * high).map(|bus| Some(if bus < 9 { 0.87 } else { 1.0 })).collect(),
        loading: large.branches.iter().map(|&(from, _)| Some(f64::from(from % 50) / 60.0)).collect(),
        ..StepRecord::default()
    };
    let picture = network_picture::render(&large, &layout::layout(&large), &step, "net");
    let style = include_str!("../pages/report.css");
    let file = format!("<!doctype html><meta charset=\"utf-8\"><style>{style}</style><main>{picture}</main>");
    std::fs::write(std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("large.html"), file).unwrap();
    assert!(picture.len() < 200_000, "{}", picture.len());
    assert_eq!(picture.matches("<circle").count(), 9 + 8, "violations and the legend keep their own symbols");
}

/// The axis of a comparison is how much worse the candidate is: at most the margin, at most nothing beyond a relative one, or less than
/// nothing by what it has to be better.
#[test]
fn the_margin_of_a_comparison_is_its_threshold() {
    for (kind, key, expected) in [
        ("noninferiority", "margin_abs", Some(0.5)),
        ("noninferiority", "margin_rel", Some(0.0)),
        ("superiority", "margin_abs", Some(-0.5)),
        ("equivalence", "margin_abs", None),
    ] {
        let mut evidence = sample::evidence();
        evidence.gates[0].kind = kind.into();
        evidence.gates[0].threshold = BTreeMap::from([(key.into(), 0.5)]);
        let report = compose(evidence, None, None, Vec::new());
        let found = report.gates[0].threshold;
        assert_eq!(found.map(|threshold| threshold.value), expected, "{kind} {key}");
        assert!(found.is_none_or(|threshold| threshold.from_above));
    }
}

#[test]
fn an_episode_of_a_gate_that_failed_has_the_command_that_says_why() {
    let report = compose(sample::evidence(), None, None, Vec::new());
    let failed = report.gates.iter().find(|gate| gate.record.verdict == Verdict::Fail).expect("a failure");
    let worst = &failed.record.worst[0];
    let page = html::render(&report).unwrap().replace("&#x2f;", "/");
    let command =
        format!("gridgate explain RUN {}/{} --gate {}", worst.population, worst.index, failed.record.id);
    assert!(page.contains(&command), "{command}");
    assert_eq!(page.matches("Why it broke the gate").count(), failed.scenarios.len());
}

#[test]
fn other_models_of_the_world_are_on_every_page() {
    let mut evidence = sample::evidence();
    evidence.gates[0].depends_on = vec!["load_constant_impedance".into()];
    let gate = evidence.gates[0].id.clone();
    evidence.variants.as_mut().expect("variants").variants[0].gates[0].gate = gate.clone();
    let report = compose(evidence, None, None, Vec::new());
    let page = html::render(&report).unwrap();
    let text = reports::render::text::render(&report, false);
    let markdown = reports::render::markdown::render(&report).replace('\\', "");
    for (name, page) in [("html", &page), ("text", &text), ("markdown", &markdown)] {
        // Lines are broken where they are full.
        let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(page.contains("load_constant_impedance"), "{name}");
        assert!(page.contains(&format!("{gate} is pass")), "{name}");
        // What was not tried, and why.
        assert!(page.contains("inertia_low") && page.contains("the frequency does not move"), "{name}");
    }
    assert!(page.contains("broken 2 of 2, clear 6 of 14"));
}
