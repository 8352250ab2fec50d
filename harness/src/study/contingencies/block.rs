//! What a study keeps of a block of outages while it is unfinished.

use reports::contingencies::ContingencyRecord;
use serde::{Deserialize, Serialize};

use super::tally::Sufferers;

/// Schema of the record of an unfinished study.
pub(super) const SCHEMA: &str = "gridgate/contingencies-partial/1";

/// The outages of one block.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Block {
    pub(super) block: u64,
    pub(super) rows: Vec<ContingencyRecord>,
    pub(super) sufferers: Sufferers,
}
