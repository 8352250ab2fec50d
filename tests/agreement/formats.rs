//! One sample of each format: never a panic, and the sizes that another program found.

use std::path::Path;

use gridgate_tests::{Unpacked, bytes, json, reference};
use powerflow::case::read;

/// Samples that are refused on purpose, and why.
const REFUSED: [(&str, &str); 12] = [
    // PSS/E revisions before 32.
    ("GridPACK__9b3g.raw", "case.parse.source.malformed"),
    ("GridPACK__IEEE14.raw", "case.parse.source.malformed"),
    ("GridPACK__IEEE145.raw", "case.parse.source.malformed"),
    ("case9.raw", "case.parse.source.malformed"),
    ("matpower__t_psse_case3.raw", "case.parse.source.malformed"),
    ("matpower__t_psse_case2.raw", "case.psse.revision"),
    // No power base in the header.
    ("grg_pssedata__parser_test_defaults.raw", "case.parse.source.malformed"),
    // Open switches of pandapower would be taken as closed.
    ("mv_oberrhein.json", "case.read.pandapower.table-unsupported"),
    // Not cases: solutions, dynamic data, a binary file.
    ("solutions.json", "case.request.format.unknown"),
    ("ac-dc-meshed.nc", "case.file.binary"),
    ("9b3g.dyr", "case.request.format.unknown"),
    ("IEEE14_classicGen.dyr", "case.request.format.unknown"),
];

/// Reads one sample; the number of buses and branches where it is a case.
fn sizes(path: &Path) -> Option<(usize, usize, usize)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let refused = REFUSED.iter().find(|(file, _)| *file == name);
    match (read(path), refused) {
        (Ok(case), None) => Some((case.buses.len(), case.branches.len(), case.units.len())),
        (Err(complaints), Some((_, code))) => {
            assert!(complaints.0.iter().any(|d| d.code == *code), "{name}: {complaints}");
            None
        }
        (Ok(_), Some((_, code))) => panic!("{name} was read, though it should be refused with {code}"),
        (Err(complaints), None) => panic!("{name} is refused: {complaints}"),
    }
}

#[test]
fn psse_files_have_the_sizes_that_matpower_found() {
    let Some(folder) = reference().map(|r| r.join("psse")) else { return };
    let index = json(&folder.join("index.json"));
    let unpacked = Unpacked::new();
    let mut compared = 0;
    for (name, entry) in index["files"].as_object().expect("files of the index") {
        let Some(file) = entry["file"].as_str() else { continue };
        let skipped = file.contains(".dyr") && !REFUSED.iter().any(|(refused, _)| *refused == file);
        if skipped {
            continue;
        }
        let Some((buses, branches, units)) = sizes(&unpacked.path(&folder.join(file))) else { continue };
        let stated = |key: &str| entry["solution"][key].as_u64().map(|n| n as usize);
        if let (Some(b), Some(br), Some(g)) = (stated("buses"), stated("branches"), stated("gens")) {
            // MATPOWER makes three-winding transformers stars of three branches, as we do.
            assert_eq!((buses, branches, units), (b, br, g), "{name}");
            compared += 1;
        }
    }
    assert!(compared >= 15, "only {compared} files were compared");
}

#[test]
fn a_psse_file_made_from_a_case_equals_the_case() {
    let Some(reference) = reference() else { return };
    for name in ["case_ACTIVSg200", "var_case14_phase_shift", "var_case14_isolated"] {
        let ours = read(&reference.join(format!("psse/{name}_save2psse_v33.raw"))).expect(name);
        let case = read(&reference.join(format!("cases/{name}.m"))).expect(name);
        assert_eq!(ours.buses.len(), case.buses.len(), "{name}");
        for (a, b) in ours.buses.iter().zip(&case.buses) {
            assert_eq!((a.id, a.kind), (b.id, b.kind), "{name}");
        }
        // RAW sorts transformers behind lines, so rows differ; sums do not, but for its five decimals.
        let sum = |c: &powerflow::Case| c.branches.iter().map(|b| b.x_pu).sum::<f64>();
        assert!((sum(&ours) - sum(&case)).abs() < 1e-5 * case.branches.len() as f64, "{name}");
        let demand = |c: &powerflow::Case| c.loads.iter().map(|l| l.p_mw).sum::<f64>();
        assert!((demand(&ours) - demand(&case)).abs() < 1e-3, "{name}");
    }
}

#[test]
fn the_other_formats_are_read() {
    let Some(folder) = reference().map(|r| r.join("formats")) else { return };
    let index = json(&folder.join("index.json"));
    let unpacked = Unpacked::new();
    // Sizes of the IEEE test systems, of the two MATPOWER cases that pandapower converts, and of PowerModels' issue.
    let published = [
        ("ieee14cdf.txt", 14, 20),
        ("ieee30cdf.txt", 30, 41),
        ("ieee118cdf.txt", 118, 186),
        ("case9.json", 9, 9),
        ("case14.json", 14, 20),
        ("case118.json", 118, 186),
        ("case24_ieee_rts.json", 24, 38),
    ];
    let mut compared = 0;
    for (name, entry) in index["files"].as_object().expect("files of the index") {
        if name.starts_with("opendss/") || name.ends_with(".tar.gz") {
            continue;
        }
        let path =
            unpacked.path(&folder.parent().expect("a parent").join(entry["file"].as_str().expect("file")));
        let Some((buses, branches, _)) = sizes(&path) else { continue };
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some((_, b, br)) = published.iter().find(|(f, _, _)| *f == file) {
            assert_eq!((buses, branches), (*b, *br), "{name}");
            compared += 1;
        }
    }
    assert_eq!(compared, published.len());
}

#[test]
fn a_pypsa_folder_is_read() {
    let Some(reference) = reference() else { return };
    let packed = bytes(&reference.join("formats/pypsa/ac-dc-meshed-csv.tar.gz"));
    let unpacked = Unpacked::new();
    let mut folder = None;
    for (name, content) in tar(&packed) {
        folder = unpacked.put(&name, content).parent().map(Path::to_owned);
    }
    let (buses, branches, _) = sizes(&folder.expect("files in the archive")).expect("a case");
    // buses.csv and lines.csv have 9 and 7 rows.
    assert_eq!((buses, branches), (9, 7));
}

/// The plain files of a tar archive (ustar: a header of 512 bytes, size in octal at 124), by their last name.
fn tar(archive: &[u8]) -> Vec<(String, &[u8])> {
    let mut files = Vec::new();
    let mut at = 0;
    while let Some(header) = archive.get(at..at + 512).filter(|h| h[0] != 0) {
        let text = |range: std::ops::Range<usize>| {
            String::from_utf8_lossy(&header[range]).trim_end_matches(['\0', ' ']).to_owned()
        };
        let size =
            usize::from_str_radix(text(124..136).trim_matches(['\0', ' ']), 8).expect("a size in octal");
        let name = text(0..100);
        if matches!(header[156], b'0' | 0) {
            let last = name.rsplit('/').next().unwrap_or(&name).to_owned();
            files.push((last, &archive[at + 512..at + 512 + size]));
        }
        at += 512 + size.div_ceil(512) * 512;
    }
    files
}
