//! Records of a `.gic` file, version 3 (PSS/E's format of GIC data).

use crate::case::complaints::{Complaints, show_lines};
use crate::diagnostic::{Diagnostic, Diagnostics};

/// A substation record.
#[derive(Debug)]
pub(super) struct Station {
    pub(super) id: u64,
    pub(super) name: String,
    /// Latitude and longitude, degrees.
    pub(super) place: (f64, f64),
    /// Resistance of the ground grid, ohm; 0 where the file leaves it to the reader, negative where there is none.
    pub(super) ground_ohm: f64,
    pub(super) line: u32,
}

/// A transformer record.
#[derive(Debug)]
pub(super) struct Transformer {
    /// Buses in the order of the record; a third one of 0 is none.
    pub(super) buses: [u64; 3],
    pub(super) circuit: String,
    /// Ohm per phase, by bus; 0 where the file leaves it to the reader.
    pub(super) ohm: [f64; 3],
    /// Whether the neutral of the winding is blocked, by bus.
    pub(super) blocked: [bool; 3],
    pub(super) vector_group: String,
    pub(super) core: i64,
    /// Mvar per ampere at 500 kV; 0 where the file has none.
    pub(super) k_mvar_per_a: f64,
    /// Resistor in the neutral of the winding, ohm, by bus.
    pub(super) neutral_ohm: [f64; 3],
    pub(super) line: u32,
}

/// A branch record.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) circuit: String,
    /// Ohm per phase; 0 where the file leaves it to the reader.
    pub(super) ohm: f64,
    pub(super) line: u32,
}

/// A fixed shunt record.
#[derive(Debug)]
pub(super) struct Shunt {
    pub(super) bus: u64,
    /// Ohm per phase; 0 for one that direct current does not pass.
    pub(super) ohm: f64,
    pub(super) line: u32,
}

/// A file.
#[derive(Debug, Default)]
pub(super) struct GicFile {
    pub(super) file: String,
    pub(super) stations: Vec<Station>,
    /// Bus, number of its station, line.
    pub(super) bus_stations: Vec<(u64, u64, u32)>,
    pub(super) transformers: Vec<Transformer>,
    pub(super) shunts: Vec<Shunt>,
    pub(super) branches: Vec<Branch>,
}

/// Sections in their order; what follows the last is earth models, which only a field by models would need.
const SECTIONS: [&str; 5] = ["substation", "bus substation", "transformer", "bus fixed shunt", "branch"];

impl GicFile {
    /// Reads a text.
    ///
    /// # Errors
    /// `gic.file.version`, `gic.file.truncated`, and `gic.file.field` for every field that is no number.
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, Diagnostics> {
        let mut lines = (1u32..).zip(text.trim_start_matches('\u{feff}').lines());
        let header = lines.next().map(|(_, line)| line).unwrap_or_default();
        let version = header.split_once('=').filter(|(key, _)| key.trim() == "GICFILEVRSN");
        if version.is_none_or(|(_, version)| version.split('/').next().map(str::trim) != Some("3")) {
            let message = format!("the file begins with `{}`, not with GICFILEVRSN=3", header.trim());
            return Err(Diagnostic::error("gic.file.version", message)
                .at(file, Some(1))
                .hint("version 3 is read; let the program that wrote the file save it as version 3")
                .into());
        }
        let mut out = GicFile { file: file.to_owned(), ..GicFile::default() };
        let mut complaints = Complaints::default();
        let mut section = 0;
        for (number, line) in lines {
            let fields = fields(line);
            if line.trim().is_empty() {
                continue;
            }
            if section == SECTIONS.len() {
                break;
            }
            // A record of one zero ends a section; a comment may follow it.
            if line.split('/').next().is_some_and(|record| record.trim() == "0") {
                section += 1;
                continue;
            }
            let mut record = Record { file, line: number, fields: &fields, out: &mut complaints };
            match SECTIONS[section] {
                "substation" => out.stations.push(record.station()),
                "bus substation" => {
                    out.bus_stations.push((record.id(0, "bus"), record.id(1, "substation"), number));
                }
                "transformer" => out.transformers.push(record.transformer()),
                "bus fixed shunt" => out.shunts.push(Shunt {
                    bus: record.id(0, "bus"),
                    ohm: record.number(2, "resistance"),
                    line: number,
                }),
                _ => out.branches.push(record.branch()),
            }
        }
        if section < SECTIONS.len() {
            let message = format!("the file ends in its section of {} data", SECTIONS[section]);
            let hint = "the file is probably cut off: fetch or write it again";
            complaints.push(Diagnostic::error("gic.file.truncated", message).at(file, None).hint(hint));
        }
        let mut found = complaints.finish();
        show_lines(&mut found, text);
        found.into_result(out)
    }
}

/// One line, with what is wrong in it.
struct Record<'a> {
    file: &'a str,
    line: u32,
    fields: &'a [String],
    out: &'a mut Complaints,
}

