//! Identifiers of what attackers do: MITRE ATT&CK for ICS and MITRE ATLAS, as data of one version.
//!
//! Numbers circulate that belong to something else, and version 19 of ATT&CK made sub-techniques of nine techniques whose old numbers are
//! revoked: what a scenario carries is looked up here, under the present number, with the old one beside it.

/// Versions of the two catalogues that the table is of.
pub const VERSIONS: [&str; 2] = ["ATT&CK for ICS 19 (April 2026)", "ATLAS 5.6 (May 2026)"];

/// A technique.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Technique {
    /// Its number.
    pub id: &'static str,
    /// Its number in version 18 of ATT&CK for ICS, where that was another.
    pub id_v18: Option<&'static str>,
    /// Its name.
    pub name: &'static str,
}

const fn same(id: &'static str, name: &'static str) -> Technique {
    Technique { id, id_v18: None, name }
}

const fn moved(id: &'static str, v18: &'static str, name: &'static str) -> Technique {
    Technique { id, id_v18: Some(v18), name }
}

/// Every technique that a scenario may carry, by number.
///
/// Source: the public bundles of the two versions; those of ATT&CK that did not move were compared with version 18.1.
pub const LIST: &[Technique] = &[
    same("AML.T0015", "Evade AI Model"),
    same("AML.T0018.000", "Manipulate AI Model: Poison AI Model"),
    same("AML.T0019", "Publish Poisoned Datasets"),
    same("AML.T0020", "Poison Training Data"),
    same("AML.T0024.002", "Exfiltration via AI Inference API: Extract AI Model"),
    same("AML.T0029", "Denial of AI Service"),
    same("AML.T0031", "Erode AI Model Integrity"),
    same("AML.T0040", "AI Model Inference API Access"),
    same("AML.T0041", "Physical Environment Access"),
    same("AML.T0042", "Verify Attack"),
    same("AML.T0043.000", "Craft Adversarial Data: White-Box Optimization"),
    same("AML.T0043.001", "Craft Adversarial Data: Black-Box Optimization"),
    same("AML.T0043.002", "Craft Adversarial Data: Black-Box Transfer"),
    same("AML.T0043.003", "Craft Adversarial Data: Manual Modification"),
    same("AML.T0043.004", "Craft Adversarial Data: Insert Backdoor Trigger"),
    same("AML.T0044", "Full AI Model Access"),
    same("AML.T0046", "Spamming AI System with Chaff Data"),
    same("AML.T0059", "Erode Dataset Integrity"),
    same("T0806", "Brute Force I/O"),
    same("T0813", "Denial of Control"),
    same("T0814", "Denial of Service"),
    same("T0815", "Denial of View"),
    same("T0816", "Device Restart/Shutdown"),
    same("T0826", "Loss of Availability"),
    same("T0827", "Loss of Control"),
    same("T0829", "Loss of View"),
    same("T0830", "Adversary-in-the-Middle"),
    same("T0831", "Manipulation of Control"),
    same("T0832", "Manipulation of View"),
    same("T0835", "Manipulate I/O Image"),
    same("T0836", "Modify Parameter"),
    same("T0837", "Loss of Protection"),
    same("T0838", "Modify Alarm Settings"),
    same("T0848", "Rogue Master"),
    same("T0878", "Alarm Suppression"),
    same("T0879", "Damage to Property"),
    same("T0880", "Loss of Safety"),
    same("T0882", "Theft of Operational Information"),
    moved("T1691.001", "T0803", "Block Operational Technology Message: Command Message"),
    moved("T1691.002", "T0804", "Block Operational Technology Message: Reporting Message"),
    moved("T1692.001", "T0855", "Unauthorized Message: Command Message"),
    moved("T1692.002", "T0856", "Unauthorized Message: Reporting Message"),
    moved("T1693.001", "T0857", "Modify Firmware: System Firmware"),
    moved("T1693.002", "T0839", "Modify Firmware: Module Firmware"),
    moved("T1694.001", "T0812", "Insecure Credentials: Default Credentials"),
    moved("T1694.002", "T0891", "Insecure Credentials: Hardcoded Credentials"),
    moved("T1695.001", "T0805", "Block Communications: Serial COM"),
    same("T1695.002", "Block Communications: Ethernet"),
    same("T1695.003", "Block Communications: Wi-Fi"),
];

/// The technique of this number.
pub fn find(id: &str) -> Option<&'static Technique> {
    LIST.iter().find(|technique| technique.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hazard;

    #[test]
    fn every_hazard_carries_numbers_that_exist() {
        assert!(LIST.windows(2).all(|pair| pair[0].id < pair[1].id), "sorted, and each once");
        for entry in hazard::LIST {
            for id in entry.techniques {
                assert!(find(id).is_some(), "{} carries {id}", entry.name);
            }
        }
        assert!(hazard::LIST.iter().any(|entry| !entry.techniques.is_empty()));
    }

    /// Numbers that the web has wrong, and numbers that were revoked.
    #[test]
    fn revoked_and_mistaken_numbers_are_none() {
        for revoked in LIST.iter().filter_map(|technique| technique.id_v18) {
            assert!(find(revoked).is_none(), "{revoked}");
        }
        assert_eq!(find("T0878").map(|technique| technique.name), Some("Alarm Suppression"));
        assert_eq!(find("T0827").map(|technique| technique.name), Some("Loss of Control"));
        assert!(find("T0801").is_none() && find("T0828").is_none());
    }
}
