//! A least-squares estimator that shares nothing with the program's: polar voltages, branch equations of the MATPOWER manual by
//! complex arithmetic of its own, derivatives by differences, dense normal equations by elimination with pivots.

use powerflow::Case;
use powerflow::Index;
use powerflow::estimation::{End, MeterKind, MeterSet};

#[derive(Clone, Copy)]
struct C(f64, f64);

impl C {
    fn polar(r: f64, angle: f64) -> C {
        C(r * angle.cos(), r * angle.sin())
    }
    fn plus(self, o: C) -> C {
        C(self.0 + o.0, self.1 + o.1)
    }
    fn times(self, o: C) -> C {
        C(self.0 * o.0 - self.1 * o.1, self.0 * o.1 + self.1 * o.0)
    }
    fn conj(self) -> C {
        C(self.0, -self.1)
    }
    fn inverse(self) -> C {
        let d = self.0 * self.0 + self.1 * self.1;
        C(self.0 / d, -self.1 / d)
    }
}

/// Power into both ends of every branch, and injections, at voltages of (angle, magnitude), reference angle left out.
fn read(case: &Case, set: &MeterSet, x: &[f64]) -> Vec<f64> {
    let n = case.buses.len();
    let row = |id| case.buses.iter().position(|bus| bus.id == id).expect("a bus");
    // The first bus is the reference of the case that this is for, at zero.
    let angle = |bus: usize| if bus == 0 { 0.0 } else { x[bus - 1] };
    let v: Vec<C> = (0..n).map(|bus| C::polar(x[n - 1 + bus], angle(bus))).collect();
    let mut injected = vec![C(0.0, 0.0); n];
    let mut flows = Vec::new();
    for branch in &case.branches {
        let (f, t) = (row(branch.from), row(branch.to));
        let y = C(branch.r_pu, branch.x_pu).inverse();
        let (gf, gt) = (branch.from_shunt_pu, branch.to_shunt_pu);
        let tap = C::polar(branch.tap, branch.shift_deg.to_radians());
        let minus = C(-y.0, -y.1);
        let square = tap.times(tap.conj()).inverse();
        let i_f = y
            .plus(C(gf.0, gf.1))
            .times(square)
            .times(v[f])
            .plus(minus.times(tap.conj().inverse()).times(v[t]));
        let i_t = minus.times(tap.inverse()).times(v[f]).plus(y.plus(C(gt.0, gt.1)).times(v[t]));
        let (s_f, s_t) = (v[f].times(i_f.conj()), v[t].times(i_t.conj()));
        injected[f] = injected[f].plus(s_f);
        injected[t] = injected[t].plus(s_t);
        flows.push((s_f, s_t));
    }
    for shunt in &case.shunts {
        let (bus, base) = (row(shunt.bus), case.base_mva.0);
        let taken = v[bus].times(v[bus].conj()).times(C(shunt.g_mw / base, -shunt.b_mvar / base));
        injected[bus] = injected[bus].plus(taken);
    }
    let of = |kind: MeterKind| match kind {
        MeterKind::Voltage(bus) => x[n - 1 + bus.row()],
        MeterKind::ActiveInjection(bus) => injected[bus.row()].0,
        MeterKind::ReactiveInjection(bus) => injected[bus.row()].1,
        MeterKind::ActiveFlow(branch, End::From) => flows[branch.row()].0.0,
        MeterKind::ActiveFlow(branch, End::To) => flows[branch.row()].1.0,
        MeterKind::ReactiveFlow(branch, End::From) => flows[branch.row()].0.1,
        MeterKind::ReactiveFlow(branch, End::To) => flows[branch.row()].1.1,
        other => panic!("{other:?} is not among these meters"),
    };
    set.meters.iter().map(|meter| of(meter.kind)).collect()
}

/// The least sum of squares, from one pu everywhere.
pub(crate) fn objective(case: &Case, set: &MeterSet, readings: &[Option<f64>]) -> f64 {
    let n = case.buses.len();
    let unknowns = 2 * n - 1;
    let mut x: Vec<f64> = (0..unknowns).map(|k| if k < n - 1 { 0.0 } else { 1.0 }).collect();
    let residual = |x: &[f64]| -> Vec<f64> {
        let read = read(case, set, x);
        let scaled = readings.iter().zip(&read).zip(&set.meters);
        scaled.map(|((z, h), meter)| (z.expect("a reading") - h) / meter.sigma).collect()
    };
    for _ in 0..30 {
        let at = residual(&x);
        let columns: Vec<Vec<f64>> = (0..unknowns)
            .map(|k| {
                let step = 1e-6;
                let moved = |by: f64| {
                    let mut x = x.clone();
                    x[k] += by;
                    residual(&x)
                };
                moved(-step).iter().zip(moved(step)).map(|(low, high)| (low - high) / (2.0 * step)).collect()
            })
            .collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let gain: Vec<Vec<f64>> =
            columns.iter().map(|a| columns.iter().map(|b| dot(a, b)).collect()).collect();
        let right: Vec<f64> = columns.iter().map(|column| dot(column, &at)).collect();
        let step = solved(gain, right);
        x.iter_mut().zip(&step).for_each(|(x, step)| *x += step);
        if step.iter().all(|step| step.abs() < 1e-9) {
            return residual(&x).iter().map(|r| r * r).sum();
        }
    }
    panic!("no dense estimate")
}

/// Gauss elimination with row pivots.
fn solved(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for k in 0..n {
        let pivot = (k..n).max_by(|i, j| a[*i][k].abs().total_cmp(&a[*j][k].abs())).expect("a row");
        a.swap(k, pivot);
        b.swap(k, pivot);
        for i in k + 1..n {
            let share = a[i][k] / a[k][k];
            let (above, below) = a.split_at_mut(i);
            below[0].iter_mut().zip(&above[k]).skip(k).for_each(|(x, y)| *x -= share * y);
            b[i] -= share * b[k];
        }
    }
    for k in (0..n).rev() {
        let known: f64 = (k + 1..n).map(|j| a[k][j] * b[j]).sum();
        b[k] = (b[k] - known) / a[k][k];
    }
    b
}
