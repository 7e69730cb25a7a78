//! What is known of a line, and what is told of it.
#![expect(
    clippy::float_cmp,
    reason = "the runs that are drawn are whole seconds, and so are their sums"
)]

use super::*;

fn traits(kind: u64) -> Traits {
    Traits { kind, caller: 0, args: 0, size: 0, quarter: 40 }
}

fn history(kind: u64, runs: &[f64]) -> History {
    let mut history = History::default();
    for &run in runs {
        history.add(traits(kind), run);
    }
    history
}

fn running(kind: u64, elapsed: f64) -> Running {
    Running { traits: traits(kind), elapsed, said: None, timeout: None }
}

fn waiting(kind: u64) -> Waiting {
    Waiting { traits: traits(kind), due: 0.0, timeout: None }
}

fn starts(line: &Line<'_>, history: &History) -> Vec<f64> {
    line.outlook(history).waits.iter().map(|told| told.unwrap().0.likely).collect()
}

#[test]
fn a_line_of_equal_runs_is_told_exactly() {
    let history = history(1, &[10.0; 20]);
    let (running, waiting) = ([running(1, 4.0), running(1, 1.0)], [waiting(1); 5]);
    let line = Line { slots: 2, running: &running, waiting: &waiting, seed: 7 };
    assert_eq!(starts(&line, &history), [6.0, 9.0, 16.0, 19.0, 26.0]);
    let outlook = line.outlook(&history);
    assert_eq!(outlook.ends[0], Spread { likely: 6.0, latest: 6.0 });
    assert_eq!(outlook.waits[4].unwrap().1, Spread { likely: 36.0, latest: 36.0 });
    assert_eq!(outlook.drained.likely, 26.0);
    assert_eq!(outlook, line.outlook(&history), "the same seed, the same outlook");
}

#[test]
fn what_has_run_long_is_no_fresh_draw() {
    // Nine of ten end after a minute, one after an hour.
    let runs: Vec<f64> = (0..40).map(|n| if n % 10 == 0 { 3600.0 } else { 60.0 }).collect();
    let history = history(1, &runs);
    let at = |elapsed| {
        let line =
            Line { slots: 1, running: &[running(1, elapsed)], waiting: &[waiting(1)], seed: 1 };
        starts(&line, &history)[0]
    };
    assert_eq!(at(0.0), 60.0);
    assert_eq!(at(600.0), 3000.0);
    // Longer than any before: as long again, half of the time.
    let beyond = at(10_000.0);
    assert!((5_000.0..20_000.0).contains(&beyond), "{beyond}");
}

#[test]
fn what_a_job_says_of_itself_counts_the_more_the_further_it_is() {
    let history = history(1, &[100.0; 20]);
    let left = |part: f64, elapsed: f64| {
        let said = Some(Said { part, elapsed: 90.0 });
        let job = Running { said, ..running(1, elapsed) };
        Line { slots: 1, running: &[job], waiting: &[], seed: 1 }.outlook(&history).ends[0].likely
    };
    assert_eq!(left(0.9, 90.0), 10.0);
    assert_eq!(left(0.75, 90.0), 30.0);
    assert_eq!(left(0.01, 90.0), 10.0, "at the very beginning its kind knows better");
    // Past 100, negative, and no number at all are no news; what went back is its last word.
    for none in [1.5, -1.0, 0.0, f64::NAN, f64::INFINITY] {
        assert_eq!(left(none, 90.0), 10.0, "{none}");
    }
    // It says that it is done and goes on: that may not hold up the line for ever, nor end it before now.
    assert_eq!(left(1.0, 95.0), 0.0);
}

#[test]
fn more_that_run_than_slots_must_end_before_one_is_free() {
    // P3
    let history = history(1, &[10.0; 20]);
    let running = [running(1, 9.0), running(1, 5.0), running(1, 2.0)];
    let line = Line { slots: 1, running: &running, waiting: &[waiting(1); 2], seed: 1 };
    assert_eq!(starts(&line, &history), [8.0, 18.0]);
    let none = Line { slots: 0, ..line }.outlook(&history);
    assert!(none.waits.is_empty(), "nothing ever starts: {none:?}");
    assert_eq!(none.ends.len(), 3);
}

#[test]
fn what_is_delayed_takes_its_place_by_its_acceptance_once_it_is_due() {
    // P2
    let history = history(1, &[10.0; 20]);
    let later = |due| Waiting { due, ..waiting(1) };
    let line =
        |waiting: &[Waiting]| starts(&Line { slots: 1, running: &[], waiting, seed: 1 }, &history);
    assert_eq!(line(&[later(15.0), waiting(1), waiting(1), waiting(1)]), [20.0, 0.0, 10.0, 30.0]);
    assert_eq!(line(&[later(25.0), waiting(1)]), [25.0, 0.0]);
    assert_eq!(line(&[waiting(1), later(500.0), later(100.0)]), [0.0, 500.0, 100.0]);
}

