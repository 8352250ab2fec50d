//! The outages of a study: counted, never all in memory, each computed from its number or read from a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use powerflow::{BranchIdx, BusId, Diagnostic, Diagnostics, Index, Network};

/// Which outages to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outages {
    /// Every branch alone, in file order; those out of service are reported as `dead`.
    Single,
    /// Every pair of branches in service, in file order.
    Pairs,
    /// Those that a file lists.
    File(PathBuf),
}

impl Outages {
    /// `n-1`, `n-2`, or else the path of a file.
    pub fn parse(text: &str) -> Self {
        match text {
            "n-1" => Outages::Single,
            "n-2" => Outages::Pairs,
            path => Outages::File(path.into()),
        }
    }
}

/// One outage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outage {
    pub(super) name: Option<String>,
    pub(super) branches: Vec<BranchIdx>,
}

/// The outages of a study, by number from 0.
#[derive(Debug)]
pub(super) enum OutageList {
    Single(usize),
    Pairs(Vec<BranchIdx>),
    Listed(Vec<Outage>),
}

impl OutageList {
    pub(super) fn of(network: &Network, outages: &Outages) -> Result<Self, Diagnostics> {
        let branches = &network.branches;
        match outages {
            Outages::Single => Ok(OutageList::Single(branches.from.len())),
            Outages::Pairs => {
                let live = branches.in_service.iter().filter(|(_, on)| **on).map(|(branch, _)| branch);
                Ok(OutageList::Pairs(live.collect()))
            }
            Outages::File(path) => {
                let text = read(path)?;
                parse(network, &path.display().to_string(), &text).map(OutageList::Listed)
            }
        }
    }

    pub(super) fn len(&self) -> u64 {
        match self {
            OutageList::Single(count) => *count as u64,
            OutageList::Pairs(live) => pairs(live.len() as u64),
            OutageList::Listed(listed) => listed.len() as u64,
        }
    }

    /// Number of the pair of these two places in the list of branches in service, the lower place first.
    pub(super) fn number_of_pair(&self, first: u64, second: u64) -> u64 {
        let count = match self {
            OutageList::Pairs(live) => live.len() as u64,
            OutageList::Single(_) | OutageList::Listed(_) => 0,
        };
        pairs_before(count, first) + second - first - 1
    }

    /// Outages `first` to `end`, without `end`.
    pub(super) fn range(&self, first: u64, end: u64) -> Vec<Outage> {
        let end = end.min(self.len());
        match self {
            OutageList::Single(_) => (first..end)
                .map(|row| Outage { name: None, branches: vec![BranchIdx::from_row(row as usize)] })
                .collect(),
            OutageList::Pairs(live) => {
                let mut pair = pair_at(live.len() as u64, first);
                (first..end)
                    .map(|_| {
                        let branches = vec![live[pair.0 as usize], live[pair.1 as usize]];
                        pair.1 += 1;
                        if pair.1 == live.len() as u64 {
                            pair = (pair.0 + 1, pair.0 + 2);
                        }
                        Outage { name: None, branches }
                    })
                    .collect()
            }
            OutageList::Listed(listed) => listed[first as usize..end as usize].to_vec(),
        }
    }
}

/// Pairs of `n` things.
fn pairs(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}

/// Pairs that begin before `i`: all but those of the n - i last things.
fn pairs_before(n: u64, i: u64) -> u64 {
    pairs(n) - pairs(n.saturating_sub(i))
}

/// The pair with this number, in the order (0, 1), (0, 2) ... (1, 2) ...
fn pair_at(n: u64, number: u64) -> (u64, u64) {
    let (mut low, mut high) = (0, n);
    while high - low > 1 {
        let middle = low.midpoint(high);
        if pairs_before(n, middle) <= number { low = middle } else { high = middle }
    }
    (low, low + 1 + number - pairs_before(n, low))
}

/// The first line of a file of outages.
const HEADER: &str = "name,outages";
/// Complaints about a file that are shown; a file for another case is wrong in every line.
const SHOWN: usize = 20;
/// Characters of a name at most.
const NAME_MAX: usize = 200;

/// The bytes of a list of outages.
pub(super) fn read(path: &Path) -> Result<String, Diagnostics> {
    let complain = |code: &'static str, message: String, hint: &str| {
        Diagnostics::from(Diagnostic::error(code, message).at(path.display().to_string(), None).hint(hint))
    };
    let bytes = std::fs::read(path).map_err(|error| {
        let hint = "--outages takes n-1, n-2, or the path of a file of outages";
        complain("outages.read", format!("the outages cannot be read: {error}"), hint)
    })?;
    String::from_utf8(bytes).map_err(|_| {
        let hint = "a list of outages is a text file: a line `name,outages`, then a line for each";
        complain("outages.encoding", "the list of outages is not text in UTF-8".into(), hint)
    })
}

