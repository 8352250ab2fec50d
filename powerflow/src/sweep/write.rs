//! A row's voltages as numbers side by side, for callers that keep whole tables of them.

use crate::solution::BusStatus;
use crate::sweep::Answer;

impl Answer<'_> {
    /// Writes the voltages of all buses, pu, real and imaginary part one after the other, in file order.
    ///
    /// `re_im` has two numbers for each bus. Where a bus has no voltage both become NaN and `absent` is told its row; a
    /// table keeps them apart by that, not by the NaN, which is there so that who forgets to look finds no number.
    pub fn write_voltages(&self, re_im: &mut [f64], absent: &mut dyn FnMut(usize)) {
        let places = re_im.chunks_exact_mut(2).enumerate();
        let Some((voltage, status)) = self.voltage else {
            for (row, place) in places {
                place.fill(f64::NAN);
                absent(row);
            }
            return;
        };
        if self.all_live {
            for ((_, place), v) in places.zip(voltage) {
                place[0] = v.re;
                place[1] = v.im;
            }
            return;
        }
        for ((row, place), (v, status)) in places.zip(voltage.iter().zip(status)) {
            if *status == BusStatus::Live {
                place.copy_from_slice(&[v.re, v.im]);
            } else {
                place.fill(f64::NAN);
                absent(row);
            }
        }
    }
}