#[test]
fn whoever_comes_now_waits_for_nobody_who_is_delayed() {
    let history = history(1, &[10.0; 20]);
    let later = |due| Waiting { due, ..waiting(1) };
    let told = |slots, waiting: &[Waiting], job: Waiting| {
        let outlook = Line { slots, running: &[], waiting, seed: 1 }.outlook(&history);
        let (start, end) = outlook.newcomer(&job, &history);
        (outlook.drained.likely, start.likely, end.likely)
    };
    let day = 86_400.0;
    assert_eq!(told(1, &[later(day)], waiting(1)), (0.0, 0.0, 10.0));
    assert_eq!(told(4, &[later(day); 4], waiting(1)), (0.0, 0.0, 10.0));
    // Behind who is in line, and not behind who comes later than the slot is free.
    assert_eq!(told(1, &[waiting(1), later(day), waiting(1)], waiting(1)), (10.0, 20.0, 30.0));
    // Who is in line by then is older.
    assert_eq!(told(1, &[waiting(1), later(5.0)], waiting(1)), (0.0, 20.0, 30.0));
    // It may be delayed itself: between two others, together with one, behind them all.
    let line = [later(100.0), later(200.0)];
    assert_eq!(told(1, &line, later(150.0)).1, 150.0);
    assert_eq!(told(1, &line, later(100.0)).1, 110.0);
    assert_eq!(told(1, &line, later(300.0)).1, 300.0);
    let bounded = Waiting { timeout: Some(3.0), ..waiting(1) };
    assert_eq!(told(1, &line, bounded).2, 3.0);
}

#[test]
fn of_many_that_are_delayed_the_first_to_come_are_told() {
    // P12
    let history = history(1, &[10.0; 20]);
    let many = 5_000_u32;
    // One that is in line, and then those that are not: who comes first was accepted last.
    let later = (0..many).map(|n| Waiting { due: f64::from(many - n) * 20.0, ..waiting(1) });
    let waiting: Vec<_> = [waiting(1)].into_iter().chain(later).collect();
    let waits = Line { slots: 1, running: &[], waiting: &waiting, seed: 1 }.outlook(&history).waits;
    assert_eq!(waits[0].unwrap().0.likely, 0.0);
    assert_eq!(waits.last().unwrap().unwrap().0.likely, 20.0);
    let told = waits.iter().flatten().count();
    assert!((1_000..4_200).contains(&told), "{told} of {many}");
    assert_eq!(waits[1], None);
}

#[test]
fn a_timeout_bounds_what_is_told() {
    let history = history(1, &[100.0; 20]);
    let job = Waiting { timeout: Some(30.0), ..waiting(1) };
    let running = Running { timeout: Some(60.0), ..running(1, 20.0) };
    let line = Line { slots: 1, running: &[running], waiting: &[job, job], seed: 1 };
    assert_eq!(starts(&line, &history), [40.0, 70.0]);
}

#[test]
fn the_runs_most_alike_tell_and_others_help_out() {
    let mut history = History::default();
    let of = |caller, quarter| Traits { caller, quarter, ..traits(1) };
    for _ in 0..30 {
        history.add(of(1, 95), 10.0);
        history.add(of(2, 40), 1000.0);
        history.add(of(2, 41), 1000.0);
    }
    let start = |first: Traits| {
        let line = [Waiting { traits: first, due: 0.0, timeout: None }, waiting(1)];
        starts(&Line { slots: 1, running: &[], waiting: &line, seed: 1 }, &history)[1]
    };
    assert_eq!([start(of(1, 2)), start(of(2, 40))], [10.0, 1000.0]);
    // Around midnight is about the same time. Nobody knows this caller, but what runs at these hours; at others, all that runs.
    assert_eq!([start(of(3, 1)), start(of(3, 70))], [10.0, 1000.0]);
    // A kind that never ran is taken for any.
    assert!([10.0, 1000.0].contains(&start(traits(9))));
    assert_eq!((history.runs_of(1), history.runs_of(9)), (90, 0));
}

#[test]
fn what_is_started_together_runs_alike() {
    // Days of short runs, days of long ones: ten jobs of one day are all short or all long.
    let runs: Vec<f64> = (0..50).map(|n| if n / 25 == 0 { 10.0 } else { 1000.0 }).collect();
    let line = Line { slots: 1, running: &[], waiting: &[waiting(1); 10], seed: 3 };
    let start = line.outlook(&history(1, &runs)).waits[9].unwrap().0;
    assert!(start.latest >= 8.0 * 1000.0, "drawn one by one, it would be about 4,500: {start:?}");
}

#[test]
fn what_is_kept_is_bounded_and_what_is_no_time_is_not_kept() {
    // P12
    let mut history = history(1, &[1.0; 2 * history::KEPT]);
    for none in [-5.0, f64::NAN, f64::INFINITY] {
        history.add(traits(2), none);
    }
    assert_eq!((history.runs_of(1), history.runs_of(2)), (history::KEPT, 0));
}

#[test]
fn nine_of_ten_come_before_the_latest_although_the_plays_are_too_sure() {
    let mut scale = Scale::default();
    let (mut before, all) = (0, 5_000);
    for n in 0..all {
        let told = scale.told(Spread { likely: 100.0, latest: 110.0 });
        // Spread evenly from 50 to 150.
        let came = 50.0 + f64::from((n * 37) % 100);
        before += u32::from(came <= told.latest);
        scale.learn(told, came);
    }
    let share = f64::from(before) / f64::from(all);
    assert!((share - 0.9).abs() < 0.02, "{share}");
}