fn parse(network: &Network, file: &str, text: &str) -> Result<Vec<Outage>, Diagnostics> {
    let mut reader = Reader::new(network, file);
    let mut lines = (1u32..).zip(text.lines()).filter(|(_, line)| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    });
    match lines.next() {
        Some((_, header)) if header.trim().trim_start_matches('\u{feff}') == HEADER => {}
        found => {
            let (line, text) = found.unzip();
            let hint = format!("write `{HEADER}` first, then lines such as `north corridor,8-30;26-30`");
            reader.complain(
                "outages.header",
                line,
                text,
                format!("a list of outages begins with `{HEADER}`"),
                Some(hint),
            );
            return Err(Diagnostics(reader.complaints));
        }
    }
    let listed: Vec<Outage> = lines.filter_map(|(at, line)| reader.line(at, line)).collect();
    if listed.is_empty() && reader.complaints.is_empty() {
        let hint = "a line is a name, a comma, and branches with `;` between: `tower 12,17;8-30`";
        reader.complain("outages.empty", None, None, "the list has no outage".into(), Some(hint.into()));
    }
    if reader.complaints.is_empty() {
        return Ok(listed);
    }
    let more = reader.complaints.len().saturating_sub(SHOWN);
    reader.complaints.truncate(SHOWN);
    if more > 0 {
        let message = format!("and {more} more complaints about this file");
        reader.complaints.push(Diagnostic::error("outages.more", message).at(file, None));
    }
    Err(Diagnostics(reader.complaints))
}

