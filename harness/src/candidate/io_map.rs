//! Canonical tensors to a model's tensors and back: the manifest's io map, bound to one grid.

use std::sync::Arc;

use powerflow::{BranchIdx, BusId, BusIdx, Diagnostic, Diagnostics, Index, Network, ShuntIdx, UnitIdx};

use super::manifest::{Conversion, Entry, Manifest, Position, Quantity, Rows, Unit};
use super::{Cause, Decisions, Failure};
use crate::action::{Asked, AskedTensor};
use crate::observation::{Axis, Observations, Observed, Tensor};

/// The io map of one candidate on one grid.
#[derive(Clone, Debug)]
pub struct IoMap {
    inputs: Vec<ModelTensor>,
    outputs: Vec<ModelTensor>,
    seen: Vec<Piece<Observed>>,
    asked: Vec<Piece<Asked>>,
    looks_at: Vec<Observed>,
    network: Arc<Network>,
}

/// A tensor as the model names and shapes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelTensor {
    /// The model's name.
    pub name: String,
    /// Elements of `[batch, elements, width]`; `None` for a tensor `[batch, width]`.
    pub elements: Option<usize>,
    /// Length of the last axis.
    pub width: usize,
    /// Whether the manifest gives only parts of it, so that an output may be wider than what is read.
    pub open_ended: bool,
}

impl ModelTensor {
    /// Numbers in one row of the batch.
    pub fn row_len(&self) -> usize {
        self.elements.unwrap_or(1) * self.width
    }

    /// Its shape for a batch.
    pub fn shape(&self, batch: usize) -> Vec<usize> {
        match self.elements {
            Some(elements) => vec![batch, elements, self.width],
            None => vec![batch, self.width],
        }
    }

    /// Its shape as people write it.
    pub fn shape_text(&self) -> String {
        match self.elements {
            Some(elements) => format!("[batch, {elements}, {}]", self.width),
            None => format!("[batch, {}]", self.width),
        }
    }
}

/// What a model answered under one name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelOutput {
    /// Shape, the batch first.
    pub shape: Vec<usize>,
    /// Row-major values, in the model's units.
    pub data: Vec<f64>,
}

/// A batch as a model takes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Encoded {
    /// Row-major values of every input, in the order of [`IoMap::inputs`].
    pub inputs: Vec<Vec<f32>>,
    /// One per row: `Some` where something observed does not fit into an f32. Such a row is zero.
    pub failed: Vec<Option<Failure>>,
}

/// A quantity's place in a model's tensor.
#[derive(Clone, Debug)]
struct Piece<Q> {
    quantity: Q,
    tensor: usize,
    /// Where the first element is in a row of the tensor, and how far the next.
    start: usize,
    stride: usize,
    elements: Vec<u32>,
    affine: Affine,
}

/// `convert(value) * scale + offset`.
#[derive(Clone, Copy, Debug)]
struct Affine {
    conversion: Conversion,
    scale: f64,
    offset: f64,
}

impl Affine {
    fn there(self, value: f64) -> f64 {
        self.conversion.there(value) * self.scale + self.offset
    }

    fn back(self, value: f64) -> f64 {
        self.conversion.back((value - self.offset) / self.scale)
    }
}

impl IoMap {
    /// Binds a manifest's io map to a grid.
    ///
    /// # Errors
    /// `candidate.io.*`: a slice of another length than its elements, columns given twice or by nothing, elements that
    /// the grid does not have, tensors with both slices and columns.
    pub fn compile(manifest: &Manifest, network: &Arc<Network>) -> Result<IoMap, Diagnostics> {
        let mut complaints = Diagnostics::default();
        let mut seen = Builder::default();
        let mut asked = Builder::default();
        for entry in &manifest.io {
            let Some(elements) = elements(entry, network, &mut complaints) else { continue };
            let canonical = Unit::from_symbol(entry.quantity.unit());
            let Some(conversion) = canonical.and_then(|unit| unit.conversion(entry.unit, network.base))
            else {
                // The manifest has checked that there is a conversion.
                continue;
            };
            let affine = Affine { conversion, scale: entry.scale, offset: entry.offset };
            match entry.quantity {
                Quantity::Seen(quantity) => seen.add(entry, quantity, elements, affine, &mut complaints),
                Quantity::Asked(quantity) => asked.add(entry, quantity, elements, affine, &mut complaints),
            }
        }
        seen.finish(true, &mut complaints);
        asked.finish(false, &mut complaints);
        let looked_at = |quantity: &Observed| seen.pieces.iter().any(|piece| piece.quantity == *quantity);
        complaints.into_result(IoMap {
            looks_at: Observed::LIST.iter().copied().filter(looked_at).collect(),
            inputs: seen.tensors.into_iter().map(|t| t.tensor).collect(),
            outputs: asked.tensors.into_iter().map(|t| t.tensor).collect(),
            seen: seen.pieces,
            asked: asked.pieces,
            network: network.clone(),
        })
    }

