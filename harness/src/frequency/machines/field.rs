//! Which machines have which exciter and stabiliser, and what is left out.

use std::collections::BTreeMap;

use powerflow::Diagnostics;

use super::case::{Machine, unknown};
use super::exciter::{EXCITERS, Exciter, Stabiliser};
use super::sections::Sections;

/// Tables that act on the field of machines. Those that are not simulated are left out, and the answer says so.
pub(super) const FIELD: [&str; 22] = [
    "AC8B", "ESAC1A", "ESAC5A", "ESD1", "ESST1A", "ESST3A", "ESST4B", "EXAC1", "EXAC2", "EXAC4", "EXDC1",
    "EXDC2", "EXST1", "IEEET1", "IEEET3", "IEEEX1", "SEXS", "IEEEST", "ST2CUT", "PSS2B", "STAB1", "STAB2",
];

/// The stabiliser that is simulated.
const STABILISER: &str = "IEEEST";

/// Gives machines with circuits their exciters and stabilisers, and returns what is left out, one sentence each.
pub(super) fn equip(
    sections: &Sections,
    machine_of: &BTreeMap<String, usize>,
    machines: &mut [Machine],
    classical: bool,
    wrong: &mut Diagnostics,
) -> Vec<String> {
    if classical {
        return left_out(sections);
    }
    let mut warnings = Vec::new();
    let mut machine_by_exciter = BTreeMap::new();
    let unread: Vec<&str> = sections
        .names()
        .filter(|name| FIELD.contains(name) && !EXCITERS.contains(name) && *name != STABILISER)
        .collect();
    if !unread.is_empty() {
        warnings.push(format!(
            "left out, as none that is modelled: {}; the field voltage of machines without another exciter stays what it is",
            unread.join(", ")
        ));
    }
    for table in EXCITERS {
        for row in sections.rows(table) {
            let (Some(name), Some(in_service)) = (row.name("syn", wrong), row.in_service(wrong)) else {
                continue;
            };
            let Some(at) = machine_of.get(&name).copied() else {
                wrong.push(unknown(&row, &format!("syn names machine {name}"), &name, machine_of.keys()));
                continue;
            };
            let Some(exciter) = Exciter::read(table, &row, wrong).filter(|_| in_service) else { continue };
            if let Some(id) = row.name("idx", wrong) {
                machine_by_exciter.insert(id, at);
            }
            if machines[at].circuits.is_none() {
                warnings.push(format!("{}: left out, its machine has a constant voltage", row.words()));
            } else if machines[at].exciter.replace(exciter).is_some() {
                wrong.push(row.error("machines.case.twice", "its machine has another exciter in service"));
            }
        }
    }
    for row in sections.rows(STABILISER) {
        let (Some(name), Some(in_service)) = (row.name("avr", wrong), row.in_service(wrong)) else {
            continue;
        };
        let Some(read) = Stabiliser::read(&row, wrong).filter(|_| in_service) else { continue };
        match (machine_by_exciter.get(&name), read) {
            (Some(at), Some(stabiliser)) => {
                if machines[*at].stabiliser.replace(stabiliser).is_some() {
                    wrong.push(
                        row.error("machines.case.twice", "its exciter has another stabiliser in service"),
                    );
                }
            }
            (None, _) => warnings.push(format!("{}: left out, exciter {name} is not simulated", row.words())),
            (_, None) => warnings.push(format!(
                "{}: left out, only speed or power through lead-lag, washout and limits is modelled",
                row.words()
            )),
        }
    }
    warnings
}

/// What the file describes and the classical model leaves out.
fn left_out(sections: &Sections) -> Vec<String> {
    let mut warnings = Vec::new();
    if sections.rows("GENROU").next().is_some() {
        warnings.push(
            "GENROU machines are taken as a constant voltage behind xd1: field and damper circuits, saliency and saturation \
             are left out"
                .to_owned(),
        );
    }
    let field: Vec<&str> = sections.names().filter(|name| FIELD.contains(name)).collect();
    if !field.is_empty() {
        warnings.push(format!(
            "exciters and stabilisers are left out ({}): voltages are not brought back to their set-points, and demand \
             that falls with them stays low",
            field.join(", ")
        ));
    }
    warnings
}