impl Record<'_> {
    fn complain(&mut self, what: &str, field: usize, wanted: &str) {
        let cell = self.fields.get(field).map_or("", String::as_str);
        let message = format!("field {} ({what}) is `{cell}`, it should be {wanted}", field + 1);
        self.out.push(Diagnostic::error("gic.file.field", message).at(self.file, Some(self.line)));
    }

    /// A number; 0 where the field is blank or left out.
    fn number(&mut self, field: usize, what: &str) -> f64 {
        match self.fields.get(field).map_or("", String::as_str) {
            "" => 0.0,
            cell => cell.parse().ok().filter(|value: &f64| value.is_finite()).unwrap_or_else(|| {
                self.complain(what, field, "a number");
                0.0
            }),
        }
    }

    /// A whole number that must be there.
    fn id(&mut self, field: usize, what: &str) -> u64 {
        self.fields.get(field).and_then(|cell| cell.parse().ok()).unwrap_or_else(|| {
            self.complain(what, field, "a whole number");
            0
        })
    }

    /// A place in degrees, within `limit`; it must be there.
    fn degrees(&mut self, field: usize, what: &str, limit: f64) -> f64 {
        let value = self.fields.get(field).and_then(|cell| cell.parse().ok());
        value.filter(|value: &f64| value.abs() <= limit).unwrap_or_else(|| {
            self.complain(what, field, &format!("a number of degrees up to {limit}"));
            0.0
        })
    }

    fn text(&self, field: usize) -> String {
        self.fields.get(field).cloned().unwrap_or_default()
    }

    fn station(&mut self) -> Station {
        Station {
            id: self.id(0, "number"),
            name: self.text(1),
            place: (self.degrees(3, "latitude", 90.0), self.degrees(4, "longitude", 360.0)),
            ground_ohm: self.number(5, "grounding resistance"),
            line: self.line,
        }
    }

    fn transformer(&mut self) -> Transformer {
        let third = if self.text(2).is_empty() { 0 } else { self.id(2, "tertiary bus") };
        Transformer {
            buses: [self.id(0, "from bus"), self.id(1, "to bus"), third],
            circuit: self.text(3),
            ohm: [4, 5, 6].map(|field| self.number(field, "winding resistance")),
            blocked: [7, 8, 9].map(|field| self.number(field, "blocking device") != 0.0),
            vector_group: self.text(10),
            core: self.number(11, "core") as i64,
            k_mvar_per_a: self.number(12, "K factor"),
            neutral_ohm: [13, 14, 15].map(|field| self.number(field, "neutral resistance")),
            line: self.line,
        }
    }

    fn branch(&mut self) -> Branch {
        for field in [4, 5] {
            if self.number(field, "induced voltage") != 0.0 {
                self.complain("induced voltage", field, "blank: voltages follow from the field");
            }
        }
        Branch {
            from: self.id(0, "from bus"),
            to: self.id(1, "to bus"),
            circuit: self.text(2),
            ohm: self.number(3, "resistance"),
            line: self.line,
        }
    }
}

/// Fields of a line, trimmed, without their quotes; commas within quotes separate nothing.
fn fields(line: &str) -> Vec<String> {
    let mut quoted = false;
    line.split(|c: char| {
        quoted ^= c == '\'';
        c == ',' && !quoted
    })
    .map(|field| field.trim().trim_matches('\'').trim().to_owned())
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "GICFILEVRSN=3
1,'Sub, A',0, 40.0,-89.0, 0.2,''
0 / End of Substation data, Begin Bus Substation Data
1,1
0 /
1,3,0,' 1', 0.3, 0.1, 0.0,0,1,0,'YNd0  ', 1, 1.1023,0,0,0,0
0 /
0 /
1,2,' 1',0, ,
0 /
0 /
Q
";

    #[test]
    fn records_are_read_field_by_field() {
        let file = GicFile::parse("a.gic", FILE).expect("sound");
        assert_eq!((file.stations[0].name.as_str(), file.stations[0].place), ("Sub, A", (40.0, -89.0)));
        let transformer = &file.transformers[0];
        assert_eq!((transformer.buses, transformer.blocked), ([1, 3, 0], [false, true, false]));
        assert_eq!((transformer.vector_group.as_str(), transformer.circuit.as_str()), ("YNd0", "1"));
        assert_eq!((file.branches[0].ohm, file.branches[0].line), (0.0, 9));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let refused = |text: String| GicFile::parse("a.gic", &text).expect_err("refused").to_string();
        let found = refused(FILE.replace("40.0", "95").replace("0.3,", "x,"));
        assert!(found.contains("a.gic:2") && found.contains("latitude"), "{found}");
        assert!(found.contains("a.gic:6") && found.contains("`x`"), "{found}");
        assert!(refused(FILE.replace("=3", "=4")).contains("gic.file.version"));
        assert!(refused(FILE[..60].to_owned()).contains("gic.file.truncated"));
        assert!(refused(FILE.replace("' 1',0, ,", "' 1',0,5.0,")).contains("induced voltage"));
    }
}
