//! What turns: the swing equation of an island's centre of inertia and what drives it, from one event to the next.

use super::governor::{Governor, Range, STATES, States};

/// Power that no governor decides about, over one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Forcing {
    /// Injections less demand at nominal frequency, pu, at the start of the step.
    pub(super) power: f64,
    /// Its slope, pu/s.
    pub(super) slope: f64,
    /// Damping by demand, pu of power for a pu of frequency.
    pub(super) damping: f64,
}

/// The end of a step that has been computed and not been taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// Deviation of the frequency, pu.
    pub(super) speed: f64,
    /// Its slope just after the start and just before the end, pu/s.
    pub(super) slope: [f64; 2],
}

/// All turbines of an island as one, in deviations from the start: `-(Km / R) (FH + (1 - FH) / (1 + TR s))` of the frequency,
/// with a valve that stops where the reserve ends.
///
/// Between events it is linear with constant coefficients and an input that is at most a ramp. Its step is the Taylor series of
/// the exact solution, summed to rounding; that of the ordinary step length is a matrix, made once for every set of
/// coefficients.
#[derive(Clone, Debug)]
pub(super) struct Aggregate {
    /// 2 H, s.
    pub(super) inertia: f64,
    /// Km / R, pu.
    pub(super) gain: f64,
    /// FH.
    pub(super) fast_share: f64,
    /// TR, s.
    pub(super) reheat_s: f64,
    /// What the valve can do: closing, opening, pu; either may be infinite.
    pub(super) reserve: [f64; 2],
    /// Which stop the valve is at: 0 none, -1 closed, 1 open.
    pub(super) stop: i8,
    /// Valve behind the reheater, pu.
    pub(super) steam: f64,
    next_steam: f64,
    cached: Option<(f64, f64, Propagator)>,
}

/// `x(h) = matrix x(0) + power u + ramp r + valve c` for the state (speed, steam).
#[derive(Clone, Copy, Debug)]
struct Propagator {
    matrix: [[f64; 2]; 2],
    power: [f64; 2],
    ramp: [f64; 2],
    valve: [f64; 2],
}

/// Terms of the Taylor series: for a norm of at most one the first that is left out is below 1e-17.
const TERMS: u32 = 18;

impl Aggregate {
    pub(super) fn new(inertia: f64, gain: f64, fast_share: f64, reheat_s: f64, reserve: [f64; 2]) -> Self {
        Self {
            inertia,
            gain,
            fast_share,
            reheat_s,
            reserve,
            stop: 0,
            steam: 0.0,
            next_steam: 0.0,
            cached: None,
        }
    }

    /// The valve as (constant, slope with the frequency).
    fn valve(&self) -> (f64, f64) {
        match self.stop {
            0 => (0.0, self.gain),
            at if at > 0 => (self.reserve[1], 0.0),
            _ => (-self.reserve[0], 0.0),
        }
    }

    /// Mechanical power, as a deviation, pu.
    fn power(&self, speed: f64) -> f64 {
        let (valve, gain) = self.valve();
        self.fast_share * (valve - gain * speed) + (1.0 - self.fast_share) * self.steam
    }

    /// Rates of speed and steam for a forcing `power` and a valve at `valve` apart from its slope.
    fn rates(&self, [speed, steam]: [f64; 2], damping: f64, power: f64, valve: f64) -> [f64; 2] {
        let gain = self.valve().1;
        let valve = valve - gain * speed;
        let mechanical = self.fast_share * valve + (1.0 - self.fast_share) * steam;
        [(power + mechanical - damping * speed) / self.inertia, (valve - steam) / self.reheat_s]
    }

    /// The state after `h`, by its Taylor series in pieces that are short against the time constants.
    fn taylor(&self, mut x: [f64; 2], h: f64, forcing: Forcing, valve: f64) -> [f64; 2] {
        let gain = self.valve().1;
        let norm = ((forcing.damping + gain * self.fast_share + 1.0) / self.inertia)
            .max((gain + 1.0) / self.reheat_s);
        let pieces = (h * norm).ceil().max(1.0);
        let piece = h / pieces;
        for i in 0..pieces as u64 {
            let power = forcing.power + forcing.slope * (piece * i as f64);
            let mut term = self.rates(x, forcing.damping, power, valve);
            let mut sum = [x[0] + piece * term[0], x[1] + piece * term[1]];
            let mut scale = piece;
            for n in 2..=TERMS {
                // From the second derivative on only the slope of the input remains, and that only once.
                let input = if n == 2 { forcing.slope } else { 0.0 };
                term = self.rates(term, forcing.damping, input, 0.0);
                scale *= piece / f64::from(n);
                sum = [sum[0] + scale * term[0], sum[1] + scale * term[1]];
            }
            x = sum;
        }
        x
    }

