//! Numbered pieces of work on threads, handed over in their order.

use std::collections::VecDeque;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, mpsc};

use powerflow::{Diagnostic, Diagnostics};

/// Pieces under way or waiting for one before them, for each thread: what bounds the memory.
const AHEAD: u64 = 8;

/// Works on the pieces of a range, one worker a thread, and hands over what each piece yields in the order of their numbers, whoever was quick.
///
/// # Errors
/// What `take` answers; `study.defect` where a worker panics.
pub(crate) fn in_order<W: Send, T: Send>(
    workers: &mut [W],
    pieces: Range<u64>,
    work: &(dyn Fn(&mut W, u64) -> T + Sync),
    take: &mut dyn FnMut(u64, T) -> Result<(), Diagnostics>,
) -> Result<(), Diagnostics> {
    let ahead = AHEAD * workers.len() as u64;
    // A worker takes the next number; one is handed out for each piece that was taken over, so that however slow one is, the others do
    // not run away and fill the memory.
    let (hand_out, numbers) = mpsc::channel::<u64>();
    let numbers = Mutex::new(numbers);
    let mut next = pieces.start;
    let (send, receive) = mpsc::channel::<(u64, Option<T>)>();
    std::thread::scope(|scope| {
        for worker in workers {
            let (send, numbers) = (send.clone(), &numbers);
            scope.spawn(move || {
                loop {
                    let number = numbers.lock().ok().and_then(|numbers| numbers.recv().ok());
                    let Some(number) = number else { break };
                    let done = catch_unwind(AssertUnwindSafe(|| work(worker, number))).ok();
                    let failed = done.is_none();
                    if send.send((number, done)).is_err() || failed {
                        break;
                    }
                }
            });
        }
        drop(send);
        // Dropped on every way out of here, which sends the workers home.
        let hand_out = hand_out;
        let mut give = || {
            if next < pieces.end && hand_out.send(next).is_ok() {
                next += 1;
            }
        };
        (0..ahead).for_each(|_| give());
        let mut waiting: VecDeque<Option<T>> = VecDeque::new();
        let mut taken = pieces.start;
        while taken < pieces.end {
            let Ok((number, done)) = receive.recv() else { return Err(defect(taken)) };
            let done = done.ok_or_else(|| defect(number))?;
            let at = (number - taken) as usize;
            if waiting.len() <= at {
                waiting.resize_with(at + 1, || None);
            }
            waiting[at] = Some(done);
            while let Some(Some(_)) = waiting.front() {
                if let Some(done) = waiting.pop_front().flatten() {
                    take(taken, done)?;
                }
                taken += 1;
                give();
            }
        }
        Ok(())
    })
}

fn defect(piece: u64) -> Diagnostics {
    let message = format!("the thread that worked on block {piece} failed");
    Diagnostic::error("study.defect", message).hint("this is a defect of gridgate: please report it").into()
}

/// The complaint of a study that was told to stop.
pub(crate) fn interrupted() -> Diagnostics {
    Diagnostic::error("study.interrupted", "the study was stopped before it was complete").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_handed_over_in_order_whoever_is_quick() {
        let mut workers = [(); 4];
        let slow = |_: &mut (), number: u64| {
            if number.is_multiple_of(7) {
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            number * number
        };
        let mut taken = Vec::new();
        let mut take = |number, square| {
            taken.push((number, square));
            Ok(())
        };
        in_order(&mut workers, 5..100, &slow, &mut take).expect("no worker fails");
        assert_eq!(taken, (5..100).map(|n| (n, n * n)).collect::<Vec<_>>());
    }

    #[test]
    fn a_worker_that_panics_is_a_defect_and_a_complaint_ends_the_work() {
        let break_at = |_: &mut (), number: u64| assert!(number != 3, "three");
        let complaints = in_order(&mut [()], 0..9, &break_at, &mut |_, ()| Ok(())).expect_err("a defect");
        assert_eq!(complaints.0[0].code, "study.defect");
        let stop = &mut |number, ()| if number == 2 { Err(interrupted()) } else { Ok(()) };
        let complaints = in_order(&mut [(), ()], 0..9, &|_, _| (), stop).expect_err("stopped");
        assert_eq!(complaints.0[0].code, "study.interrupted");
        in_order(&mut [], 4..4, &|_: &mut (), _| (), &mut |_, ()| Ok(())).expect("nothing to do");
    }
}
