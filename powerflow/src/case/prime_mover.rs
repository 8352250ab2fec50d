//! What drives a unit. Few formats say it; what is not said is unknown, and never guessed from size or cost.

use crate::case::matpower::Scan;

/// What drives a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrimeMover {
    /// Gas turbines with a steam turbine behind them.
    CombinedCycle,
    /// Gas or oil turbines alone.
    CombustionTurbine,
    /// Diesel engines.
    Diesel,
    /// Hydro, pumped storage included.
    Hydro,
    /// Nuclear.
    Nuclear,
    /// Steam, whatever it is fired with.
    Steam,
    /// Wind.
    Wind,
    /// The sun.
    Solar,
    /// Batteries and other stores.
    Storage,
    /// Nothing: a synchronous condenser.
    Condenser,
}

impl PrimeMover {
    /// Every kind.
    pub const LIST: [PrimeMover; 10] = [
        PrimeMover::CombinedCycle,
        PrimeMover::CombustionTurbine,
        PrimeMover::Diesel,
        PrimeMover::Hydro,
        PrimeMover::Nuclear,
        PrimeMover::Steam,
        PrimeMover::Wind,
        PrimeMover::Solar,
        PrimeMover::Storage,
        PrimeMover::Condenser,
    ];

    /// Its name in suites and tables.
    pub fn id(self) -> &'static str {
        match self {
            PrimeMover::CombinedCycle => "combined_cycle",
            PrimeMover::CombustionTurbine => "combustion_turbine",
            PrimeMover::Diesel => "diesel",
            PrimeMover::Hydro => "hydro",
            PrimeMover::Nuclear => "nuclear",
            PrimeMover::Steam => "steam",
            PrimeMover::Wind => "wind",
            PrimeMover::Solar => "solar",
            PrimeMover::Storage => "storage",
            PrimeMover::Condenser => "condenser",
        }
    }

    /// By its name, or by the `Unit Type` of RTS-GMLC's tables, where `CT` is a turbine alone.
    pub fn of_table(word: &str) -> Option<Self> {
        let of_rts = match word {
            "CC" => Some(PrimeMover::CombinedCycle),
            "CT" => Some(PrimeMover::CombustionTurbine),
            "IC" => Some(PrimeMover::Diesel),
            "HYDRO" | "ROR" => Some(PrimeMover::Hydro),
            "NUCLEAR" => Some(PrimeMover::Nuclear),
            "STEAM" => Some(PrimeMover::Steam),
            "WIND" => Some(PrimeMover::Wind),
            "PV" | "RTPV" | "CSP" => Some(PrimeMover::Solar),
            "STORAGE" => Some(PrimeMover::Storage),
            "SYNC_COND" => Some(PrimeMover::Condenser),
            _ => None,
        };
        of_rts.or_else(|| Self::LIST.into_iter().find(|known| known.id() == word))
    }

    /// By MATPOWER's `gentype`, which are the prime movers of form EIA-860 (`CT` is the turbine of a combined cycle), and where
    /// that leaves it open by its `genfuel`.
    fn of_matpower(kind: &str, fuel: &str) -> Option<Self> {
        match (kind, fuel) {
            (_, "nuclear") | ("NB" | "NG" | "NH" | "NP", _) => Some(PrimeMover::Nuclear),
            (_, "wind") | ("WT" | "WS" | "W1" | "W2" | "W3" | "W4", _) => Some(PrimeMover::Wind),
            (_, "solar") | ("PV", _) => Some(PrimeMover::Solar),
            ("HY" | "HA" | "HB" | "HK" | "HL" | "PS", _) | (_, "hydro") => Some(PrimeMover::Hydro),
            ("CA" | "CC" | "CS" | "CT", _) => Some(PrimeMover::CombinedCycle),
            ("GT", _) => Some(PrimeMover::CombustionTurbine),
            ("IC", _) => Some(PrimeMover::Diesel),
            ("ST", _) => Some(PrimeMover::Steam),
            ("BA" | "CE" | "ES" | "FW", _) | (_, "ess") => Some(PrimeMover::Storage),
            ("SC", _) => Some(PrimeMover::Condenser),
            _ => None,
        }
    }
}

/// What a MATPOWER file says of each of its `units`, in file order; nothing where its tables are of another length.
pub(super) fn of_matpower(scan: &Scan<'_>, units: usize) -> Vec<Option<PrimeMover>> {
    let words = |name: &str| -> Vec<&str> {
        scan.rows(name).iter().map(|row| scan.rest(*row, 0).trim_matches('\'')).collect()
    };
    let (kinds, fuels) = (words("gentype"), words("genfuel"));
    if kinds.len() != units && fuels.len() != units {
        return Vec::new();
    }
    let known = |words: &[&str], row: usize| {
        if words.len() == units { words[row].to_owned() } else { String::new() }
    };
    (0..units).map(|row| PrimeMover::of_matpower(&known(&kinds, row), &known(&fuels, row))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_both_vocabularies_are_known() {
        for known in PrimeMover::LIST {
            assert_eq!(PrimeMover::of_table(known.id()), Some(known));
        }
        // One word, two meanings: a turbine alone in the one, part of a combined cycle in the other.
        assert_eq!(PrimeMover::of_table("CT"), Some(PrimeMover::CombustionTurbine));
        assert_eq!(PrimeMover::of_matpower("CT", "ng"), Some(PrimeMover::CombinedCycle));
        assert_eq!(PrimeMover::of_matpower("ST", "nuclear"), Some(PrimeMover::Nuclear));
        assert_eq!(PrimeMover::of_matpower("UN", "unknown"), None);
        assert_eq!(PrimeMover::of_table("perpetual"), None);
    }
}