    fn propagator(&mut self, h: f64, damping: f64) -> Propagator {
        if let Some((length, of, cached)) = self.cached
            && (length - h).abs() <= 1e-12 * h
            && of == damping
        {
            return cached;
        }
        let of = |x, power, slope, valve| self.taylor(x, h, Forcing { power, slope, damping }, valve);
        let (a, b) = (of([1.0, 0.0], 0.0, 0.0, 0.0), of([0.0, 1.0], 0.0, 0.0, 0.0));
        let made = Propagator {
            matrix: [[a[0], b[0]], [a[1], b[1]]],
            power: of([0.0; 2], 1.0, 0.0, 0.0),
            ramp: of([0.0; 2], 0.0, 1.0, 0.0),
            valve: of([0.0; 2], 0.0, 0.0, 1.0),
        };
        self.cached = Some((h, damping, made));
        made
    }

    fn attempt(&mut self, speed: f64, h: f64, whole: bool, forcing: Forcing) -> End {
        let valve = self.valve().0;
        let x = [speed, self.steam];
        let end = if whole {
            let p = self.propagator(h, forcing.damping);
            let row = |i: usize| {
                let input = p.power[i] * forcing.power + p.ramp[i] * forcing.slope + p.valve[i] * valve;
                p.matrix[i][0] * speed + p.matrix[i][1] * self.steam + input
            };
            [row(0), row(1)]
        } else {
            self.taylor(x, h, forcing, valve)
        };
        self.next_steam = end[1];
        let last = forcing.power + forcing.slope * h;
        End {
            speed: end[0],
            slope: [
                self.rates(x, forcing.damping, forcing.power, valve)[0],
                self.rates(end, forcing.damping, last, valve)[0],
            ],
        }
    }

    /// The frequency, pu, at which everything would come to rest; `None` where nothing holds it.
    fn rest(&self, forcing: Forcing) -> Option<f64> {
        let (valve, gain) = self.valve();
        let stiffness = forcing.damping + gain;
        (stiffness > 0.0).then(|| (forcing.power + valve) / stiffness)
    }
}

/// One unit, all powers in pu of its rating.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub(super) governor: Governor,
    pub(super) range: Range,
    /// Rating in pu of the system's base.
    pub(super) rating: f64,
    /// 2 H on the system's base, s.
    pub(super) inertia: f64,
    /// Dead zone of the governor, pu of frequency to each side.
    pub(super) deadband: f64,
    /// Share of the unit that its governor moves.
    pub(super) governed: f64,
    pub(super) connected: bool,
    pub(super) states: States,
}

impl Machine {
    /// The deviation that the governor acts on: it begins at the edge of the dead zone, without a step.
    fn seen(&self, speed: f64) -> f64 {
        speed - speed.clamp(-self.deadband, self.deadband)
    }

    /// Mechanical power on the system's base.
    pub(super) fn power(&self, states: &States, speed: f64) -> f64 {
        let power = self.governor.power(states, self.seen(speed), speed, &self.range);
        self.rating * (self.range.start + self.governed * (power - self.range.start))
    }
}

/// The units of an island one by one: the classical fourth-order method of Runge and Kutta.
#[derive(Clone, Debug)]
pub(super) struct Machines {
    pub(super) machines: Vec<Machine>,
    next: Vec<States>,
    stage: Vec<States>,
    rates: Vec<States>,
    total: Vec<States>,
}

impl Machines {
    pub(super) fn new(machines: Vec<Machine>) -> Self {
        let zero = vec![[0.0; STATES]; machines.len()];
        Self { machines, next: zero.clone(), stage: zero.clone(), rates: zero.clone(), total: zero }
    }

    fn inertia(&self) -> f64 {
        self.machines.iter().filter(|m| m.connected).map(|m| m.inertia).sum()
    }

    fn power(&self, speed: f64) -> f64 {
        self.machines.iter().filter(|m| m.connected).map(|m| m.power(&m.states, speed)).sum()
    }

    /// Slope of the frequency for the states in `stage`; leaves their rates in `rates`.
    fn evaluate(&mut self, speed: f64, forcing: Forcing, after: f64, inertia: f64) -> f64 {
        let connected = || self.machines.iter().zip(&self.stage).filter(|(m, _)| m.connected);
        let mechanical: f64 = connected().map(|(m, states)| m.power(states, speed)).sum();
        let power = forcing.power + forcing.slope * after;
        let slope = (power + mechanical - forcing.damping * speed) / inertia;
        for (i, machine) in self.machines.iter().enumerate().filter(|(_, m)| m.connected) {
            let states = &self.stage[i];
            // A machine delivers what its turbine gives and what its rotor gives up while it slows down. The share without a
            // governor is other machines': this one measures what it would deliver if it were all.
            let seen = machine.seen(speed);
            let turbine = machine.governor.power(states, seen, speed, &machine.range);
            let electric = turbine - machine.inertia * slope / machine.rating;
            self.rates[i] = machine.governor.rates(states, seen, electric, &machine.range);
        }
        slope
    }

