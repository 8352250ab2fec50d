//! How long until what broke is back.

/// Mean time to repair a line in fair weather, h. Source: M. Panteli and others, IEEE Trans. Power Systems 32(6), 2017, as quoted in the
/// field; not re-read.
pub const LINE_H: f64 = 10.0;
/// The same where towers fell, h.
pub const TOWER_H: f64 = 50.0;
/// Crews go out when the wind at the place is below this, m/s.
pub const SAFE_M_S: f64 = 15.0;
/// Until they are there, h: at least and at most.
pub const ACCESS_H: (f64, f64) = (2.0, 12.0);
/// Spread of the logarithm of a repair time.
pub const SIGMA: f64 = 0.5;

/// By how much a repair takes longer after this strongest wind, m/s: at least and at most. Source as above.
pub fn longer(peak_m_s: f64) -> (f64, f64) {
    match peak_m_s {
        wind if wind <= 20.0 => (1.0, 1.0),
        wind if wind <= 40.0 => (2.0, 4.0),
        _ => (5.0, 7.0),
    }
}

/// One thing to be repaired.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Job {
    /// From when on a crew may begin, s.
    pub ready_s: f64,
    /// How long one crew takes, s.
    pub takes_s: f64,
    /// What is more urgent has a higher one.
    pub priority: f64,
}

/// When each job is done, s, by so many crews: whoever is free takes the most urgent job that is ready, the first in the list
/// among equals, and waits where none is. Repairing everything at once would understate what is not served by far.
pub fn schedule(jobs: &[Job], crews: usize) -> Vec<f64> {
    let mut done = vec![0.0; jobs.len()];
    let mut left: Vec<usize> = (0..jobs.len()).collect();
    let mut free_at = vec![0.0f64; crews.max(1)];
    while !left.is_empty() {
        let crew = (0..free_at.len()).fold(0, |best, i| if free_at[i] < free_at[best] { i } else { best });
        let earliest = left.iter().map(|job| jobs[*job].ready_s).fold(f64::INFINITY, f64::min);
        let now = free_at[crew].max(earliest);
        let mut taken: Option<usize> = None;
        for (place, job) in left.iter().enumerate().filter(|(_, job)| jobs[**job].ready_s <= now) {
            if taken.is_none_or(|best| jobs[*job].priority > jobs[left[best]].priority) {
                taken = Some(place);
            }
        }
        let Some(place) = taken else { break };
        let job = left.remove(place);
        free_at[crew] = now + jobs[job].takes_s;
        done[job] = free_at[crew];
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(ready_s: f64, takes_s: f64, priority: f64) -> Job {
        Job { ready_s, takes_s, priority }
    }

    #[test]
    fn few_crews_take_the_urgent_ones_first() {
        let jobs = [job(0.0, 10.0, 1.0), job(0.0, 10.0, 3.0), job(5.0, 1.0, 9.0), job(0.0, 2.0, 2.0)];
        assert_eq!(schedule(&jobs, 1), [23.0, 10.0, 11.0, 13.0]);
        // The second crew is free at 2 and takes the first job, as the third is not ready yet.
        assert_eq!(schedule(&jobs, 2), [12.0, 10.0, 11.0, 2.0]);
        // As many crews as jobs: each as soon as it is ready.
        assert_eq!(schedule(&jobs, 4), [10.0, 10.0, 6.0, 2.0]);
        assert_eq!(schedule(&[job(100.0, 1.0, 0.0)], 3), [101.0]);
    }

    #[test]
    fn no_crew_works_twice_at_once_and_all_work_is_done() {
        let jobs: Vec<Job> = (0..50)
            .map(|i| job(f64::from(i % 7) * 13.0, 1.0 + f64::from(i % 11), f64::from(i % 5)))
            .collect();
        for crews in [1, 3, 8] {
            let done = schedule(&jobs, crews);
            for (job, done_s) in jobs.iter().zip(&done) {
                let begun = done_s - job.takes_s;
                assert!(begun >= job.ready_s);
                let busy = jobs.iter().zip(&done).filter(|(j, d)| *d - j.takes_s <= begun && begun < **d);
                assert!(busy.count() <= crews);
            }
        }
    }
}
