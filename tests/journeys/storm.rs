//! Weather over a grid, by command line.

use crate::desk::Desk;

const STORMS: &str = r#"schema = "gridgate/suite/1"
name = "storms"
seed = 7
grid = "case14.m"
coordinates = "buses.csv"
candidate = "do_nothing"
stop = "never"
[loop]
task = "redispatch"
step_s = 3600
steps = 24
[protection]
[[population]]
id = "storms"
hazards = [
    { kind = "wind_front", peak_m_s = [55, 75], width_km = [100, 200], crews = 2 },
    { kind = "heat_dome", peak_c = [38, 42], technology = "steam" },
]
size_max = 24
[[gate]]
id = "blackout"
population = "storms"
metric = "blackout"
kind = "rate"
max = 0.5
"#;

/// Fourteen places around Berlin, 30 km apart: a layout of this test, not of the grid.
fn places() -> String {
    let rows = (1..=14).map(|bus| {
        let (row, column) = ((bus - 1) / 4, (bus - 1) % 4);
        format!("{bus},{},{}\n", 52.5 + 0.27 * f64::from(row), 13.4 + 0.44 * f64::from(column))
    });
    format!("bus,latitude,longitude\n{}", rows.collect::<String>())
}

#[test]
fn a_storm_needs_places_and_a_run_keeps_them() {
    let desk = Desk::new();
    desk.put("suite.toml", STORMS);
    desk.put("buses.csv", places());
    let said = desk.run("suite.toml", "run", &["--threads", "1"]);
    assert!([0, 1, 3].contains(&said.code), "{}", said.err);
    desk.run("suite.toml", "again", &["--threads", "2"]).with(said.code);
    assert!(desk.read("run/episodes.jsonl") == desk.read("again/episodes.jsonl"), "threads change nothing");
    let evidence = desk.json("run/evidence.json");
    let inputs = evidence["inputs"].as_array().expect("inputs");
    assert!(inputs.iter().any(|input| input["role"] == "coordinates" && input["name"] == "buses.csv"));
    assert_eq!(desk.text("run/inputs/coordinates.csv"), places());
    desk.say(&["verify", "run"]).with(0);

    // Lines break and come back, and ratings move: a replay from the folder alone tells it.
    let storm = (0..24).find(|index| {
        let episode = format!("storms/{index}");
        let said = desk.say(&["replay", "run", &episode, "--candidate", "do_nothing"]).with(0);
        said.out.contains("trips") && said.out.contains("returns")
    });
    assert!(storm.is_some(), "this test tests nothing");
    let said = desk.say(&["replay", "run", "storms/0"]).with(0);
    assert!(
        said.out.contains("branches may carry") && said.out.contains("units can deliver"),
        "{}",
        said.out
    );

    desk.put("suite.toml", STORMS.replace("coordinates = \"buses.csv\"\n", ""));
    let said = desk.run("suite.toml", "nowhere", &[]).with(2);
    assert!(said.err.contains("error[hazard.no-coordinates]") && said.err.contains("bus 1"), "{}", said.err);
    desk.put("suite.toml", STORMS);
    desk.put("buses.csv", places().replace("\n14,", "\n15,"));
    let said = desk.run("suite.toml", "nowhere", &[]).with(2);
    assert!(said.err.contains("buses.csv:15") && said.err.contains("there is no bus 15"), "{}", said.err);
}

const CUSTOMERS: &str = r#"
[[gate]]
id = "minutes"
population = "storms"
metric = "saidi_min"
kind = "mean"
max_per_year = 300
range = [0, 720]
"#;

