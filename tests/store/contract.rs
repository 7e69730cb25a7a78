//! Which promises there are: each is an `async fn(Bed)` in the file of its area, and a test on each
//! backend.

/// A test for each promise, on the backend that `$open` opens.
macro_rules! honours_the_contract {
    ($open:path) => {
        $crate::store::contract::honours_the_contract! { $open:
            accept::an_accepted_job_is_told_as_it_is_stored,
            accept::labels_are_kept_with_their_job,
            accept::acceptance_numbers_are_drawn_in_commit_order,
            accept::one_key_makes_one_job_however_many_ask_at_once,
            accept::a_key_with_other_content_is_refused,
            accept::a_check_says_what_a_start_would,
            accept::a_queue_takes_as_many_as_may_wait,
            accept::waiting_arguments_take_as_many_bytes_as_they_may,
            accept::what_waits_is_known_after_a_restart,
            attempts::a_stale_fence_changes_nothing,
            attempts::a_start_is_recorded_once,
            attempts::an_end_commits_the_start_that_is_missing,
            attempts::an_end_that_proves_nothing_commits_no_start,
            attempts::an_attempt_keeps_what_it_was_told_and_how_it_ended,
            attempts::only_a_success_stores_its_result,
            attempts::open_attempts_come_by_rising_fence,
            cancels::a_waiting_job_is_canceled_at_once,
            cancels::a_claimed_job_is_canceled_when_its_attempt_ends,
            cancels::no_end_after_a_cancel_is_a_success,
            cancels::an_unkillable_tree_fails_its_job,
            cancels::the_first_wish_and_its_note_stay,
            cancels::what_ended_cannot_be_canceled,
            claims::the_oldest_job_of_each_queue_is_claimed_first,
            claims::no_job_is_claimed_twice,
            claims::jobs_of_other_kinds_are_passed_over,
            claims::a_delayed_job_takes_its_place_by_acceptance,
            claims::the_instant_of_claims_never_falls_along_a_queue,
            claims::a_paused_or_unknown_queue_gives_nothing,
            claims::a_plan_that_fails_is_claimed_with_its_reason,
            commits::a_caller_is_answered_after_the_sink,
            commits::the_sink_hears_every_event_in_order,
            commits::a_change_carries_the_row_as_of_its_event,
            commits::a_bad_write_fails_alone,
            commits::a_delay_that_ends_in_its_own_commit_is_told_as_over,
            commits::a_write_whose_caller_went_away_is_done,
            commits::all_that_was_answered_survives_a_restart,
            ends::failures_cost_attempts_and_pause_between_them,
            ends::a_job_lost_too_often_fails,
            ends::a_stop_gives_a_job_its_old_place_back,
            ends::an_interrupted_attempt_that_nobody_saw_end_is_no_loss,
            ends::at_most_once_means_once,
            ends::an_attempt_that_never_ran_counts_for_nothing,
            ends::a_final_state_never_changes,
            ends::a_cancel_that_nobody_asked_for_is_a_loss,
            ends::no_job_ends_before_it_started,
            filters::every_condition_finds_what_a_scan_finds,
            filters::some_conditions_match_nothing,
            filters::a_change_is_judged_as_of_its_event,
            filters::pages_join_in_every_order,
            filters::a_page_that_examined_enough_goes_on_where_it_was_cut,
            filters::what_is_few_is_found_in_any_order,
            filters::instants_of_acceptance_never_fall,
            lists::pages_join_without_gap_or_repeat,
            lists::rows_that_come_in_shift_no_page,
            lists::every_filter_finds_what_a_scan_finds,
            lists::a_count_stops_at_its_bound,
            lists::events_are_read_from_a_cursor_on,
            model::random_commands_do_what_the_model_does,
            queues::an_override_falls_when_the_file_changes,
            queues::the_first_pause_stays,
            queues::counts_tell_where_jobs_are,
            queues::the_first_in_line_waits_since_it_could_start,
            queues::ends_are_counted_by_the_minute,
            tokens::tokens_are_kept_as_they_were_made,
            tokens::the_first_token_may_do_all,
            tokens::so_many_tokens_are_live_and_no_more,
            tokens::a_revoked_token_takes_its_shares_with_it,
            tokens::only_who_is_somebody_makes_a_token,
            tokens::shares_that_are_over_go_with_the_next_one,
            tokens::of_tokens_that_are_over_the_last_thousand_are_kept,
            tokens::a_key_is_its_callers_own,
            tokens::who_asked_is_kept,
            tokens::a_callers_own_jobs_cost_their_page,
            workers::who_claimed_is_kept_with_the_job_and_its_attempt,
            workers::a_worker_was_seen_last_when_it_last_did_something,
        }
    };
    ($open:path: $($area:ident::$promise:ident),+ $(,)?) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $promise() {
            $crate::store::$area::$promise($open()).await;
        }
    )+ };
}

pub(crate) use honours_the_contract;