    fn attempt(&mut self, speed: f64, h: f64, forcing: Forcing) -> End {
        let inertia = self.inertia();
        for (stage, machine) in self.stage.iter_mut().zip(&self.machines) {
            *stage = machine.states;
        }
        let first = self.evaluate(speed, forcing, 0.0, inertia);
        self.total.copy_from_slice(&self.rates);
        let (mut slope, mut sum) = (first, first);
        for (share, weight) in [(0.5, 2.0_f64), (0.5, 2.0), (1.0, 1.0)] {
            let ahead = share * h;
            for (i, machine) in self.machines.iter().enumerate() {
                for k in 0..STATES {
                    self.stage[i][k] = machine.states[k] + ahead * self.rates[i][k];
                }
            }
            slope = self.evaluate(speed + ahead * slope, forcing, ahead, inertia);
            sum += weight * slope;
            for (total, rates) in self.total.iter_mut().zip(&self.rates) {
                for k in 0..STATES {
                    total[k] += weight * rates[k];
                }
            }
        }
        for (i, machine) in self.machines.iter().enumerate() {
            for k in 0..STATES {
                self.next[i][k] = machine.states[k] + h / 6.0 * self.total[i][k];
            }
            machine.governor.limit(&mut self.next[i], &machine.range);
        }
        let end = speed + h / 6.0 * sum;
        self.stage.copy_from_slice(&self.next);
        let last = self.evaluate(end, forcing, h, inertia);
        End { speed: end, slope: [first, last] }
    }
}

/// One of both.
#[derive(Clone, Debug)]
pub(super) enum Plant {
    Aggregate(Aggregate),
    Machines(Machines),
}

impl Plant {
    /// 2 H of what is connected, s.
    pub(super) fn inertia(&self) -> f64 {
        match self {
            Plant::Aggregate(plant) => plant.inertia,
            Plant::Machines(plant) => plant.inertia(),
        }
    }

    /// Time constant with which the frequency follows a change of power at the least, s: what a step must resolve.
    pub(super) fn shortest_s(&self, damping: f64) -> f64 {
        let stiffness: f64 = match self {
            Plant::Aggregate(plant) => plant.gain * plant.fast_share,
            Plant::Machines(plant) => {
                let connected = plant.machines.iter().filter(|machine| machine.connected);
                connected.map(|m| m.rating * m.governed * m.governor.stiffness_pu()).sum()
            }
        };
        self.inertia() / (damping + stiffness)
    }

    /// Mechanical power, pu; of the aggregate only its deviation from the start.
    pub(super) fn power(&self, speed: f64) -> f64 {
        match self {
            Plant::Aggregate(plant) => plant.power(speed),
            Plant::Machines(plant) => plant.power(speed),
        }
    }

    /// Computes a step of length `h`; `whole` says that it is one of the ordinary length.
    pub(super) fn attempt(&mut self, speed: f64, h: f64, whole: bool, forcing: Forcing) -> End {
        match self {
            Plant::Aggregate(plant) => plant.attempt(speed, h, whole, forcing),
            Plant::Machines(plant) => plant.attempt(speed, h, forcing),
        }
    }

    /// Takes the step that was computed last.
    pub(super) fn take(&mut self) {
        match self {
            Plant::Aggregate(plant) => plant.steam = plant.next_steam,
            Plant::Machines(plant) => {
                for (machine, next) in plant.machines.iter_mut().zip(&plant.next) {
                    machine.states = *next;
                }
            }
        }
    }

    /// Forgets what was prepared for coefficients that no longer hold.
    pub(super) fn changed(&mut self) {
        if let Plant::Aggregate(plant) = self {
            plant.cached = None;
        }
    }

    /// Fastest movement within turbines and governors, pu/s of the system's base.
    pub(super) fn unrest(&mut self, speed: f64, forcing: Forcing) -> f64 {
        match self {
            Plant::Aggregate(plant) => {
                let valve = plant.valve().0;
                plant.rates([speed, plant.steam], forcing.damping, forcing.power, valve)[1].abs()
            }
            Plant::Machines(plant) => {
                let inertia = plant.inertia();
                for (stage, machine) in plant.stage.iter_mut().zip(&plant.machines) {
                    *stage = machine.states;
                }
                plant.evaluate(speed, forcing, 0.0, inertia);
                let connected = plant.machines.iter().zip(&plant.rates).filter(|(m, _)| m.connected);
                connected
                    .map(|(m, rates)| rates.iter().fold(0.0, |a: f64, r| a.max(r.abs())) * m.rating)
                    .fold(0.0, f64::max)
            }
        }
    }

    /// Deviation of the frequency at which the aggregate comes to rest, pu; `None` for units one by one, whose limits decide.
    pub(super) fn rest(&self, forcing: Forcing) -> Option<f64> {
        match self {
            Plant::Aggregate(plant) => plant.rest(forcing),
            Plant::Machines(_) => None,
        }
    }
}