    /// What the model takes, in the order first named.
    pub fn inputs(&self) -> &[ModelTensor] {
        &self.inputs
    }

    /// What the model answers, in the order first named.
    pub fn outputs(&self) -> &[ModelTensor] {
        &self.outputs
    }

    /// What is seen through this map.
    pub fn looks_at(&self) -> &[Observed] {
        &self.looks_at
    }

    /// What may be asked through this map.
    pub fn asks(&self) -> impl Iterator<Item = Asked> {
        self.asked.iter().map(|piece| piece.quantity)
    }

    /// The same map for a model that declares an output wider than the columns that are read from it.
    #[cfg(feature = "onnx")]
    pub(crate) fn widen(&mut self, output: usize, width: usize) {
        let tensor = &mut self.outputs[output];
        tensor.width = width;
        if tensor.elements.is_some() {
            self.asked.iter_mut().filter(|p| p.tensor == output).for_each(|p| p.stride = width);
        }
    }

    /// The rows `rows` of a batch, as the model takes them.
    pub fn encode(&self, seen: &Observations, rows: &[usize]) -> Encoded {
        let mut inputs: Vec<Vec<f32>> =
            self.inputs.iter().map(|t| vec![0.0; rows.len() * t.row_len()]).collect();
        let mut failed: Vec<Option<Failure>> = vec![None; rows.len()];
        for piece in &self.seen {
            let row_len = self.inputs[piece.tensor].row_len();
            let source = seen.of(piece.quantity);
            for (i, row) in rows.iter().enumerate() {
                let values = source.row(*row);
                let target = &mut inputs[piece.tensor][i * row_len..(i + 1) * row_len];
                for (j, element) in piece.elements.iter().enumerate() {
                    let value = piece.affine.there(values[*element as usize]);
                    let narrow = value as f32;
                    if narrow.is_finite() {
                        target[piece.start + j * piece.stride] = narrow;
                    } else if failed[i].is_none() {
                        failed[i] = Some(Failure {
                            cause: Cause::NotFinite,
                            message: format!(
                                "input `{}`: {} of {} is {value} there, which no f32 holds",
                                self.inputs[piece.tensor].name,
                                piece.quantity.id(),
                                element_name(&self.network, piece.quantity.axis(), *element),
                            ),
                        });
                    }
                }
            }
        }
        for (input, tensor) in inputs.iter_mut().zip(&self.inputs) {
            for (i, _) in failed.iter().enumerate().filter(|(_, failure)| failure.is_some()) {
                input[i * tensor.row_len()..(i + 1) * tensor.row_len()].fill(0.0);
            }
        }
        Encoded { inputs, failed }
    }

    /// Decisions for `rows` rows in which nothing is answered yet: all values zero, nothing failed.
    pub fn blank(&self, rows: usize) -> Decisions {
        let asked = self.asked.iter().map(|piece| AskedTensor {
            quantity: piece.quantity,
            elements: piece.elements.clone(),
            values: Tensor::zeros(rows, piece.elements.len()),
            given: None,
        });
        Decisions { asked: asked.collect(), ..Decisions::none(rows) }
    }

