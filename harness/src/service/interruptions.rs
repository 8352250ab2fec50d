//! Interruptions of customers, counted as IEEE 1366 counts them: sustained ones and momentary ones.

use serde::{Deserialize, Serialize};

/// Longest interruption that is a momentary one, s. Source: IEEE Std 1366-2012, five minutes.
pub const MOMENTARY_S: f64 = 300.0;

/// Customers that lost their supply at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Layer {
    since_s: f64,
    customers: f64,
}

/// See the module. Where a share of a bus is without supply, so many of its customers are; those who lost it last have it back first.
#[derive(Clone, Debug, PartialEq)]
pub struct Interruptions {
    /// Who is without supply at each bus, the longest first.
    without: Vec<Vec<Layer>>,
    ended: Count,
    until_s: f64,
}

/// Interruptions, each counted once for every customer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// Sustained ones: longer than five minutes, or going on at the end, when nobody knows how long they will be.
    pub sustained: f64,
    /// Momentary ones.
    pub momentary: f64,
    /// Minutes of the sustained ones.
    pub minutes: f64,
}

impl Count {
    fn add(&mut self, customers: f64, duration_s: f64, goes_on: bool) {
        if goes_on || duration_s > MOMENTARY_S {
            self.sustained += customers;
            self.minutes = customers.mul_add(duration_s / 60.0, self.minutes);
        } else {
            self.momentary += customers;
        }
    }

    /// System average interruption frequency index: sustained interruptions for each customer served.
    pub fn saifi(&self, customers: f64) -> Option<f64> {
        (customers > 0.0).then(|| self.sustained / customers)
    }

    /// System average interruption duration index: minutes without supply for each customer served.
    pub fn saidi_min(&self, customers: f64) -> Option<f64> {
        (customers > 0.0).then(|| self.minutes / customers)
    }

    /// Customer average interruption duration index, minutes; `None` where nobody was interrupted.
    pub fn caidi_min(&self) -> Option<f64> {
        (self.sustained > 0.0).then(|| self.minutes / self.sustained)
    }

    /// Average service availability index: the share of the time in which a customer was served.
    pub fn asai(&self, customers: f64, minutes: f64) -> Option<f64> {
        self.saidi_min(customers).filter(|_| minutes > 0.0).map(|saidi_min| 1.0 - saidi_min / minutes)
    }

    /// Momentary average interruption frequency index: momentary interruptions for each customer served.
    pub fn maifi(&self, customers: f64) -> Option<f64> {
        (customers > 0.0).then(|| self.momentary / customers)
    }
}

impl Interruptions {
    /// Nobody is without supply at any of so many buses.
    pub fn new(buses: usize) -> Self {
        Interruptions { without: vec![Vec::new(); buses], ended: Count::default(), until_s: 0.0 }
    }

    /// From now on so many customers of a bus are without supply. Moments must not go back.
    pub fn observe(&mut self, bus: usize, at_s: f64, customers: f64) {
        let layers = &mut self.without[bus];
        let before: f64 = layers.iter().map(|layer| layer.customers).sum();
        if customers > before {
            layers.push(Layer { since_s: at_s, customers: customers - before });
        }
        let mut back = before - customers;
        while back > 0.0
            && let Some(last) = layers.last_mut()
        {
            let some = back.min(last.customers);
            self.ended.add(some, at_s - last.since_s, false);
            back -= some;
            last.customers -= some;
            if last.customers <= 0.0 {
                layers.pop();
            }
        }
    }

    /// What was observed last holds until then.
    pub fn until(&mut self, at_s: f64) {
        self.until_s = at_s;
    }

    /// All of them so far.
    pub fn count(&self) -> Count {
        let mut count = self.ended;
        for layer in self.without.iter().flatten() {
            count.add(layer.customers, self.until_s - layer.since_s, true);
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of storms.md 8: of 1000 customers 200 are without supply for an hour and 50 for half an hour.
    #[test]
    fn the_indices_are_those_of_the_worked_example() {
        let mut interruptions = Interruptions::new(3);
        interruptions.observe(0, 0.0, 200.0);
        interruptions.observe(1, 600.0, 50.0);
        interruptions.observe(1, 2400.0, 0.0);
        interruptions.observe(0, 3600.0, 0.0);
        interruptions.until(24.0 * 3600.0);
        let count = interruptions.count();
        assert_eq!(count.saifi(1000.0), Some(0.25));
        assert_eq!(count.saidi_min(1000.0), Some(13.5));
        assert_eq!(count.caidi_min(), Some(54.0));
        assert_eq!(count.asai(1000.0, 1440.0), Some(1.0 - 13.5 / 1440.0));
        assert_eq!(count.maifi(1000.0), Some(0.0));
        assert_eq!(count.saifi(0.0), None);
    }

    #[test]
    fn five_minutes_are_momentary_and_what_goes_on_is_not() {
        let mut interruptions = Interruptions::new(1);
        interruptions.observe(0, 0.0, 10.0);
        // Four more, back after exactly five minutes; then those of the beginning, after ten.
        interruptions.observe(0, 300.0, 14.0);
        interruptions.observe(0, 600.0, 10.0);
        interruptions.observe(0, 601.0, 3.0);
        interruptions.until(660.0);
        let count = interruptions.count();
        assert_eq!((count.momentary, count.sustained), (4.0, 10.0));
        assert!((count.minutes - (7.0 * 601.0 + 3.0 * 660.0) / 60.0).abs() < 1e-9);
        assert_eq!(Interruptions::new(1).count().caidi_min(), None);
    }
}
