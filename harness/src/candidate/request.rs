//! Requests one by one, and back to tensors.

use super::Decisions;
use crate::action::{Asked, AskedTensor};
use crate::observation::Tensor;

/// One value that is asked of one element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Request {
    pub(crate) quantity: Asked,
    /// Row of the element, from 0.
    pub(crate) element: u32,
    pub(crate) value: f64,
}

impl Request {
    pub(crate) fn of(&self) -> (Asked, u32) {
        (self.quantity, self.element)
    }
}

/// What each row asks, by quantity and element; of two requests for one thing the later counts, as in a grant.
pub(crate) fn of_rows(decisions: &Decisions, rows: usize) -> Vec<Vec<Request>> {
    let of_row = |row: usize| {
        let of_tensor = |tensor: &AskedTensor| -> Vec<Request> {
            let quantity = tensor.quantity;
            tensor.row(row).map(|(element, value)| Request { quantity, element, value }).collect()
        };
        let mut own: Vec<Request> = decisions.asked.iter().flat_map(of_tensor).collect();
        own.sort_by_key(Request::of);
        own.dedup_by(|later, kept| {
            let same = later.of() == kept.of();
            if same {
                *kept = *later;
            }
            same
        });
        own
    };
    (0..rows).map(of_row).collect()
}

/// The same requests as tensors, one for each quantity that anybody asks.
pub(crate) fn tensors(rows: &[Vec<Request>]) -> Vec<AskedTensor> {
    let of_quantity = |quantity: &Asked| {
        let mine = |request: &&Request| request.quantity == *quantity;
        let mut elements: Vec<u32> =
            rows.iter().flatten().filter(mine).map(|request| request.element).collect();
        elements.sort_unstable();
        elements.dedup();
        let cols = elements.len();
        let mut values = Tensor::zeros(rows.len(), cols);
        let mut given = vec![false; rows.len() * cols];
        for (row, requests) in rows.iter().enumerate() {
            for request in requests.iter().filter(mine) {
                let at = row * cols + elements.partition_point(|element| *element < request.element);
                values.data[at] = request.value;
                given[at] = true;
            }
        }
        (cols > 0).then_some(AskedTensor { quantity: *quantity, elements, values, given: Some(given) })
    };
    Asked::LIST.iter().filter_map(of_quantity).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_survive_the_way_to_tensors_and_back() {
        let request = |quantity, element, value| Request { quantity, element, value };
        let rows = vec![
            vec![request(Asked::UnitVSet, 1, 1.02), request(Asked::UnitVSet, 4, 0.99)],
            Vec::new(),
            vec![request(Asked::UnitVSet, 4, 1.0), request(Asked::ShuntStep, 0, 2.0)],
        ];
        let decisions = Decisions { asked: tensors(&rows), ..Decisions::none(3) };
        assert_eq!(of_rows(&decisions, 3), rows);
    }

    #[test]
    fn of_two_requests_for_one_thing_the_later_counts() {
        let tensor = |value| AskedTensor {
            quantity: Asked::UnitPSet,
            elements: vec![3],
            values: Tensor { rows: 1, cols: 1, data: vec![value] },
            given: None,
        };
        let decisions = Decisions { asked: vec![tensor(1.0), tensor(2.0)], ..Decisions::none(1) };
        assert_eq!(of_rows(&decisions, 1)[0][0].value, 2.0);
    }
}
