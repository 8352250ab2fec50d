//! A row's voltages as numbers side by side, for callers that keep whole tables of them.

use crate::index::{BusIdx, Index};
use crate::sweep::Answer;

impl Answer<'_> {
    /// Writes the voltages of all buses, pu, real and imaginary part one after the other, in file order.
    ///
    /// `re_im` has two numbers for each bus. Where a bus has no voltage both become NaN and `absent` is told its row; a
    /// table keeps them apart by that, not by the NaN, which is there so that who forgets to look finds no number.
    pub fn write_voltages(&self, re_im: &mut [f64], absent: &mut dyn FnMut(usize)) {
        for (row, place) in re_im.chunks_exact_mut(2).enumerate() {
            match self.voltage(BusIdx::from_row(row)) {
                Some(v) => place.copy_from_slice(&[v.re, v.im]),
                None => {
                    place.fill(f64::NAN);
                    absent(row);
                }
            }
        }
    }
}