    /// Writes what the model answered for the rows `rows` into decisions made by [`Self::blank`].
    ///
    /// `outputs` are in the order of [`Self::outputs`], the batch of each as long as `rows`. Another shape fails all
    /// these rows, a value that is not finite only its own.
    pub fn decode(&self, rows: &[usize], outputs: &[ModelOutput], into: &mut Decisions) {
        if let Err(failure) = self.check_shapes(rows.len(), outputs) {
            for row in rows {
                into.failed[*row].get_or_insert_with(|| failure.clone());
            }
            return;
        }
        for (piece, asked) in self.asked.iter().zip(&mut into.asked) {
            let tensor = &self.outputs[piece.tensor];
            let data = &outputs[piece.tensor].data;
            for (i, row) in rows.iter().enumerate() {
                let source = &data[i * tensor.row_len()..(i + 1) * tensor.row_len()];
                let target = asked.values.row_mut(*row);
                for (j, value) in target.iter_mut().enumerate() {
                    let told = source[piece.start + j * piece.stride];
                    let canonical = whole(piece.quantity, piece.affine.back(told));
                    if canonical.is_finite() {
                        *value = canonical;
                    } else if into.failed[*row].is_none() {
                        into.failed[*row] = Some(Failure {
                            cause: Cause::NotFinite,
                            message: format!(
                                "output `{}`: {} of {} is {told}",
                                tensor.name,
                                piece.quantity.id(),
                                element_name(&self.network, piece.quantity.axis(), piece.elements[j]),
                            ),
                        });
                    }
                }
            }
        }
    }

    fn check_shapes(&self, batch: usize, outputs: &[ModelOutput]) -> Result<(), Failure> {
        let wrong = |message| Err(Failure { cause: Cause::Shape, message });
        if outputs.len() != self.outputs.len() {
            return wrong(format!("{} outputs instead of {}", outputs.len(), self.outputs.len()));
        }
        for (tensor, output) in self.outputs.iter().zip(outputs) {
            let expected = tensor.shape(batch);
            if output.shape != expected {
                return wrong(format!(
                    "output `{}` has the shape {:?}, the manifest means {expected:?}",
                    tensor.name, output.shape
                ));
            }
            if output.data.len() != batch * tensor.row_len() {
                return wrong(format!(
                    "output `{}` says its shape is {:?} and holds {} numbers",
                    tensor.name,
                    output.shape,
                    output.data.len()
                ));
            }
        }
        Ok(())
    }
}

/// Steps and switches are whole numbers. A model that answers one of them scaled, in f32, answers it rounded; that
/// rounding is undone, and nothing more: a step of 0.9 stays 0.9 and is refused.
fn whole(quantity: Asked, value: f64) -> f64 {
    let near = value.round();
    let counted = matches!(quantity, Asked::ShuntStep | Asked::BranchStatus);
    if counted && (value - near).abs() <= 1e-6 * near.abs().max(1.0) { near } else { value }
}

/// A tensor while its pieces are being put together.
#[derive(Debug)]
struct Draft<'a> {
    tensor: ModelTensor,
    first: &'a Entry,
    /// Columns taken, `[begin, end)`, with who takes them.
    taken: Vec<(usize, usize, &'a Entry)>,
}

#[derive(Debug)]
struct Builder<'a, Q> {
    tensors: Vec<Draft<'a>>,
    pieces: Vec<Piece<Q>>,
}

impl<Q> Default for Builder<'_, Q> {
    fn default() -> Self {
        Self { tensors: Vec::new(), pieces: Vec::new() }
    }
}