struct Reader<'a> {
    network: &'a Network,
    file: &'a str,
    /// Branches between two buses, the lower number first, in file order.
    between: BTreeMap<(u64, u64), Vec<BranchIdx>>,
    names: BTreeMap<String, u32>,
    complaints: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    fn new(network: &'a Network, file: &'a str) -> Self {
        let mut between: BTreeMap<(u64, u64), Vec<BranchIdx>> = BTreeMap::new();
        for branch in network.branches.from.indices() {
            let (from, to) = ends(network, branch);
            between.entry((from.min(to), from.max(to))).or_default().push(branch);
        }
        Reader { network, file, between, names: BTreeMap::new(), complaints: Vec::new() }
    }

    fn complain(
        &mut self,
        code: &'static str,
        line: Option<u32>,
        text: Option<&str>,
        message: String,
        hint: Option<String>,
    ) {
        let mut complaint = Diagnostic::error(code, message).at(self.file, line);
        if let Some(place) = &mut complaint.place {
            place.text = text.map(|text| text.chars().take(120).collect());
        }
        complaint.hint = hint;
        self.complaints.push(complaint);
    }

    /// One outage, or complaints.
    fn line(&mut self, at: u32, line: &str) -> Option<Outage> {
        let before = self.complaints.len();
        let Some((name, branches)) = split(line) else {
            let hint = "a line is a name, a comma, and branches with `;` between: `tower 12,17;8-30`; a name with a \
                        comma stands in double quotes";
            let message = "this is no name and a list of branches".to_owned();
            self.complain("outages.columns", Some(at), Some(line), message, Some(hint.into()));
            return None;
        };
        let sound = |c: char| !c.is_control();
        if name.is_empty() || name.chars().count() > NAME_MAX || !name.chars().all(sound) {
            let message = format!("a name has 1 to {NAME_MAX} characters, none of them a control character");
            self.complain("outages.name", Some(at), Some(line), message, None);
        } else if let Some(first) = self.names.insert(name.clone(), at) {
            let message = format!("line {first} has an outage of the name `{name}` already");
            let hint = "results are told apart by name: give each its own".to_owned();
            self.complain("outages.duplicate-name", Some(at), Some(line), message, Some(hint));
        }
        let mut found: Vec<BranchIdx> = Vec::new();
        for word in branches.split(';').map(str::trim) {
            match self.branch(word) {
                Ok(branch) if found.contains(&branch) => {
                    let message = format!("{} is listed twice", self.network.branch_name(branch));
                    self.complain("outages.duplicate-branch", Some(at), Some(line), message, None);
                }
                Ok(branch) => found.push(branch),
                Err((code, message, hint)) => self.complain(code, Some(at), Some(line), message, Some(hint)),
            }
        }
        (self.complaints.len() == before).then_some(Outage { name: Some(name), branches: found })
    }

    /// The branch that `17`, `8-30` or `8-30#2` names.
    fn branch(&self, word: &str) -> Result<BranchIdx, (&'static str, String, String)> {
        let count = self.network.branches.from.len();
        if let Ok(row) = word.parse::<usize>() {
            return if (1..=count).contains(&row) {
                Ok(BranchIdx::from_row(row - 1))
            } else {
                let message = format!("there is no branch {row} in {}", self.network.name);
                Err(("outages.unknown-branch", message, format!("rows of branches are 1 to {count}")))
            };
        }
        let syntax = || {
            let message = format!("`{word}` names no branch");
            let hint = "write its row in the file (17), its buses (8-30), or of parallel ones which (8-30#2)";
            ("outages.branch", message, hint.to_owned())
        };
        let (buses, circuit) = match word.split_once('#') {
            Some((buses, circuit)) => (buses, Some(circuit.parse::<usize>().map_err(|_| syntax())?)),
            None => (word, None),
        };
        let (a, b) = buses.split_once('-').ok_or_else(syntax)?;
        let bus = |text: &str| text.trim().parse::<u64>().map_err(|_| syntax());
        let (a, b) = (bus(a)?, bus(b)?);
        let Some(parallel) = self.between.get(&(a.min(b), a.max(b))) else {
            let message = format!("there is no branch between bus {a} and bus {b} in {}", self.network.name);
            return Err(("outages.unknown-branch", message, self.neighbours(a, b)));
        };
        let rows: Vec<String> = parallel.iter().map(|branch| (branch.row() + 1).to_string()).collect();
        match (circuit, parallel.as_slice()) {
            (None, [only]) => Ok(*only),
            (None, _) => {
                let message = format!("{} branches join bus {a} and bus {b}", parallel.len());
                let hint = format!("say which: {a}-{b}#1, or one of the rows {}", rows.join(", "));
                Err(("outages.ambiguous-branch", message, hint))
            }
            (Some(circuit), _) => {
                circuit.checked_sub(1).and_then(|at| parallel.get(at)).copied().ok_or_else(|| {
                    let message = format!("there is no branch {circuit} between bus {a} and bus {b}");
                    let hint = format!("there are {}, of the rows {}", parallel.len(), rows.join(", "));
                    ("outages.unknown-branch", message, hint)
                })
            }
        }
    }

    /// What a bus is connected to, for someone who named two that are not.
    fn neighbours(&self, a: u64, b: u64) -> String {
        if let Some(Err(complaints)) =
            [a, b].map(|bus| self.network.bus(BusId(bus))).into_iter().find(Result::is_err)
        {
            let first = complaints.0.into_iter().next();
            return first.and_then(|complaint| complaint.hint).unwrap_or_default();
        }
        let others: Vec<String> = self
            .between
            .keys()
            .filter_map(|&(x, y)| if x == a { Some(y) } else { (y == a).then_some(x) })
            .take(8)
            .map(|bus| bus.to_string())
            .collect();
        format!("bus {a} is joined to {}", others.join(", "))
    }
}

/// Numbers in the file of a branch's ends.
pub(super) fn ends(network: &Network, branch: BranchIdx) -> (u64, u64) {
    let (branches, id) = (&network.branches, &network.buses.id);
    (id[branches.from[branch]].0, id[branches.to[branch]].0)
}