#[test]
fn minutes_without_supply_are_limited_by_the_year() {
    let desk = Desk::new();
    desk.put("buses.csv", places());
    let heat = STORMS.lines().find(|line| line.contains("heat_dome")).expect("the second hazard");
    let few =
        STORMS.replace(heat, "").replace("size_max = 24", "size_max = 6").replace("steps = 24", "steps = 12");
    let suite = format!("{few}{CUSTOMERS}");
    desk.put("suite.toml", &suite);
    // Nobody says how often such a day comes.
    let said = desk.run("suite.toml", "never", &[]).with(2);
    assert!(said.err.contains("suite.gate.misfit") && said.err.contains("per_year = 0.2"), "{}", said.err);

    let suite = suite.replace("size_max = 6\n", "size_max = 6\nper_year = 0.5\n");
    desk.put("suite.toml", &suite);
    let of_gate = |folder: &str| {
        let evidence = desk.json(&format!("{folder}/evidence.json"));
        let gate =
            evidence["gates"].as_array().expect("gates").iter().find(|gate| gate["id"] == "minutes").cloned();
        let gate = gate.expect("the gate");
        (
            gate["estimate"].as_f64().expect("an estimate"),
            evidence["assumptions"].to_string(),
            gate.to_string(),
        )
    };
    desk.run("suite.toml", "often", &[]);
    let (half, assumed, gate) = of_gate("often");
    assert!(gate.contains("a year"), "{gate}");
    assert!(assumed.contains("1.2 kW") && assumed.contains("0.5 times a year"), "{assumed}");
    assert!(half > 0.0, "this test tests nothing");

    // Customers of a table: of the same shares as the demand is, the numbers stay; a bus too few is refused.
    let demand = [
        (2, 21.7),
        (3, 94.2),
        (4, 47.8),
        (5, 7.6),
        (6, 11.2),
        (9, 29.5),
        (10, 9.0),
        (11, 3.5),
        (12, 6.1),
        (13, 13.5),
        (14, 14.9),
    ];
    let table: String = demand.iter().map(|(bus, mw)| format!("{bus},{}\n", 10.0 * mw)).collect();
    desk.put("people.csv", format!("bus,customers\n{table}"));
    let counted = suite.replace("coordinates =", "customers = \"people.csv\"\ncoordinates =");
    desk.put("suite.toml", &counted);
    desk.run("suite.toml", "counted", &[]);
    let (same, assumed, _) = of_gate("counted");
    assert!((same - half).abs() < 1e-9 && !assumed.contains("1.2 kW"), "{same} {half} {assumed}");
    desk.say(&["replay", "counted", "storms/0"]).with(0);
    desk.say(&["verify", "counted"]).with(0);
    desk.put("people.csv", format!("bus,customers\n{}", table.replace("14,149\n", "")));
    let said = desk.run("suite.toml", "nowhere", &[]).with(2);
    assert!(said.err.contains("customers.missing") && said.err.contains("bus 14"), "{}", said.err);
}