impl<'a, Q> Builder<'a, Q> {
    fn add(
        &mut self,
        entry: &'a Entry,
        quantity: Q,
        elements: Vec<u32>,
        affine: Affine,
        complaints: &mut Diagnostics,
    ) {
        let n = elements.len();
        let by_element = matches!(entry.position, Position::Column(_)).then_some(n);
        let at = self.tensors.iter().position(|t| t.tensor.name == entry.name).unwrap_or_else(|| {
            let tensor =
                ModelTensor { name: entry.name.clone(), elements: by_element, width: 0, open_ended: false };
            self.tensors.push(Draft { tensor, first: entry, taken: Vec::new() });
            self.tensors.len() - 1
        });
        let draft = &mut self.tensors[at];
        if draft.tensor.elements != by_element {
            let shape = |elements: Option<usize>| match elements {
                Some(n) => format!("[batch, {n}, features]"),
                None => "[batch, n]".to_owned(),
            };
            complaints.push(
                about(
                    entry,
                    "candidate.io.layout",
                    format!(
                        "`{}` takes `{}` as {}, `{}` takes it as {}",
                        draft.first.quantity.id(),
                        entry.name,
                        shape(draft.tensor.elements),
                        entry.quantity.id(),
                        shape(by_element)
                    ),
                )
                .hint("one tensor has either slices or columns, and all its columns have the same elements"),
            );
            return;
        }
        let (begin, end, stride) = match entry.position {
            Position::Whole => (0, n, 1),
            Position::Next => (draft.tensor.width, draft.tensor.width + n, 1),
            Position::Slice(begin, end) => (begin, end, 1),
            // The stride is the number of columns, known when all entries are.
            Position::Column(column) => (column, column + 1, 0),
        };
        if stride == 1 && end - begin != n {
            complaints.push(
                about(
                    entry,
                    "candidate.io.slice",
                    format!(
                        "`{}` has {n} elements on this grid, its slice [{begin}, {end}) of `{}` has {} columns",
                        entry.quantity.id(),
                        entry.name,
                        end - begin
                    ),
                )
                .hint(format!("use slice = [{begin}, {}], or choose elements with `rows`", begin + n)),
            );
        }
        if let Some((_, _, other)) = draft.taken.iter().find(|(b, e, _)| begin < *e && *b < end) {
            complaints.push(
                about(
                    entry,
                    "candidate.io.overlap",
                    format!(
                        "`{}` and `{}` take the same columns of `{}`",
                        other.quantity.id(),
                        entry.quantity.id(),
                        entry.name
                    ),
                )
                .hint("give each its slice, or write layout = \"flat\" to join them in the order written"),
            );
        }
        draft.taken.push((begin, end, entry));
        draft.tensor.width = draft.tensor.width.max(end);
        draft.tensor.open_ended |= matches!(entry.position, Position::Slice(..) | Position::Column(_));
        self.pieces.push(Piece { quantity, tensor: at, start: begin, stride, elements, affine });
    }

    /// Sets the strides and, where `full`, complains about columns that nothing fills.
    fn finish(&mut self, full: bool, complaints: &mut Diagnostics) {
        for piece in self.pieces.iter_mut().filter(|piece| piece.stride == 0) {
            piece.stride = self.tensors[piece.tensor].tensor.width;
        }
        for draft in self.tensors.iter_mut().filter(|_| full) {
            draft.taken.sort_by_key(|(begin, end, _)| (*begin, *end));
            let mut reached = 0;
            for (begin, end, entry) in &draft.taken {
                if *begin > reached {
                    complaints.push(about(
                        entry,
                        "candidate.io.gap",
                        format!(
                            "nothing fills the columns [{reached}, {begin}) of the input `{}`",
                            draft.tensor.name
                        ),
                    ));
                }
                reached = reached.max(*end);
            }
        }
    }
}