/// Name and branches of a line; the name may stand in double quotes, doubled inside.
fn split(line: &str) -> Option<(String, &str)> {
    let line = line.trim();
    let Some(quoted) = line.strip_prefix('"') else {
        let (name, branches) = line.split_once(',')?;
        return (!branches.contains([',', '"'])).then(|| (name.trim().to_owned(), branches));
    };
    let mut name = String::new();
    let mut rest = quoted;
    loop {
        let (part, after) = rest.split_once('"')?;
        name.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                name.push('"');
                rest = after;
            }
            None => {
                let branches = after.trim_start().strip_prefix(',')?;
                return (!branches.contains([',', '"'])).then_some((name, branches));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use powerflow::Case;

    /// A triangle with a double side: rows 1 (1-2), 2 (1-2), 3 (2-3), 4 (3-1).
    fn triangle() -> std::sync::Arc<Network> {
        let mut case = Case::two_bus_example();
        let mut third = case.buses[1].clone();
        third.id = BusId(3);
        case.buses.push(third);
        for (from, to) in [(1, 2), (2, 3), (3, 1)] {
            let branch =
                powerflow::case::CaseBranch { from: BusId(from), to: BusId(to), ..case.branches[0].clone() };
            case.branches.push(branch);
        }
        Network::build(case).unwrap()
    }

    fn rows(outage: &Outage) -> Vec<usize> {
        outage.branches.iter().map(|branch| branch.row() + 1).collect()
    }

    #[test]
    fn every_pair_has_one_number() {
        for n in 0..12u64 {
            let wanted: Vec<(u64, u64)> = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j))).collect();
            let found: Vec<(u64, u64)> = (0..pairs(n)).map(|number| pair_at(n, number)).collect();
            assert_eq!(found, wanted);
            let list = OutageList::Pairs((0..n as usize).map(BranchIdx::from_row).collect());
            for (number, (a, b)) in (0..).zip(wanted) {
                assert_eq!(list.number_of_pair(a, b), number);
            }
        }
        // Far beyond what fits in memory.
        let n = 100_000;
        assert_eq!(pair_at(n, pairs(n) - 1), (n - 2, n - 1));
    }

    #[test]
    fn ranges_of_pairs_do_not_depend_on_where_they_are_cut() {
        let list = OutageList::of(&triangle(), &Outages::Pairs).unwrap();
        assert_eq!(list.len(), 6);
        let whole = list.range(0, 6);
        for cut in 0..6 {
            assert_eq!([list.range(0, cut), list.range(cut, 100)].concat(), whole);
        }
        let named: Vec<Vec<usize>> = whole.iter().map(rows).collect();
        assert_eq!(named, [[1, 2], [1, 3], [1, 4], [2, 3], [2, 4], [3, 4]]);
    }

    #[test]
    fn a_list_names_branches_by_row_by_buses_and_by_circuit() {
        let text = "# planned works\nname,outages\n\nmiddle, 3-2 \n\"a, \"\"b\"\"\",1;3-1\nsecond,2-1#2\n";
        let listed = parse(&triangle(), "list.csv", text).unwrap();
        let found: Vec<(&str, Vec<usize>)> =
            listed.iter().map(|o| (o.name.as_deref().unwrap(), rows(o))).collect();
        assert_eq!(found, [("middle", vec![3]), ("a, \"b\"", vec![1, 4]), ("second", vec![2])]);
    }

    #[test]
    fn every_bad_line_is_told_with_its_number() {
        let text = "name,outages\na,9\nb,1-2\nc,1-7\nd,x\ne\na,3\nf,3;3-2\n,1\ng,1-2#3\nh,1,2\ni,\n";
        let complaints = parse(&triangle(), "list.csv", text).unwrap_err();
        let found: Vec<(&str, u32)> = complaints
            .0
            .iter()
            .map(|d| (&*d.code, d.place.as_ref().and_then(|place| place.line).unwrap()))
            .collect();
        assert_eq!(
            found,
            [
                ("outages.unknown-branch", 2),
                ("outages.ambiguous-branch", 3),
                ("outages.unknown-branch", 4),
                ("outages.branch", 5),
                ("outages.columns", 6),
                ("outages.duplicate-name", 7),
                ("outages.duplicate-branch", 8),
                ("outages.name", 9),
                ("outages.unknown-branch", 10),
                ("outages.columns", 11),
                ("outages.branch", 12),
            ]
        );
        let hint = |at: usize| complaints.0[at].hint.clone().unwrap();
        assert_eq!(hint(0), "rows of branches are 1 to 4");
        assert!(hint(1).contains("1-2#1") && hint(1).contains("1, 2"));
        assert!(hint(2).contains("nearest bus numbers are 3"), "{}", hint(2));
    }

    #[test]
    fn a_list_without_its_header_or_without_outages_is_refused() {
        let code = |text: &str| parse(&triangle(), "list.csv", text).unwrap_err().0[0].code.to_string();
        assert_eq!(code(""), "outages.header");
        assert_eq!(code("a,1\n"), "outages.header");
        assert_eq!(code("name,outages\n# nothing\n"), "outages.empty");
        let many: String = (0..100).map(|i| format!("o{i},99\n")).collect();
        let complaints = parse(&triangle(), "list.csv", &format!("name,outages\n{many}")).unwrap_err();
        assert_eq!(complaints.0.len(), SHOWN + 1);
        assert!(complaints.0[SHOWN].message.contains("80 more"));
    }
}
