//! Two islands that are connected again.

use powerflow::{Diagnostic, Diagnostics};

use super::super::plant::{Machines, Plant};
use super::super::ride_through::Monitor;
use super::{Guard, IslandFrequency};

impl IslandFrequency {
    /// Takes the units and devices of another island in, behind its own, with their states. The frequency is then the one that keeps the sum of
    /// both momenta; demand, injections and what there was to shed add up. Relays of load shedding are those of this island; time that
    /// units of the other had spent beyond a limit counts anew. The clock is this island's. Whether islands may be joined at all is [`Self::is_synchronous_with`].
    ///
    /// # Errors
    /// `frequency.join.aggregate` where one of them has no units one by one; `frequency.join.dead` where one has no frequency.
    pub fn join(&mut self, other: &Self) -> Result<(), Diagnostics> {
        if self.death.is_some() || other.death.is_some() {
            let message = "an island without a frequency cannot be joined with another";
            return Err(Diagnostic::error("frequency.join.dead", message).into());
        }
        let inertia = [self.plant.inertia(), other.plant.inertia()];
        let (Plant::Machines(mine), Plant::Machines(theirs)) = (&self.plant, &other.plant) else {
            let error =
                Diagnostic::error("frequency.join.aggregate", "an island of one aggregate cannot be joined");
            return Err(error.hint("describe its units one by one").into());
        };
        let own = mine.machines.len();
        let machines = mine.machines.iter().chain(&theirs.machines).cloned().collect();
        self.plant = Plant::Machines(Machines::new(machines));
        self.speed = (inertia[0] * self.speed + inertia[1] * other.speed) / (inertia[0] + inertia[1]);
        let shift_s = self.time_s - other.time_s;
        self.devices.extend(other.devices.iter().map(|device| device.shifted(shift_s)));
        for guard in &other.guards {
            let units = guard.units.iter().map(|unit| unit + own);
            match self.guards.iter_mut().find(|mine| mine.monitor.settings == guard.monitor.settings) {
                Some(mine) => mine.units.extend(units),
                None => {
                    let monitor = Monitor::new(guard.monitor.settings.clone());
                    self.guards.push(Guard { monitor, units: units.collect() });
                }
            }
        }
        self.load += other.load;
        self.load_before += other.load_before;
        self.fixed += other.fixed;
        self.step_max_s = self.step_max_s.min(other.step_max_s);
        self.stale = true;
        self.fit_step();
        Ok(())
    }
}