/// The elements that an entry means, `None` where it means some that are not there (which was complained about).
fn elements(entry: &Entry, network: &Network, complaints: &mut Diagnostics) -> Option<Vec<u32>> {
    let axis = entry.quantity.axis();
    let count = match axis {
        Axis::Scalar => 1,
        Axis::Bus => network.buses.id.len(),
        Axis::Unit => network.units.bus.len(),
        Axis::Branch => network.branches.from.len(),
        Axis::Shunt => network.shunts.bus.len(),
    };
    let all = || (0..count as u32).collect::<Vec<u32>>();
    let chosen = match (&entry.rows, axis) {
        (Rows::All, _) | (Rows::Gen, Axis::Unit) => all(),
        (Rows::Gen, Axis::Bus) => {
            let mut has_unit = vec![false; count];
            network.units.bus.iter().for_each(|(_, bus)| has_unit[bus.row()] = true);
            all().into_iter().filter(|row| has_unit[*row as usize]).collect()
        }
        (Rows::Load, Axis::Bus) => {
            let has_demand = |row: &u32| {
                let bus = BusIdx::from_row(*row as usize);
                network.buses.demand_p_pu[bus] != 0.0 || network.buses.demand_q_pu[bus] != 0.0
            };
            all().into_iter().filter(has_demand).collect()
        }
        (Rows::Listed(ids), Axis::Bus | Axis::Unit | Axis::Branch | Axis::Shunt) => {
            let before = complaints.0.len();
            let mut chosen: Vec<u32> = Vec::with_capacity(ids.len());
            for id in ids {
                match row_of(*id, axis, count, network) {
                    Ok(row) if chosen.contains(&row) => complaints.push(about(
                        entry,
                        "candidate.io.twice",
                        format!("`{}` lists {id} twice", entry.quantity.id()),
                    )),
                    Ok(row) => chosen.push(row),
                    Err(unknown) => complaints.0.extend(
                        unknown.0.into_iter().map(|d| Diagnostic { place: Some(entry.place.clone()), ..d }),
                    ),
                }
            }
            if complaints.0.len() > before {
                return None;
            }
            chosen
        }
        (rows, _) => {
            let word = match rows {
                Rows::Gen => "rows = \"gen\"",
                Rows::Load => "rows = \"load\"",
                _ => "a list of rows",
            };
            complaints.push(about(
                entry,
                "candidate.io.rows",
                format!("{word} has no meaning for `{}`", entry.quantity.id()),
            ));
            return None;
        }
    };
    if chosen.is_empty() {
        complaints.push(about(
            entry,
            "candidate.io.empty",
            format!("`{}` has no element on this grid", entry.quantity.id()),
        ));
        return None;
    }
    Some(chosen)
}

fn row_of(id: u64, axis: Axis, count: usize, network: &Network) -> Result<u32, Diagnostics> {
    if axis == Axis::Bus {
        return network.bus(BusId(id)).map(|bus| bus.row() as u32);
    }
    match usize::try_from(id) {
        Ok(row) if (1..=count).contains(&row) => Ok((row - 1) as u32),
        _ => Err(Diagnostic::error(
            "candidate.io.unknown-row",
            format!("there is no row {id}: rows are counted from 1 and {} has {count}", network.name),
        )
        .into()),
    }
}

/// An element as people name it.
/// An element as messages name it, by the ids of the file; `element` is its row in the file, from 0.
pub fn element_name(network: &Network, axis: Axis, element: u32) -> String {
    let row = element as usize;
    match axis {
        Axis::Scalar => "the grid".to_owned(),
        Axis::Bus => format!("bus {}", network.buses.id[BusIdx::from_row(row)]),
        Axis::Unit => network.unit_name(UnitIdx::from_row(row)),
        Axis::Branch => network.branch_name(BranchIdx::from_row(row)),
        Axis::Shunt => {
            let bus = network.shunts.bus[ShuntIdx::from_row(row)];
            format!("shunt {} at bus {}", row + 1, network.buses.id[bus])
        }
    }
}

fn about(entry: &Entry, code: &'static str, message: String) -> Diagnostic {
    Diagnostic { place: Some(entry.place.clone()), ..Diagnostic::error(code, message) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use powerflow::case;

    use super::*;

    #[test]
    fn what_it_does_not_look_at_never_reaches_the_model() {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/volt_var");
        let network = Network::build(case::read(&example.join("case118.m")).unwrap()).unwrap();
        let manifest = Manifest::read(&example.join("sound/candidate.toml")).unwrap();
        let io = IoMap::compile(&manifest, &network).unwrap();
        assert_eq!(io.looks_at(), [Observed::BusVm, Observed::UnitVSet]);

        let mut seen = Observations::zeros(&network, 2);
        for (i, cell) in seen.tensors.iter_mut().flat_map(|tensor| &mut tensor.data).enumerate() {
            *cell = i as f64;
        }
        let with_nothing_in = |quantity: &Observed| {
            let mut seen = seen.clone();
            seen.tensors[*quantity as usize].data.fill(f64::NAN);
            io.encode(&seen, &[0, 1])
        };
        let whole = io.encode(&seen, &[0, 1]);
        for quantity in Observed::LIST {
            let without = with_nothing_in(quantity);
            let reaches = without.inputs != whole.inputs || without.failed.iter().any(Option::is_some);
            assert_eq!(reaches, io.looks_at().contains(quantity), "{}", quantity.id());
        }
    }
}