/// Every hazard of the weather with what tells it in a replay.
const WEATHER: [(&str, &str); 10] = [
    (r#"{ kind = "cold_snap", coldest_c = -18, outages_scale = 2 }"#, "demand moves to"),
    (r#"{ kind = "ice_storm", rain_mm_h = 6, speed_m_s = 3, passes_at_s = 20000 }"#, "trips"),
    (r#"{ kind = "wildfire", spread_km_h = 6, begins_s = 0 }"#, "trips"),
    (r#"{ kind = "safety_shutoff", radius_km = 30, begins_s = 0, lasts_h = 12 }"#, "returns"),
    (r#"{ kind = "flood", peak_m = 2, radius_km = 30, begins_s = 0 }"#, "is lost"),
    (r#"{ kind = "lightning", trips_per_100km_h = 20, radius_km = 50, recloses = 0 }"#, "trips"),
    (r#"{ kind = "light_load_high_voltage" }"#, "demand is"),
    (r#"{ kind = "data_centre_ramp", begins_s = 3600, away_s = 3600 }"#, "demand moves to"),
    (r#"{ kind = "wind_ramp", peak_m_s = 32 }"#, "units can deliver"),
    (r#"{ kind = "eclipse", passes_at_s = 43200 }"#, "units can deliver"),
];

#[test]
fn every_hazard_of_the_weather_is_lived_through_alike_on_any_number_of_threads() {
    let desk = Desk::new();
    let head = STORMS.split("[[population]]").next().expect("a head");
    let mut suite = head.replace("coordinates", "prime_movers = \"units.csv\"\ncoordinates");
    for (row, (hazard, _)) in WEATHER.iter().enumerate() {
        suite += &format!(
            "[[population]]\nid = \"p{row}\"\nhazards = [{hazard}]\nsize_max = 6\n\
             [[gate]]\nid = \"g{row}\"\npopulation = \"p{row}\"\nmetric = \"blackout\"\nkind = \"rate\"\nmax = 0.5\n"
        );
    }
    desk.put("suite.toml", suite);
    desk.put("buses.csv", places());
    // The five units of the case, two of them as RTS-GMLC would name them.
    let units = "Bus ID,Unit Type\n1,CC\n2,WIND\n3,PV\n6,CT\n8,STEAM\n";
    desk.put("units.csv", units);
    let said = desk.run("suite.toml", "run", &["--threads", "1"]);
    assert!([0, 1, 3].contains(&said.code), "{}", said.err);
    desk.run("suite.toml", "again", &["--threads", "2"]).with(said.code);
    assert!(desk.read("run/evidence.json") == desk.read("again/evidence.json"), "threads change nothing");
    assert_eq!(desk.text("run/inputs/prime_movers.csv"), units);
    desk.say(&["verify", "run"]).with(0);
    for (row, (hazard, tells)) in WEATHER.iter().enumerate() {
        let told = (0..6).any(|index| {
            let episode = format!("p{row}/{index}");
            desk.say(&["replay", "run", &episode, "--candidate", "do_nothing"]).with(0).out.contains(tells)
        });
        assert!(told, "{hazard} never says {tells}");
    }

    desk.put("units.csv", units.replace("WIND", "STEAM"));
    let said = desk.run("suite.toml", "nowhere", &[]).with(2);
    assert!(
        said.err.contains("error[hazard.no-units]") && said.err.contains("driven by wind"),
        "{}",
        said.err
    );
    desk.put("units.csv", "bus,prime_mover\n1,steam\n");
    let said = desk.run("suite.toml", "nowhere", &[]).with(2);
    assert!(said.err.contains("4 units of") && said.err.contains("the first is at bus 2"), "{}", said.err);
}

#[test]
fn attacks_are_told_by_their_techniques() {
    let desk = Desk::new();
    let suite = STORMS
        .replace("coordinates = \"buses.csv\"\n", "")
        .replace(
            "    { kind = \"wind_front\", peak_m_s = [55, 75], width_km = [100, 200], crews = 2 },\n",
            "    { kind = \"breaker_attack\", k = 2, begins_s = 7200, pattern = \"sweep\" },\n",
        )
        .replace(
            "{ kind = \"heat_dome\", peak_c = [38, 42], technology = \"steam\" }",
            "{ kind = \"load_altering\", share = 0.1, form = \"shift\", begins_s = 3600 }",
        );
    desk.put("suite.toml", &suite);
    let said = desk.run("suite.toml", "run", &[]);
    assert!([0, 1, 3].contains(&said.code), "{}", said.err);
    let evidence = desk.json("run/evidence.json");
    let techniques = evidence["populations"][0]["techniques"].as_array().expect("techniques");
    let numbers: Vec<&str> = techniques.iter().filter_map(|technique| technique["id"].as_str()).collect();
    assert_eq!(numbers, ["T0806", "T0826", "T0831", "T1692.001"]);
    assert_eq!(techniques[3]["id_v18"], "T0855");
    assert!(desk.text("run/report.html").contains("T0806 Brute Force"));
    let said = desk.say(&["replay", "run", "storms/0", "--candidate", "do_nothing"]).with(0);
    assert!(said.out.matches(" trips").count() >= 2, "{}", said.out);
}

/// Ten times the demand has no power flow: an episode that ends before anything was seen, and no panic of whoever looks.
#[test]
fn a_grid_without_any_power_flow_is_seen_as_dark() {
    let desk = Desk::new();
    let suite = STORMS
        .replace("coordinates = \"buses.csv\"\n", "champion = \"operator\"\n")
        .replace(
            "    { kind = \"wind_front\", peak_m_s = [55, 75], width_km = [100, 200], crews = 2 },\n",
            "    { kind = \"light_load_high_voltage\", level = 10 },\n",
        )
        .replace("    { kind = \"heat_dome\", peak_c = [38, 42], technology = \"steam\" },\n", "")
        .replace("[protection]\n", "[protection]\nengine = \"none\"\n");
    desk.put("suite.toml", suite);
    let said = desk.run("suite.toml", "run", &["--candidate", "greedy"]);
    assert!([1, 3].contains(&said.code), "{} {}", said.code, said.err);
    desk.say(&["replay", "run", "storms/0", "--candidate", "do_nothing"]).with(0);
}
